"""What a browser would send when the form of a page is submitted as it stands."""

from html.parser import HTMLParser


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, list[str]] = {}
        self._inside = False
        self._select = ""
        self._area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = "fields" in given.get("class", "")
        if not self._inside or "disabled" in given:
            return
        name = given.get("name", "")
        if tag == "input" and name:
            boxed = given.get("type") == "checkbox"
            if not boxed or "checked" in given:
                self._add(name, given.get("value", "on" if boxed else ""))
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            # Without a chosen one, browsers send the first.
            if "selected" in given or self._select not in self.fields:
                self.fields[self._select] = [given.get("value", "")]
        elif tag == "textarea":
            self._area = name
            self.fields.setdefault(name, [""])

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.fields[self._area] = [data]

    def _add(self, name: str, value: str) -> None:
        self.fields.setdefault(name, []).append(value)


def form_of(page: str) -> dict[str, str | list[str]]:
    """Names and values of the page's main form; several values where boxes share a name."""
    reader = _Reader()
    reader.feed(page)
    sent = {name: values for name, values in reader.fields.items() if name != "csrf"}
    return {name: values[0] if len(values) == 1 else values for name, values in sent.items()}
