"""The red team: a brain that was taken over, against the hands.

One lab host runs the shipped hands as root behind their socket. The attacker is the daemon's own user `orchestrator`, with the whole
source at hand and the socket open; where an attempt says so, it is a person of the group, the dashboard's user, or a stranger. It
sends what it likes (`attacker.py`, plain frames); `outside.py` looks at the host as root, before and after: files, owners, modes and
contents, accounts, units and their processes, what the hands keep. Each test is one line of truth: what was attempted changed nothing
that it may not. What is allowed (a declared unit may be restarted) is done, so that no wall is praised that is only a closed door.

    .venv/bin/pytest tests/redteam        # needs root and namespaces, as tests/lab does

A new attack is one more frame in a list, or a test of its own. Where one succeeds, the gate is mended first: the rule gets its test in
tests/policy or tests/actions, and the attempt stays here.
"""
