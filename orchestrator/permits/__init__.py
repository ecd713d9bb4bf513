"""What may be done, asked again where it is done. Pure functions over plain words; nothing here asks the host.

`may_ever` needs the configuration alone: the policy asks it before a plan is judged, and whoever teaches one. `permits` is asked by
the hands right before they act, with what they themselves have recorded, saw of the host and heard of people: a brain that was
taken over can do nothing that the configuration does not allow, and cannot speak for a person.
"""

from orchestrator.permits.ever import may_ever, modes_of
from orchestrator.permits.gate import HOUR, NEEDS_A_PERSON, UNDO_SECONDS, permits, permits_undo
from orchestrator.permits.words import Asked, Performed, Reach, Reached, rule_name

__all__ = [
    "HOUR", "NEEDS_A_PERSON", "UNDO_SECONDS",
    "Asked", "Performed", "Reach", "Reached",
    "may_ever", "modes_of", "permits", "permits_undo", "rule_name",
]  # fmt: skip
