"""tasks.db: incidents, attempts, changes, evidence, patterns, and what people decided."""

from orchestrator.masking import mask
from orchestrator.store.alerts import Alerts, Taken, severity_of, target_of
from orchestrator.store.arranging import Arrange
from orchestrator.store.inbox import Inbox
from orchestrator.store.incidents import CLEAR_AFTER_SECONDS
from orchestrator.store.listing import Listing
from orchestrator.store.patterns import stage_after
from orchestrator.store.reader import Reader
from orchestrator.store.spending import Spending
from orchestrator.store.store import Store
from orchestrator.store.wanted import Wanted
from orchestrator.store.words import (
    Anomaly,
    Click,
    Lesson,
    Memory,
    Observed,
    QueryRefused,
    Spent,
    Stale,
    StoreDamaged,
    StoreFailed,
    StoreUnusable,
    Turn,
    Window,
)

__all__ = [
    "CLEAR_AFTER_SECONDS",
    "Alerts",
    "Anomaly",
    "Arrange",
    "Click",
    "Inbox",
    "Lesson",
    "Listing",
    "Memory",
    "Observed",
    "QueryRefused",
    "Reader",
    "Spending",
    "Spent",
    "Stale",
    "Store",
    "StoreDamaged",
    "StoreFailed",
    "StoreUnusable",
    "Taken",
    "Turn",
    "Wanted",
    "Window",
    "mask",
    "severity_of",
    "stage_after",
    "target_of",
]
