"""The configuration that is installed on a host that has none yet."""

import tomllib
from pathlib import Path

from orchestrator.config import Config, load

SHIPPED = Path(__file__).resolve().parents[2] / "systemd" / "config.toml"
ABSENT_BY_DEFAULT = {"agents": {"key_file", "login_dir"}, "mail": {"password_file"}, "notify": {"urls_file"}}


def _uncommented() -> str:
    """The file with every `#key` and `#[[table]]` switched on; prose comments begin with `# `."""
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    return "\n".join(line[1:] if line.startswith("#") and not line.startswith("# ") else line for line in lines)


def test_as_shipped_it_changes_nothing() -> None:
    """A host with the shipped file behaves as one without any."""
    assert load(SHIPPED) == Config()


def test_what_it_shows_are_the_defaults() -> None:
    """Each key shown in a [table] is real and shows its default; no key of such a table is left out."""
    shown = tomllib.loads(_uncommented())
    sections = {name: table for name, table in shown.items() if isinstance(table, dict)}
    defaults = Config().model_dump(mode="json", by_alias=True, include=set(sections))
    for name, extra in ABSENT_BY_DEFAULT.items():
        for key in extra:
            sections[name][key] = None
    assert sections == defaults


def test_every_example_is_accepted(tmp_path: Path) -> None:
    """With all comments taken away the file is a valid configuration that shows every table there is."""
    file = tmp_path / "config.toml"
    file.write_text(_uncommented())
    config = load(file)
    assert all(getattr(config, name) for name in Config.model_fields)
