"""Secrets are masked before they are stored: what is not on disk cannot leak from it."""


def mask(text: str) -> str:
    """The same text without passwords, tokens and keys."""
    raise NotImplementedError
