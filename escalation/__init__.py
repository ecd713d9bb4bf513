"""escalations.db: when a person has to take it. The desk writes it down, asks, and sends the mail."""

from escalation.desk import Desk
from escalation.front import FrontDesk
from escalation.rendering import seen, story, told
from escalation.words import APPROVED_SECONDS, AnswerStatus, Delivered, Escalation, Intervention, Kind, Mend

__all__ = [
    "APPROVED_SECONDS",
    "AnswerStatus", "Delivered", "Desk", "Escalation", "FrontDesk", "Intervention", "Kind", "Mend", "seen", "story", "told",
]  # fmt: skip
