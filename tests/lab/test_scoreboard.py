"""Our own column of the scoreboard: each case comes out as it should, but those that are known to fail; and each really breaks."""

from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.lab.base import Base
from tests.lab.exam.cases import BadCases, Case, known_failures, load
from tests.lab.exam.result import Result
from tests.lab.exam.run import Bases, judged, prepared, run, running

CASES = load()
KNOWN = known_failures()
JOBS = 8
PROOF_SECONDS = 2
"""So long a case has to stay broken when nobody heals it; the whole scoreboard gives it all its time."""


@pytest.fixture(scope="module")
def asked(request: pytest.FixtureRequest) -> list[Case]:
    """The cases that this run is about."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function) and item.path == Path(__file__)]
    found = [item.callspec.params["case"] for item in items if hasattr(item, "callspec")]
    return [case for case in found if isinstance(case, Case)]


@pytest.fixture(scope="module")
def bases(base: Base, asked: list[Case]) -> Iterator[Bases]:
    """The layer that all hosts stand on, and where a case with containers is asked for, theirs."""
    with ExitStack() as stack:
        yield {False: base, **prepared(stack, [case for case in asked if case.containers])}


@pytest.fixture(scope="module")
def played(bases: Bases, asked: list[Case]) -> Iterator[dict[str, Future[Result]]]:
    """They are played side by side."""
    with running(bases, [(case, "ours") for case in asked], JOBS, proved) as futures:
        yield {name: future for (name, _), future in futures.items()}


def proved(base: Base, case: Case, healer: str) -> Result:
    """What was healed before a user noticed anything is broken once more, for nobody: it has to break, and to stay so."""
    result = run(base, case, healer)
    if result.broken or result.noticed or case.expects == "leave":
        return result
    nobody = run(base, case.model_copy(update={"patience_seconds": PROOF_SECONDS}), "none")
    by_itself = "it gets well by itself" if nobody.healed else ""
    return replace(result, broken=nobody.broken or by_itself or "".join(nobody.harm))


@pytest.mark.timeout(2400)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_comes_out_as_it_should(bases: Bases, played: dict[str, Future[Result]], case: Case) -> None:
    """For whoever uses the host, and in the daemon's own record. What was only late beside so many others is tried by itself."""
    result = judged(played[case.name].result())
    if not result.ok and not result.harm and case.name not in KNOWN:
        wait(played.values())
        result = judged(proved(bases[case.containers], case, "ours"))
    if case.name in KNOWN:
        assert not result.broken
        assert result.wrong, f"it is known to fail ({KNOWN[case.name]}), and came out as it should: take it from the list"
    else:
        assert result.ok, f"{case.about}\n{result.broken}{'; '.join(result.wrong)}\n{result.story}"


def test_the_exam_is_wide() -> None:
    """Enough kinds of faults, of what only a person may mend, of what is no fault, and of what is harder than one fault."""
    assert len(CASES) >= 60
    assert len({case.family for case in CASES}) >= 15
    for expects in ("escalate", "leave"):
        assert len([case for case in CASES if case.expects == expects]) >= 10, expects
    assert len([case for case in CASES if {"two-faults", "cascade"} & set(case.traits)]) >= 6
    assert len([case for case in CASES if "distractor" in case.traits]) >= 4


def test_what_is_known_to_fail_is_a_case() -> None:
    """Each with its reason."""
    assert KNOWN.keys() <= {case.name for case in CASES}
    assert all(KNOWN.values())


def test_a_mistyped_key_is_refused(tmp_path: Path) -> None:
    """It would quietly make the exam easier; all that is wrong is told at once, with file and case."""
    good = '[[case]]\nname = "{}"\nabout = "It is broken."\nexpects = "heal"\nsetup = "true"\ninject = "true"\nhealthy = "true"\n'
    (tmp_path / "cold.toml").write_text(good.format("frost") + 'hram = "false"\n' + good.format("ice") + 'cause = "winter"\n')
    with pytest.raises(BadCases) as wrong:
        load(tmp_path)
    assert [line.split(": ")[:2] for line in str(wrong.value).splitlines()] == [
        ["cold.toml, case frost", "hram"],
        ["cold.toml, case ice", "case"],
    ]
