"""A browser of the least kind for tests: shows a page, fills its one form, follows nothing by itself."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from emulator.wire import TIMEOUT

_VOID = frozenset({"input", "meta"})


class _Reader(HTMLParser):
    """Collects what the tests look at."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, str] = {}
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        if tag not in _VOID:
            self._open.append(given.get("id", ""))

    def handle_endtag(self, tag: str) -> None:
        del tag
        if self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        for name in filter(None, self._open):
            self.texts[name] = self.texts.get(name, "") + data


@dataclass(slots=True)
class Shown:
    """An answer to the browser.

    Attributes:
        url: of the page.
        response: the answer itself.
    """

    url: str
    response: requests.Response
    _read: _Reader = field(default_factory=_Reader)

    def __post_init__(self) -> None:
        self._read.feed(self.response.text)

    @property
    def status(self) -> int:
        """HTTP status."""
        return self.response.status_code

    @property
    def location(self) -> str:
        """Where it is sent."""
        return self.response.headers["Location"]

    @property
    def sent(self) -> dict[str, str]:
        """The parameters it is sent on with, by query, fragment or posted form."""
        if "Location" not in self.response.headers:
            return {given["name"]: given["value"] for given in self.all("input")}
        parts = urlsplit(self.location)
        return {name: values[0] for name, values in parse_qs(parts.query or parts.fragment).items()}

    def text(self, name: str) -> str:
        """The text inside the element with that id; empty if there is none."""
        return self._read.texts.get(name, "").strip()

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every such element."""
        return [attributes for name, attributes in self._read.tags if name == tag]

    def with_id(self, name: str) -> dict[str, str]:
        """The attributes of the element with that id."""
        return next(attributes for _, attributes in self._read.tags if attributes.get("id") == name)


@dataclass(frozen=True, slots=True)
class Browser:
    """One person's browser."""

    session: requests.Session

    def open(self, url: str, **parameters: str) -> Shown:
        """GET a page; redirects are for the test to look at."""
        response = self.session.get(url, params=parameters or None, allow_redirects=False, timeout=TIMEOUT)
        return Shown(response.url or url, response)

    def decide(self, page: Shown, who: str = "", *, decision: str = "accept") -> Shown:
        """Send the page's form: sign in as somebody and accept or cancel."""
        (form,) = page.all("form")
        assert form["method"] == "post"
        url = urljoin(page.url, form.get("action", page.url))
        data: dict[str, Any] = {"other": who, "decision": decision}
        return Shown(url, self.session.post(url, data=data, allow_redirects=False, timeout=TIMEOUT))

    def visit(self, url: str, who: str, *, decision: str = "accept") -> Shown:
        """Open a page and decide at once."""
        page = self.open(url)
        assert page.status == requests.codes.ok, page.response.text
        return self.decide(page, who, decision=decision)
