"""Prints the manual page of `orchestrator`: what the commands say of themselves, in man(7).

Run with the Python that the program is installed for.
"""

import os
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from textwrap import wrap

import click

import orchestrator.cli
from orchestrator.cli import main

_FILES = (
    ("/etc/autonomous-orchestrator/config.toml", "The settings, each with what it means. Further ones in conf.d/*.toml beside it."),
    ("/etc/autonomous-orchestrator/runbooks.d, experts.d", "Runbooks and experts of your own."),
    ("/var/lib/autonomous-orchestrator", "What happened: tasks.db and escalations.db, for root and the group orchestrator."),
    ("~/.config/autonomous-orchestrator, ~/.local/state/autonomous-orchestrator", "The same of a user who installed it for himself."),
)
_COLUMNS = 78
_SEE_ALSO = "systemctl (1), journalctl (1), systemd.unit (5)"


def text(words: str) -> str:
    """Words that roff cannot take for anything else; `code` in bold."""
    plain = words.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("^", "\\(ha").replace("~", "\\(ti")
    parts = plain.split("`")
    bold = "".join(f"\\fB{part}\\fR" if number % 2 else part for number, part in enumerate(parts))
    lines = wrap(bold, _COLUMNS, break_long_words=False, break_on_hyphens=False)
    return "\n".join(f"\\&{line}" if line.startswith((".", "\\(aq")) else line for line in lines)


def paragraphs(words: str, between: str = ".PP") -> Iterator[str]:
    """The paragraphs of a help text; what is laid out in lines keeps them."""
    for number, paragraph in enumerate(words.strip().split("\n\n")):
        if number:
            yield between
        lines = [line.strip() for line in paragraph.splitlines() if line.strip()]
        if lines and lines[0] == "\b":
            yield "\n.br\n".join(text(line) for line in lines[1:])
        else:
            yield text(" ".join(lines))


def options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and record[1] and "--help" not in record[0] and not record[0].startswith("--config"):
            yield f".TP\n\\fB{text(record[0])}\\fR\n{text(record[1])}"


def commands(group: click.Group, context: click.Context, above: str = "") -> Iterator[str]:
    """Each command with its usage, its help and its options; after a group's own those beneath it."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        inside = click.Context(command, info_name=name, parent=context)
        beneath = isinstance(command, click.Group)
        usage = "" if beneath else " ".join(command.collect_usage_pieces(inside)).replace("[OPTIONS]", "")
        yield f'.SS "{text(" ".join(f"{above} {name} {usage}".split()))}"'
        yield from paragraphs(command.help or "")
        yield from options(command, inside)
        if isinstance(command, click.Group):
            yield from commands(command, inside, f"{above} {name}")


def page(day: str, number: str) -> Iterator[str]:
    context = click.Context(main, info_name="orchestrator")
    about, _, more = (main.help or "").partition("\n\n")
    what = about.partition(",")[0].strip(". ").lower()
    yield f'.TH ORCHESTRATOR 1 "{day}" "autonomous\\-orchestrator {number}" "User commands"'
    yield f".SH NAME\norchestrator \\- {text(what)}"
    yield ".SH SYNOPSIS\n\\fBorchestrator\\fR [\\fB\\-\\-config\\fR \\fIFILE\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]"
    yield ".SH DESCRIPTION"
    yield from paragraphs(more)
    yield ".SH OPTIONS"
    yield ".TP\n\\fB\\-\\-config\\fR \\fIFILE\\fR"
    yield text("The settings, before the command or after it.")
    yield ".TP\n\\fB\\-\\-version\\fR, \\fB\\-h\\fR, \\fB\\-\\-help\\fR"
    yield text("The version; the help of a command.")
    yield ".SH COMMANDS"
    yield from commands(main, context)
    yield ".SH EXIT STATUS"
    yield from paragraphs((orchestrator.cli.__doc__ or "").partition("Exit status:")[2])
    yield ".SH FILES"
    for path, what in _FILES:
        yield f".TP\n\\fI{text(path)}\\fR\n{text(what)}"
    yield f".SH SEE ALSO\n{text(_SEE_ALSO)}"


def day() -> str:
    """Of the program itself, so that the page of one version is one page."""
    made = os.environ.get("SOURCE_DATE_EPOCH") or Path(orchestrator.cli.__file__).stat().st_mtime
    return time.strftime("%Y-%m-%d", time.gmtime(float(made)))


sys.stdout.write("\n".join(page(day(), version("autonomous-orchestrator"))) + "\n")
