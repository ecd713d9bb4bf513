"""Language models behind one small protocol: text in, one JSON object by a schema out. None of them has a tool, a file or a secret.

Each call is a short-lived child of the daemon, which knows the backend's library; whatever goes wrong there is a ModelFailed here.
"""

from orchestrator.model import Cost
from phases.models.gate import Gate
from phases.models.models import Models
from phases.models.words import Asking, ModelFailed, Purse, Reply, Request, Turn, Usage

__all__ = ["Asking", "Cost", "Gate", "ModelFailed", "Models", "Purse", "Reply", "Request", "Turn", "Usage"]
