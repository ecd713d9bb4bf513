"""The roster: each role file is whole, each says what he reads, and what somebody wrote wrongly is told."""

import os
import re
from pathlib import Path

import pytest

from orchestrator.actions import all_actions
from orchestrator.knowledge import evidence
from orchestrator.knowledge.evidence import all_observations
from orchestrator.knowledge.experts import Expert, ExpertError, Opinion, load
from orchestrator.knowledge.plans import kinds_allowed
from orchestrator.model import Case, Evidence, Fault, Incident, Scope
from phases.looking import _KINDS
from tests.phases.test_consultation import Burn, Mend

ROLES = {
    "network", "dns", "tls", "web-server", "database", "cache", "queue", "storage", "filesystem", "memory", "cpu", "kernel", "containers",
    "systemd", "packages", "cron-and-timers", "time", "mail", "identity-and-permissions", "security", "capacity", "configuration",
    "change-management", "cause-sceptic", "blast-radius-reviewer", "minimal-action-operator",
}  # fmt: skip


def _case(*seen: Evidence, check: str = "unit_failed", target: str = "shop.service") -> Case:
    fault = Fault(check=check, target=target, reason="ExitCode", message="m")
    return Case(incident=Incident(id=1, fault=fault, detected_at=0.0), scope=Scope(target=target), evidence=seen)


def test_every_field_has_its_specialist() -> None:
    """One file each, with a brief that a model can work by, and no longer than the page that it stands on."""
    roster = {expert.name: expert for expert in load()}
    assert set(roster) >= ROLES
    assert all(8 <= len(expert.brief.strip().splitlines()) <= 20 for expert in roster.values())
    assert {expert.role for expert in roster.values()} == {"leader", "specialist", "support"}
    assert [expert.name for expert in roster.values() if expert.vetoes] == ["blast-radius-reviewer"]


@pytest.mark.parametrize("expert", load(), ids=lambda expert: expert.name)
def test_he_reads_what_is_there(expert: Expert) -> None:
    """Every source that a role file names is one that an observation writes, and no two lines of it are the same."""
    written = {name for path in Path(evidence.__path__[0]).glob("*.py") for name in re.findall(r'source="(\w+)"', path.read_text())}
    sources = written | {observation.name for observation in all_observations()} | {f"look {kind.what}" for kind in _KINDS}
    assert set(expert.reads) <= sources
    assert len(set(expert.reads)) == len(expert.reads)


@pytest.mark.parametrize("expert", load(), ids=lambda expert: expert.name)
def test_his_opinions_name_actions_that_exist(expert: Expert) -> None:
    """A step of a plan, or a kind that is vetoed, is an action of this program."""
    known = frozenset(kind.model_fields["kind"].default for kind in all_actions())
    steps = [step for opinion in expert.opinion for step in (*opinion.plan, *opinion.unless)]
    assert all(kinds_allowed(step, known) for step in steps)


def test_the_fit_is_how_closely_the_fault_is_described() -> None:
    """0: not his. 1: he may be asked about all. More: by the closest of the kinds that he knows, the target's name among them."""
    case = _case(Evidence(source="resources", text="", facts={"disk.full": "/"}))

    def fit(*knows: dict[str, str]) -> int:
        return Expert.model_validate({"name": "one", "about": "x", "reads": ("a",), "knows": knows}).fit(case)

    assert fit() == 1
    assert fit({"disk.full": "*"}) == 2
    assert fit({"disk.full": "*"}, {"disk.full": "*", "check": "unit_failed"}) == 3
    assert fit({"target": "~shop.*"}) == 2
    assert fit({"disk.full": ""}) == 0


def test_what_was_true_once_is_not_his_evidence() -> None:
    """Of each source he has the newest observation alone."""
    expert = Expert(name="one", about="x", reads=("resources",))
    before = Evidence(id=1, source="resources", text="", facts={"disk.full": "/"})
    now = Evidence(id=2, source="resources", text="", facts={"cpu.busy": "yes"})
    case = _case(before, Evidence(id=3, source="memory", text=""), now)
    assert expert.evidence(case) == (now,)
    assert "disk.full" not in expert.facts(case)


def test_everybody_hears_what_a_person_said() -> None:
    """And of looks each one that he reads: two files are two findings."""
    expert = Expert(name="one", about="x", reads=("look file",))
    sources = ("look file", "look file", "look unit", "person anna", "memory")
    case = _case(*(Evidence(id=number, source=source, text="") for number, source in enumerate(sources, 1)))
    assert [item.id for item in expert.evidence(case)] == [1, 2, 4]


def test_a_veto_falls_on_the_kinds_that_it_names() -> None:
    """A plan with one of them, unless a step beside it makes it harmless."""
    veto = Opinion(when={}, stance="veto", reasoning="it would not start again", plan=("mend",), unless=("burn",))
    assert veto.forbids((Mend(),))
    assert not veto.forbids((Burn(),))
    assert not veto.forbids((Mend(), Burn()))


def test_the_operator_adds_and_replaces(tmp_path: Path) -> None:
    """A file of his own is one more expert, or another one of that name."""
    (tmp_path / "shop.toml").write_text('name = "shop"\nabout = "Our shop."\nreads = ["journal_lines"]\n')
    (tmp_path / "dns.toml").write_text('name = "dns"\nabout = "Our names."\nreads = ["names"]\n')
    roster = {expert.name: expert for expert in load(tmp_path)}
    assert len(roster) == len(load()) + 1
    assert roster["shop"].about == "Our shop."
    assert roster["dns"].about == "Our names."


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('name = "x y"\nabout = "a"\nreads = ["names"]', "name"),
        ('name = "xy"\nabout = "a"\nreads = []', "reads"),
        ('name = "xy"\nabout = "a"\nreads = ["unit_stat", "unit_sate"]', "no 'unit_sate', did you mean 'unit_state'"),
        ('name = "xy"\nabout = "a"\nreads = ["names"]\n[[opinion]]\nwhen = {}\nstance = "propose"\nreasoning = "r"', "plan"),
        (
            'name = "xy"\nabout = "a"\nreads = ["job"]\n[[opinion]]\nwhen = {}\nstance = "propose"\nplan = ["restrat_unit"]\nreasoning="r"',
            "unknown action 'restrat_unit', did you mean 'restart_unit'",
        ),
        ('name = "xy"\nabout = "a"\nreads = ["names"]\nknows = [{ check = "~(" }]', "no regular expression"),
        ('name = "xy"\nabout = "a"\nreads = ["names"]\n[[opinion]]\nwhen = {}\nstance = "veto"\nreasoning = "r"', "veto"),
        ('name = "xy"\nabout = "a"\nreads = ["names"]\nvetoes = true\n[[opinion]]\nwhen = {}\nstance = "person"\nreasoning = "r"', "veto"),
        ('name = "xy"', "about"),
        ("name = ", "Invalid value"),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, text: str, told: str) -> None:
    """With the file's name and what is wrong."""
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(ExpertError, match=re.escape(str(tmp_path / "own.toml"))) as wrong:
        load(tmp_path)
    assert told in str(wrong.value)


def test_what_is_no_file_is_told_and_not_waited_for(tmp_path: Path) -> None:
    """A pipe would never end."""
    os.mkfifo(tmp_path / "own.toml")
    with pytest.raises(ExpertError, match=r"own\.toml: is no file"):
        load(tmp_path)
