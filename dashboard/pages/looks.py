"""How each state looks: always a word, an icon and a colour together."""

from collections.abc import Mapping
from functools import lru_cache

from orchestrator.model import Word


class Look(Word):
    """`icon` is a symbol of static/icons.svg, `tone` a colour of static/house.css."""

    icon: str
    tone: str
    word: str


_LOOKS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "escalation": {
        "open": ("open", "orange"),
        "acknowledged": ("person", "blue"),
        "snoozed": ("moon", "grey"),
        "resolved": ("done", "green"),
    },
    "incident": {
        "open": ("open", "amber"),
        "healing": ("working", "blue"),
        "waiting": ("clock", "amber"),
        "fixed": ("done", "green"),
        "escalated": ("person", "orange"),
        "cleared": ("gone", "grey"),
        "dismissed": ("off", "grey"),
        "merged": ("merged", "grey"),
    },
    "severity": {"critical": ("critical", "red"), "high": ("high", "orange"), "warning": ("warning", "amber"), "info": ("info", "grey")},
    "outcome": {
        "healed": ("done", "green"),
        "progress": ("on", "blue"),
        "no_effect": ("off", "grey"),
        "rolled_back": ("undo", "amber"),
        "stranded": ("critical", "red"),
        "unproven": ("blind", "amber"),
        "interrupted": ("pause", "amber"),
        "denied": ("off", "grey"),
        "asked": ("ask", "blue"),
        "suggested": ("says", "grey"),
        "under way": ("working", "blue"),
    },
    "verdict": {"allow": ("done", "green"), "ask": ("ask", "blue"), "deny": ("off", "red")},
    "risk": {"low": ("info", "grey"), "medium": ("warning", "amber"), "high": ("critical", "red")},
    "stage": {"probation": ("clock", "amber"), "trusted": ("done", "green"), "demoted": ("off", "grey")},
    "proved": {
        "healed": ("done", "green"),
        "missed": ("merged", "amber"),
        "no_effect": ("off", "grey"),
        "rolled_back": ("undo", "amber"),
        "stranded": ("critical", "red"),
        "relapsed": ("history", "amber"),
        "moot": ("gone", "grey"),
    },
    "check": {"ok": ("done", "green"), "fault": ("open", "red"), "blind": ("blind", "amber"), "not yet": ("clock", "grey")},
    "stance": {
        "propose": ("says", "blue"),
        "nothing": ("gone", "grey"),
        "person": ("person", "orange"),
        "veto": ("off", "red"),
        "failed": ("blind", "grey"),
    },
    "question": {
        "pending": ("clock", "amber"),
        "approved": ("done", "green"),
        "rejected": ("off", "red"),
        "answered": ("says", "blue"),
        "expired": ("gone", "grey"),
        "withdrawn": ("gone", "grey"),
    },
    "mail": {"sent": ("mail", "green"), "waiting": ("clock", "amber"), "sending": ("working", "blue")},
    "fault": {"stands": ("open", "ink"), "gone": ("done", "green")},
}

MODES: Mapping[str, str] = {
    "observe": "it only records what it sees",
    "suggest": "it says what it would do, and does nothing",
    "approve": "it asks before every action",
    "auto": "it acts by itself within the policy, and asks where the policy says so",
}


@lru_cache(500)
def look(kind: str, state: object) -> Look:
    """A state that this version does not know is shown as it is."""
    icon, tone = _LOOKS[kind].get(str(state), ("info", "grey"))
    return Look(icon=icon, tone=tone, word=str(state).replace("_", " "))
