"""What is wrong with a data file that somebody wrote, in words."""

from pydantic import ValidationError


def problems(error: ValidationError) -> str:
    """Every problem with its place, on one line."""
    return "; ".join(f"{'.'.join(str(part) for part in one['loc']) or 'the whole'}: {one['msg']}" for one in error.errors())
