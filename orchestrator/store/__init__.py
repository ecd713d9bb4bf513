"""tasks.db: incidents, attempts, changes, evidence, patterns, and what people decided."""

from orchestrator.store.arranging import Arrange
from orchestrator.store.inbox import Inbox
from orchestrator.store.incidents import CLEAR_AFTER_SECONDS
from orchestrator.store.listing import Listing
from orchestrator.store.masking import mask
from orchestrator.store.patterns import stage_after
from orchestrator.store.reader import Reader
from orchestrator.store.store import Store
from orchestrator.store.wanted import Wanted
from orchestrator.store.words import Click, Observed, QueryRefused, Stale, StoreFailed, StoreUnusable, Window

__all__ = [
    "CLEAR_AFTER_SECONDS",
    "Arrange",
    "Click",
    "Inbox",
    "Listing",
    "Observed",
    "QueryRefused",
    "Reader",
    "Stale",
    "Store",
    "StoreFailed",
    "StoreUnusable",
    "Wanted",
    "Window",
    "mask",
    "stage_after",
]
