from collections.abc import Iterator, Sequence
from contextlib import suppress

from orchestrator.checks.probe_failing import has_open_door
from orchestrator.config import Config
from orchestrator.host import NoRight, Unavailable, Unit, View
from orchestrator.host.journal import Line
from orchestrator.host.last_words import killed_from_outside, last_words
from orchestrator.host.own_logs import own_lines
from orchestrator.host.stops import STARTED, STARTING
from orchestrator.host.unit import DUMPED, KILLED
from orchestrator.knowledge.evidence import bounded, observation, unit_of
from orchestrator.knowledge.signs import signs_in
from orchestrator.knowledge.templates import template
from orchestrator.model import Case, Evidence, is_unit

_LINES = 400
"""A program that says what is wrong may say a long trace after it."""
_FRESH_SECONDS = 5.0
_SHOWN = 300
_NOISE_LINES, _NOISE_SECONDS = 500, 30.0
"""What it said so long before its users were answered last is no cause: strangers try passwords at every door, day and night."""
_AT_WORK_LINES, _AT_WORK_SECONDS = 3, 20.0
_AT_WORK_ON_A_START_SECONDS = 3600.0
_MAY_BE_CUT = "\n(nobody could have journald write down what it just heard: the last words may be missing)"


@observation(early=True)
def journal_lines(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """What the failing run said, with the known signs in it; and apart from that the lines that tell nothing of it.

    Lines of a log are attacker input: a sign points at a cause, and never alone justifies a change.
    """
    if not is_unit(case.fault.target):
        return
    unit = unit_of(case, view)
    fresh = not unit.running and not killed_from_outside(unit) and view.now() - unit.changed_at < _FRESH_SECONDS
    cut = fresh and not view.journal.catch_up()
    lines = view.journal.tail(case.fault.target, lines=_LINES)
    heard = last_words(lines, unit, answered_at=view.answered.get(case.fault.target, 0.0))
    unread = ""
    if not unit.running and all(line.trusted for line in heard):  # it has said nothing there
        try:
            lines = tuple(sorted((*lines, *_own_log(view, config, unit)), key=lambda line: line.at))
        except NoRight as trouble:
            unread = f"\n(its own log could not be read: {trouble})"
        heard = last_words(lines, unit)
    text = "\n".join(line.message for line in heard)
    yield Evidence(
        source="journal_lines",
        text=(bounded(text) or "the failing run itself has said nothing") + (_MAY_BE_CUT if cut else "") + unread,
        facts={**_without_noise(_signs(heard, unit, case), heard, view, unit), **_last(heard), **_at_work(heard, view, unit, case)},
    )
    before = "\n".join(line.message for line in lines if line not in heard)
    if before:
        yield Evidence(source="journal_before", text=bounded(before))


def _own_log(view: View, config: Config, unit: Unit) -> tuple[Line, ...]:
    """What the well-known server that it runs wrote into a file of its own."""
    service = config.service_of(unit.name)
    known = view.servers.of(service.target) if service else None
    return own_lines(view.mounts, known.logs, unit.name, view.now()) if known else ()


def _signs(heard: Sequence[Line], unit: Unit, case: Case) -> dict[str, str]:
    """A sign of danger is the program's own word: systemd's lines hold only names, as strange as a person may give them.

    A service that runs and is silent has refused nobody and read no damaged data: it hangs, whatever stands in its log. Nor does a
    program die of a signal because a login was refused.
    """
    found = signs_in("\n".join(line.message for line in heard))
    own = signs_in("\n".join(line.message for line in heard if not line.trusted)) if case.fault.reason != "NoAnswer" else {}
    if not unit.running and unit.exec_main_code in (KILLED, DUMPED):
        own.pop("danger.authentication", "")
    points = {name: line for name, line in found.items() if not name.startswith("danger.")}
    return points | {name: line for name, line in own.items() if name.startswith("danger.")}


def _without_noise(facts: dict[str, str], heard: Sequence[Line], view: View, unit: Unit) -> dict[str, str]:
    """A login that was refused while it served its users, in this same run, was refused by it to somebody, and not to it."""
    answered = view.answered.get(unit.name, 0.0)
    if "danger.authentication" not in facts or not answered:
        return facts
    lines = view.journal.tail(unit.name, lines=_NOISE_LINES)
    began = max((line.at for line in lines if line.trusted and line.fields.get("MESSAGE_ID") in (STARTING, STARTED)), default=0.0)
    own = [line for line in lines if not line.trusted and line.unit == unit.name]
    noise = {template(line.message) for line in own if began <= line.at < answered - _NOISE_SECONDS}
    left = [line.message for line in heard if not line.trusted and template(line.message) not in noise]
    facts = {name: line for name, line in facts.items() if name != "danger.authentication"}
    return facts | {name: line for name, line in signs_in("\n".join(left)).items() if name == "danger.authentication"}


def _last(heard: Sequence[Line]) -> dict[str, str]:
    """What the program itself said last: for a person, and never a condition."""
    own = [line.message.strip() for line in heard if not line.trusted and line.message.strip()]
    return {"log.last": own[-1][:_SHOWN]} if own else {}


def _at_work(heard: Sequence[Line], view: View, unit: Unit, case: Case) -> dict[str, str]:
    """What a run tells that has opened no door yet and is not at a loss: `migrating table 14 of 50`. It only ever keeps us from acting."""
    if not unit.running or case.fault.reason != "ConnectionRefused" or view.answered.get(unit.name, 0.0) >= unit.active_enter_at:
        return {}
    if view.now() - unit.active_enter_at > _AT_WORK_ON_A_START_SECONDS:
        return {}
    with suppress(Unavailable):
        if has_open_door(view, unit):
            return {}
    own = [line for line in heard if not line.trusted and view.now() - line.at < _AT_WORK_SECONDS]
    new = dict.fromkeys(line.message.strip() for line in own)
    if len(new) < _AT_WORK_LINES or signs_in("\n".join(new)):
        return {}
    return {"log.at_work": own[-1].message.strip()[:_SHOWN]}
