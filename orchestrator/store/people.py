"""What people decide, what is kept between runs, and the daemon's own sign of life."""

from orchestrator.model import Json
from orchestrator.store.words import Click, Window


class People:
    def take_clicks(self) -> tuple[Click, ...]:
        """Decisions that this daemon has not seen yet, oldest first. One that a dead daemon took unanswered comes again."""
        raise NotImplementedError

    def answer_click(self, click_id: int, result: str) -> None:
        """What came of it, for the person to read; an answered click never comes again."""
        raise NotImplementedError

    def maintenance(self, now: float) -> tuple[Window, ...]:
        """The windows that are open at `now`."""
        raise NotImplementedError

    def pause(self, service: str, *, until: float, reason: str, actor: str) -> int:
        """Open a window; an empty `service` is the whole host."""
        raise NotImplementedError

    def resume(self, service: str, actor: str) -> int:
        """End the open windows of `service` (empty: those of the whole host); returns how many."""
        raise NotImplementedError

    def save_baseline(self, data: Json) -> None:
        """What ran here while all was well."""
        raise NotImplementedError

    def baseline(self) -> Json | None:
        """None before the first one was saved."""
        raise NotImplementedError

    def audit(self, actor: str, what: str, detail: Json) -> None:
        """Who did what: kept when incidents are not."""
        raise NotImplementedError

    def remember_tick(self, now: float, summary: Json) -> None:
        """The daemon lives: the one row that status and health read."""
        raise NotImplementedError
