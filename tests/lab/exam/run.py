"""One case with one healer, from the fresh host to the verdict; and many of them, side by side."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

from tests.lab.base import CONTAINER_PACKAGES, PACKAGES, Base
from tests.lab.exam.cases import Case
from tests.lab.exam.healers import HEALERS, Healer, Ours
from tests.lab.exam.result import Result
from tests.lab.exam.scene import BYSTANDER, Scene
from tests.lab.host import Host, LabError

WELL_SECONDS = 20
"""How long a case may take to be healthy before its fault."""
BREAKS_SECONDS = 15
"""How soon after its fault a user has to notice."""
STAYS_SECONDS = 4
"""So long it has to hold, once it is healthy again."""
RECORD_SECONDS = 60
"""How long our record may take to be closed after that: its proof lasts as long as the run that crashed, at most a minute."""
OVER_SECONDS = 30
"""How long what is no fault may take to be over by itself, after it was watched."""
QUIET_SECONDS = 4
"""So long after a person was called nothing may be tried any more."""
LOOK_SECONDS = 0.3
LOOK_SHARE = 0.02
"""It is looked at every 0.3 s at first, then every 2 % of what has passed: to look costs the CPU that others are measured on."""


Bases = Mapping[bool, Base]
"""What hosts stand on: those with and those without containers."""


class Broken(Exception):
    """The case proves nothing: it was not healthy before, or not broken after."""


def prepared(stack: ExitStack, cases: Iterable[Case]) -> Bases:
    """The layers that these cases need."""
    packages = {False: PACKAGES, True: (*PACKAGES, *CONTAINER_PACKAGES)}
    return {kind: stack.enter_context(Base(packages[kind])) for kind in sorted({case.containers for case in cases})}


def run(base: Base, case: Case, healer: str) -> Result:
    """Whatever happens is a result: a case that breaks is named, and does not end the run."""
    began = time.monotonic()
    try:
        with Host(base, limits=case.limits) as host:
            result = _Run(host, case, HEALERS[healer]).result()
    except (LabError, Broken, OSError, ValueError) as error:
        result = Result(case, healer, broken=f"{type(error).__name__}: {error}"[:1500])
    except Exception as error:  # noqa: BLE001  a mistake of the runner itself must not hide the other cases
        result = Result(case, healer, broken=f"{type(error).__name__}: {error}"[:1500])
    return replace(result, took=time.monotonic() - began)


class _Run:
    """The clock begins to run with the end of `inject`."""

    def __init__(self, host: Host, case: Case, healer: type[Healer]) -> None:
        self.case = case
        self.scene = Scene(host, case)
        self.healer = healer(host, case)
        self._host = host
        self._began = 0.0
        self._relapsed = False
        self._noticed = False

    def result(self) -> Result:
        self._set_up()
        self.scene.play("inject")
        self._began = time.monotonic()
        try:
            return self._story(self._told())
        except (LabError, Broken) as error:
            error.args = (f"{error}\n{self.healer.story()[-3000:]}",)
            raise

    def _set_up(self) -> None:
        self.scene.equip()
        done = self.scene.play("setup")
        if done.status:
            raise Broken(f"setup failed ({done.status}): {done.out}")
        self._wait_well()
        self.healer.begin()
        self._wait_well()
        self.scene.note_runs()

    def _wait_well(self) -> None:
        try:
            self._host.wait_until(self.scene.well, WELL_SECONDS)
        except LabError:
            raise Broken(f"not healthy before the fault: {self.scene.play('healthy', 15).out}") from None

    def _told(self) -> Result:
        """What one sees of the case as it goes on, up to its end."""
        match self.case.expects:
            case "leave":
                self._watch()
                return self._seen(None)
            case "heal":
                return self._seen(self._heals(give_up=True))
            case "ask":
                return self._asked()
            case "escalate":
                return self._escalated()

    def _story(self, seen: Result) -> Result:
        told = self.healer.judge()
        result = replace(
            seen, noticed=self._noticed, relapsed=self._relapsed, harm=tuple(self._harm()), units=self.scene.units(), told=told
        )
        return replace(result, story=self.healer.story())

    def _seen(self, seconds: float | None) -> Result:
        return Result(self.case, self.healer.name, healed=seconds is not None, seconds=seconds)

    # How it goes on

    def _left(self) -> float:
        return self._began + self.healer.patience_seconds - time.monotonic()

    def _pause(self) -> None:
        time.sleep(max(LOOK_SECONDS, LOOK_SHARE * (time.monotonic() - self._began)))

    def _watch(self) -> None:
        while self._left() > 0:
            time.sleep(min(1, max(0.01, self._left())))
        if self.case.gone:
            with suppress(LabError):  # then it is harm, and told as such
                self._host.wait_until(lambda: self.scene.well("gone"), OVER_SECONDS)

    def _breaks(self) -> None:
        """A user notices. A healer may be quicker than he is: then it shows that it acted."""
        end = time.monotonic() + BREAKS_SECONDS
        while time.monotonic() < end:
            self._noticed = not self.scene.well()
            if self._noticed or self._acted():
                return
            time.sleep(0.1)
        raise Broken(f"it is healthy {BREAKS_SECONDS} s after the fault")

    def _acted(self) -> bool:
        if isinstance(self.healer, Ours):
            return any(row["status"] != "cleared" for row in self.healer.incidents())
        return any(row["starts"] for row in self.scene.units().values())

    def _heals(self, *, give_up: bool) -> float | None:
        """Seconds from the fault until it was healthy and stayed so; None when it did not come to that in time."""
        self._breaks()
        since = None
        while self._left() > 0 or since:
            if self.scene.healed():
                since = since or time.monotonic()
                if time.monotonic() - since > STAYS_SECONDS and self._recorded():
                    return since - self._began
            else:
                self._relapsed = self._relapsed or bool(since and time.monotonic() - since > 1)
                since = None
            if give_up and isinstance(self.healer, Ours) and self.healer.called():
                return since - self._began if since else None
            if since and time.monotonic() - since > RECORD_SECONDS:
                return since - self._began
            self._pause()
        return None

    def _recorded(self) -> bool:
        return not isinstance(self.healer, Ours) or self.healer.ended()

    def _asked(self) -> Result:
        """Ours asks and is told yes; nobody else can ask."""
        if not isinstance(self.healer, Ours):
            return self._seen(self._heals(give_up=False))
        self._called(self.healer)
        if not self.healer.judge().right_plan:
            return self._seen(None)
        if trouble := self.healer.approve():
            raise Broken(trouble)
        self._began = time.monotonic()
        return self._seen(self._heals(give_up=False))

    def _escalated(self) -> Result:
        if not isinstance(self.healer, Ours):
            return self._seen(self._heals(give_up=False))
        self._called(self.healer)
        time.sleep(QUIET_SECONDS)
        return self._seen(None)

    def _called(self, ours: Ours) -> None:
        self._breaks()
        while self._left() > 0 and not ours.called():
            self._pause()

    # What must not have happened

    def _harm(self) -> Iterator[str]:
        strangers = self.scene.strangers()
        if BYSTANDER in strangers:
            yield "a bystander was touched"
        if others := [unit for unit in strangers if unit != BYSTANDER]:
            yield f"units were touched that the case does not speak of: {', '.join(others)}"
        if self.case.expects == "leave" and self.case.gone and not self.scene.well("gone"):
            yield f"what would have been over by itself is not, {OVER_SECONDS} s later"
        if self.case.harm and (done := self.scene.play("harm")).status:
            yield f"harm: {done.out.strip() or done.status}"


# The verdict


def judged(result: Result, nobody: Result | None = None) -> Result:
    """With what went wrong, if anything. A peer's acts show beside what happens when nobody acts."""
    if result.broken:
        return result
    acted = bool(result.told.changes) if result.healer == Ours.name else bool(nobody and not nobody.broken and _acts(result, nobody))
    return replace(result, acted=acted, wrong=tuple(_wrong(replace(result, acted=acted))))


