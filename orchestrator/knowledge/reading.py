"""What is wrong with a data file that somebody wrote, in words."""

from pydantic import ValidationError


def problems(error: ValidationError) -> str:
    """Every problem with its place, on one line."""
    return "; ".join(_problem(".".join(str(part) for part in one["loc"]), one["msg"]) for one in error.errors())


def _problem(place: str, what: str) -> str:
    """What we found ourselves says its place itself."""
    own = what.removeprefix("Value error, ")
    return own if own != what and not place else f"{place or 'the whole'}: {own}"
