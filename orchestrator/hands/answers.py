"""What the hands answer: plain data, whatever happened; nothing of a program's own words moves a cursor."""

from collections.abc import Callable

from pydantic import ValidationError

from orchestrator.hands.approvals import ApprovalRefused
from orchestrator.hands.record import RecordFailed
from orchestrator.host import ChangeFailed, Unavailable
from orchestrator.host.journal import clean
from orchestrator.model import Json

DETAIL_CHARACTERS = 1000


def guarded(act: Callable[[], Json], otherwise: Callable[[str], Json], *, reading: bool = False) -> Json:
    """What `act` answers; whatever it raises becomes an answer too. `reading`: and says that nothing is known."""
    try:
        return act()
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        return otherwise(f"not an action: {'.'.join(map(str, problem['loc']))}: {problem['msg']}"[:DETAIL_CHARACTERS])
    except (ChangeFailed, RecordFailed, ApprovalRefused) as error:
        said = str(error)
    except Unavailable as error:
        said = f"the host could not be asked: {error}"
    except Exception as error:  # noqa: BLE001  # a brain, of whatever mind, must never end the hands
        said = f"{type(error).__name__}: {error}"
    said = said[:DETAIL_CHARACTERS]
    return {**otherwise(said), "unavailable": said} if reading else otherwise(said)


def refused(why: str) -> Json:
    return answer(why, ok=False, refused=True)


def failed(why: str) -> Json:
    return answer(why, ok=False)


def answer(detail: str, *, ok: bool, refused: bool = False) -> Json:
    """What a program or a file's name said is hostile text: it is one line, and moves no cursor."""
    return {"ok": ok, "detail": " ".join(clean(detail).splitlines())[:DETAIL_CHARACTERS], "refused": refused}