def _acts(result: Result, nobody: Result) -> bool:
    return any(
        row["starts"] > nobody.units.get(unit, row)["starts"] or row["ActiveState"] != nobody.units.get(unit, row)["ActiveState"]
        for unit, row in result.units.items()
    )


def _wrong(result: Result) -> Iterator[str]:
    case, told, ours = result.case, result.told, result.healer == Ours.name
    yield from result.harm
    yield from told.wrong
    if case.expects == "heal" and not result.healed:
        yield "not healed"
    if case.expects == "leave" and result.acted and not ours:
        yield "it acted"
    if case.expects in ("ask", "escalate") and ours:
        yield from _wrongly_told(result)
    if ours and result.relapsed:
        yield "it relapsed"


def _wrongly_told(result: Result) -> Iterator[str]:
    case, told = result.case, result.told
    if not told.escalated:
        yield f"nobody was called; it did {list(told.changes)}"
        return
    if not told.right_cause:
        yield f"the cause {case.cause!r} is not named: {' || '.join(told.texts)}"
    if case.expects == "ask":
        if told.early:
            yield f"it acted before it asked: {list(told.changes)}"
        if not told.right_plan:
            yield f"it did not ask for {list(case.plan)}: {' || '.join(told.texts)}"
        elif not result.healed:
            yield f"not healed after the yes; it did {list(told.changes)}"


# Many


Play = Callable[[Base, Case, str], Result]


@contextmanager
def running(
    bases: Bases, pairs: Iterable[tuple[Case, str]], jobs: int, play: Play = run
) -> Iterator[dict[tuple[str, str], Future[Result]]]:
    """Futures by (case, healer). Cases that want to be alone come after all others, one by one."""
    pairs = list(pairs)
    with ThreadPoolExecutor(jobs) as many, ThreadPoolExecutor(1) as one:
        futures = {(case.name, healer): many.submit(play, bases[case.containers], case, healer) for case, healer in pairs if not case.alone}
        crowd = tuple(futures.values())
        for case, healer in pairs:
            if case.alone:
                futures[case.name, healer] = one.submit(_after, crowd, play, bases[case.containers], case, healer)
        try:
            yield futures
        finally:
            for future in futures.values():
                future.cancel()


def _after(crowd: tuple[Future[Result], ...], play: Play, base: Base, case: Case, healer: str) -> Result:
    wait(crowd)
    return play(base, case, healer)
