"""Numbers in addresses. SQLite's are of 64 bits: a longer one is nobody's, and asking for it would be an error of its own."""

NUMBER = f"<int(max={2**63 - 1}):number>"


def is_number(text: str) -> bool:
    """Whether it is one that a row may have."""
    return text.isascii() and text.isdecimal() and len(text) < 19
