"""What is known of a cause that nothing mended: the facts that a person would look at first, as one sentence for him."""

from orchestrator.model import Case

_CLUES = (
    ("setup.missing", "not there: {}"),
    ("config.test", "its configuration test {}"),
    ("config.missing", "gone since all was well: {}"),
    ("config.owner_mode", "owner or mode changed: {}"),
    ("config.changed_recently", "changed shortly before: {}"),
    ("config.added", "new in its configuration: {}"),
    ("package.half_done", "its package is half configured: {}"),
    ("loaded.stale", "replaced on disk since it was started: {}"),
    ("program.changed", "its program was changed: {}"),
    ("below.stopped", "stopped by an administrator: {}"),
    ("below.down", "what it needs is down: {}"),
    ("port.holder", "its port is held by {}"),
    ("rival.lock", "{}"),
    ("unit.failed_line", "a command of its unit fails: {}"),
    ("disk.full", "no room on {}"),
    ("disk.read_only", "read-only: {}"),
    ("memory.low", "the host has no memory left"),
    ("unit.end", "its last run: {}"),
    ("log.last", "it said last: {}"),
    ("log.container", "its container said last: {}"),
    ("journal.dropped", "{} of its lines were dropped, so that its log tells only a part"),
)
"""Facts, the nearest to a cause first. What a log says comes last: anybody may have written that."""
_DULL = {"config.test": ("passes", "unknown")}
_MOST = 4
_CHARACTERS = 300


def clues(case: Case) -> str:
    """The most telling facts of the case; empty when there are none."""
    facts = case.facts()
    told = [text.format(facts[name][:_CHARACTERS]) for name, text in _CLUES if facts.get(name) and facts[name] not in _DULL.get(name, ())]
    return "; ".join(told[:_MOST])
