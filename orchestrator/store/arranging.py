"""Roots and symptoms among the live rows: who is merged into whom."""

from collections.abc import Callable, Mapping, Sequence

from orchestrator.model import Fault, Json, Word
from orchestrator.store.base import AT_ONCE
from orchestrator.store.ledger import Ledger
from orchestrator.store.rows import all_readable, fault_of

Arrange = Callable[[tuple[Fault, ...]], Mapping[str, str]]
"""Every standing fault -> which symptom's key belongs to which root's key."""


class Arranged(Word):
    merged: tuple[int, ...] = ()
    freed: tuple[int, ...] = ()


def each_alone(faults: tuple[Fault, ...]) -> Mapping[str, str]:
    """The arrangement in which no fault is another's symptom."""
    del faults
    return {}


def arrange_live(ledger: Ledger, arrange: Arrange) -> Arranged:
    """Merge what `arrange` calls a symptom into its root, and free symptoms whose root is gone or closed."""
    rows = ledger.rows("SELECT * FROM tasks WHERE resolved_at IS NULL ORDER BY id")
    by_key = {row["key"]: row for row in rows}
    said = arrange(all_readable("incident", rows, fault_of))
    roots = _kept_in_hand(by_key, {key: root for key, root in said.items() if key != root and key in by_key and root in by_key})
    promoted = [row["id"] for key, row in by_key.items() if row["status"] == "merged" and key in roots.values() and key not in roots]
    _set_free(ledger, promoted)
    merged = _merge(ledger, by_key, roots)
    # A root that became a symptom itself hands its symptoms on. (`+`: what stands is found by `resolved_at`, among few rows;
    # by its status it would be sought among all symptoms that ever were.)
    ledger.run(
        """UPDATE tasks SET root_id = (SELECT root.root_id FROM tasks AS root WHERE root.id = tasks.root_id)
        WHERE resolved_at IS NULL AND root_id IN (SELECT id FROM tasks WHERE +status = 'merged' AND resolved_at IS NULL)"""
    )
    orphans = ledger.rows(
        """SELECT id FROM tasks WHERE +status = 'merged' AND resolved_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM tasks AS root WHERE root.id = tasks.root_id AND root.resolved_at IS NULL)"""
    )
    _set_free(ledger, [row["id"] for row in orphans])
    return Arranged(merged=merged, freed=(*promoted, *(row["id"] for row in orphans)))


def _kept_in_hand(by_key: Mapping[str, Json], roots: Mapping[str, str]) -> dict[str, str]:
    """Of two faults of one target the one that is being healed stays the root: what shows besides is part of its story."""
    turned = {
        root: key
        for key, root in roots.items()
        if by_key[key]["target"] == by_key[root]["target"]
        and by_key[key]["status"] == "healing"
        and by_key[root]["status"] in ("open", "merged")
    }
    return {key: root for key, root in roots.items() if turned.get(root) != key} | turned


def _merge(ledger: Ledger, by_key: Mapping[str, Json], roots: Mapping[str, str]) -> tuple[int, ...]:
    busy = {row["task_id"] for row in ledger.rows("SELECT task_id FROM attempts WHERE outcome IS NULL AND executed = 1")}
    # What a person was told of ends as itself: as a symptom it would go without a word to him.
    busy |= {row["task_id"] for row in ledger.rows("SELECT task_id FROM marks")}
    # Also what is already being looked into, as long as nothing was begun: a root may show later than its symptom.
    loose = ("open", "healing", "merged")
    free = {key for key, row in by_key.items() if row["status"] in loose and not row["approved"] and row["id"] not in busy}
    merged = []
    for key in sorted(free & roots.keys()):
        row, root = by_key[key], by_key[_final_root(key, roots, free)]
        if root["id"] not in (row["id"], row["root_id"]):
            ledger.update("tasks", row["id"], {"status": "merged", "root_id": root["id"], "next_at": None})
            if row["status"] != "merged":
                merged.append(int(row["id"]))
    return tuple(merged)


def _final_root(key: str, roots: Mapping[str, str], free: set[str]) -> str:
    """Follow symptom to root until one that is nobody's symptom, or that a repair or a person has in hand.

    Of faults that are called each other's symptoms, the first by name is the root: somebody must be.
    """
    passed = [key]
    while key in roots and key in free:
        key = roots[key]
        if key in passed:
            return min(passed[passed.index(key) :])
        passed.append(key)
    return key


def _set_free(ledger: Ledger, row_ids: Sequence[int]) -> None:
    for row_id in row_ids:
        ledger.update("tasks", row_id, {"status": "open", "root_id": None, "phase": 1, "next_at": AT_ONCE})
