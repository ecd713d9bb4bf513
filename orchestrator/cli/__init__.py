"""The command line. Light to import, since the daemon starts here too: a command's module is loaded when it is called.

Exit status: 0 done; 1 no (nothing found, refused, a check failed); 64 usage; 75 try later; 78 configuration;
70 a bug in the program itself (sysexits.h: EX_SOFTWARE), which is nobody's usage, configuration or bad moment; 130 interrupted.
"""

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from orchestrator.cli.options import configured, raise_broken

_MODULES = {
    "run": "run",
    "check-config": "run",
    "status": "watch",
    "checks": "watch",
    "test-alert": "watch",
    "doctor": "doctor",
    "incidents": "incidents",
    "show": "incidents",
    "report": "incidents",
    "escalations": "people",
    "reviews": "reviews",
    "pause": "maintenance",
    "silence": "maintenance",
    "resume": "maintenance",
    "windows": "maintenance",
    "retry": "maintenance",
    "patterns": "patterns",
    "actions": "knowledge",
    "runbooks": "knowledge",
    "experts": "experts",
    "ask": "asking",
    "consult": "asking",
    "audit": "audit",
    "metrics": "numbers",
    "sql": "numbers",
    "dashboard": "dashboard",
    "hands": "hands",
}
"""Each command, and the module of this package that has it under its own name."""

_STATUSES = {
    "orchestrator.config.reading.ConfigError": os.EX_CONFIG,
    "orchestrator.knowledge.runbooks.RunbookError": os.EX_CONFIG,
    "orchestrator.knowledge.experts.ExpertError": os.EX_CONFIG,
    "orchestrator.store.words.StoreNewer": os.EX_CONFIG,
    "orchestrator.store.words.StoreDamaged": os.EX_TEMPFAIL,
    "orchestrator.store.words.StoreUnusable": os.EX_TEMPFAIL,
    "orchestrator.store.words.StoreFailed": os.EX_TEMPFAIL,
    "orchestrator.host.errors.Unavailable": os.EX_TEMPFAIL,
    "orchestrator.store.words.Stale": 1,
    "escalation.words.Unheard": os.EX_TEMPFAIL,
    "escalation.words.Unknown": 1,
    "escalation.words.StillStands": 1,
}
"""By name: an error's module is loaded when the error is there, and none is loaded to find out that it is not."""

_INTERRUPTED = 130


class Commands(click.Group):
    """Knows its commands by name, and turns whatever goes wrong into a line for people and an exit status."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _MODULES:
            return None
        found: click.Command = getattr(import_module(f"{__name__}.{_MODULES[cmd_name]}"), cmd_name.replace("-", "_"))
        return found

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as unknown:
            raise _with_hint(unknown, ctx, args) from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            done = super().invoke(ctx)
        except BrokenPipeError:  # whoever read (`head`) has seen enough; click would make a failure of it
            return 0
        except click.exceptions.Exit:
            raise_broken(ctx)
            raise
        raise_broken(ctx)
        return done

    def main(self, args: Sequence[str] | None = None, *rest: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Ends the program with its exit status, as click's own does; without `standalone_mode` it raises, as click's own does."""
        work = partial(super().main, args, *rest, standalone_mode=False, **extra)
        if not standalone_mode:
            return work()
        _let_streams_bear_all_text()
        sys.exit(_flushed(_status_of(work)))


def _with_hint(unknown: click.UsageError, ctx: click.Context, args: list[str]) -> click.UsageError:
    """`orchestrator ack 4` means a verb of a group."""
    group: click.Group = ctx.command  # type: ignore[assignment]  # whose command is unknown
    groups = ((name, group.get_command(ctx, name)) for name in group.list_commands(ctx))
    meant = [f"orchestrator {name} {' '.join(args)}" for name, one in groups if isinstance(one, click.Group) and args[0] in one.commands]
    hint = f" Did you mean `{'` or `'.join(meant)}`?" if meant else ""
    return click.UsageError(f"{unknown.message}{hint}", ctx)


def _status_of(work: Callable[[], Any]) -> int:
    try:
        answer = work()
    except click.UsageError as error:
        error.show()
        return os.EX_USAGE
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("aborted", err=True)
        return _INTERRUPTED
    except Exception as error:  # noqa: BLE001  # the last resort: never a traceback at an operator
        return _told(error)
    return answer if isinstance(answer, int) else 0


def _told(error: Exception) -> int:
    """What went wrong, in its own words; of a bug, one line with the place where it lies."""
    from orchestrator.cli.printing import clean  # noqa: PLC0415

    status = _STATUSES.get(f"{type(error).__module__}.{type(error).__qualname__}")
    if status is not None:
        click.echo(clean(str(error)), err=True)
        return status
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f" ({Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno})" if trace else ""
    one_line = " ".join(clean(str(error)).split())
    click.echo(f"Error: a bug in orchestrator itself: {type(error).__name__}: {one_line}{place}", err=True)
    return os.EX_SOFTWARE


def _let_streams_bear_all_text() -> None:
    """A terminal that cannot show a character must not end the program."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _flushed(status: int) -> int:
    """What is still in the buffer goes out now: at the interpreter's own end a closed pipe would be a complaint and status 120."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


@click.group(
    cls=Commands,
    epilog='Completion in bash: eval "$(_ORCHESTRATOR_COMPLETE=bash_source orchestrator)"; likewise zsh_source, fish_source.',
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.version_option(package_name="autonomous-orchestrator", prog_name="orchestrator")
@configured
def main() -> None:
    """Heals the host it runs on, and asks a person only when it could not.

    Begin with `status` (what is wrong now), `show N` (the story of one incident) and `doctor` (what the daemon itself lacks).
    """
