"""The scoreboard: faults as data, each broken on a fresh host for each healer, and judged as the host's users would.

`scripts/bench exam` runs it; `tests/lab/test_scoreboard.py` runs our own column. A family of faults is a file, `FAMILY.toml`.
"""
