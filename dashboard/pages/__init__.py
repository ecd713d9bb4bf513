"""The pages: what the rows say, for a person who was woken. They read, and leave every act to its form's own route."""

from dashboard.pages import escalation, experts, frame, host, incident, lists, patterns, success
from dashboard.pages.blueprint import blueprint

__all__ = ["blueprint", "escalation", "experts", "frame", "host", "incident", "lists", "patterns", "success"]
