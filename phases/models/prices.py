"""What a model's tokens cost, in dollars a million: the operator's own table, then the shipped one, which says of when it is."""

import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from orchestrator.config import ModelSettings, Price

_AT_HOME = ("openai-compatible", "ollama")
"""What runs here, or for somebody who keeps his own books: without a price of the operator's own it costs no money."""


def price_of(settings: ModelSettings, own: Sequence[Price]) -> Price | None:
    """None where nobody knows: then only tokens are counted."""
    shipped = () if settings.backend in _AT_HOME else _shipped()
    return next((price for price in (*own, *shipped) if settings.model.startswith(price.model)), None)


@cache
def _shipped() -> tuple[Price, ...]:
    table = tomllib.loads(Path(__file__).with_name("prices.toml").read_text("utf-8"))
    return tuple(Price.model_validate(price) for price in table["price"])
