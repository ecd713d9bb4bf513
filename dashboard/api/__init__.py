"""`/api/v1`: all that the pages can do, for programs. The same acts, the same operator, the same words.

A program shows a token. A page of our own may also look (GET) with the session of whoever reads it; to act it needs a token,
so that no cookie ever changes anything here.
"""

from dashboard.api.blueprint import blueprint
from dashboard.api.calls import CALLS

__all__ = ["CALLS", "blueprint"]
