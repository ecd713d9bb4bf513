"""A page as its tags, for tests that ask what is in it."""

from html.parser import HTMLParser

Attributes = dict[str, str]


class Markup(HTMLParser):
    """Parsed at once. `tags` in their order; `text` is what a person reads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, Attributes]] = []
        self.loose: list[str] = []
        """What stands in a script or a style element."""
        self.text = ""
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        del tag
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in ("script", "style"):
            self.loose.append(data)
        else:
            self.text += data

    def all(self, *tags: str) -> list[Attributes]:
        return [attributes for tag, attributes in self.tags if tag in tags]

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]

    @property
    def links(self) -> list[str]:
        return [attributes["href"] for attributes in self.all("a")]

    @property
    def forms(self) -> list[tuple[str, str]]:
        return [(form.get("method", "get"), form.get("action", "")) for form in self.all("form")]
