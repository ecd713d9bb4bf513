"""The story of a case as plain text: what a person needs in the mail and on the page."""

from collections.abc import Sequence

from orchestrator.model import Case, Minute


def story(case: Case, minutes: Sequence[Minute] = ()) -> str:
    """What was seen, what was tried with verdict and outcome, what was ruled out, and the votes."""
    raise NotImplementedError
