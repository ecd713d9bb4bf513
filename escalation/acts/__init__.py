"""Every act of a person as a frozen word: what a form, an API call and a command line say, and how it is done."""

from collections.abc import Mapping

from escalation.acts import daemon, desk, questions
from escalation.acts.act import Act, Done, Undo, many, named
from escalation.words import StillStands, Unheard, Unknown

ACTS: Mapping[tuple[str, str], type[Act]] = named((*desk.ACTS, *questions.ACTS, *daemon.ACTS))
"""By what the number counts, and the verb."""

__all__ = ["ACTS", "Act", "Done", "StillStands", "Undo", "Unheard", "Unknown", "many"]
