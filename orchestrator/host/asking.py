"""`python -m orchestrator.host.asking PROBE`: one probe over the network, asked for who has none: the hands in their sandbox.

PROBE is its JSON. The exit status tells the kind of its failure (`probes.EXITS`); why stands in what it says.
"""

import sys

from pydantic import TypeAdapter

from orchestrator.config import HttpProbe, TcpProbe
from orchestrator.host.probes import EXITS
from orchestrator.host.view import View


def main() -> int:
    probe: HttpProbe | TcpProbe = TypeAdapter[HttpProbe | TcpProbe](HttpProbe | TcpProbe).validate_json(sys.argv[1])
    view = View()
    try:
        result = view.probe(probe)
    finally:
        view.close()
    sys.stdout.write(f"{result.detail}\n")
    return next((status for status, failure in EXITS.items() if failure == result.failure), 0 if result.ok else 1)


if __name__ == "__main__":
    sys.exit(main())
