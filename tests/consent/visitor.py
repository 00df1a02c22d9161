"""An administrator with a browser of the least kind: cookies, links, forms, and redirects that a test looks at."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import requests

TIMEOUT = 20.0


class _Reader(HTMLParser):
    """Collects the text and the elements of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@dataclass(slots=True)
class Shown:
    """An answer: a page or a redirect."""

    response: requests.Response
    _read: _Reader = field(default_factory=_Reader)

    def __post_init__(self) -> None:
        if self.response.headers.get("Content-Type", "").startswith("text/html"):
            self._read.feed(self.response.text)

    @property
    def status(self) -> int:
        """HTTP status."""
        return self.response.status_code

    @property
    def location(self) -> str:
        """Where it leads."""
        return urljoin(self.response.url, self.response.headers["Location"])

    @property
    def text(self) -> str:
        """What a person reads."""
        return " ".join(" ".join(self._read.words).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every such element."""
        return [given for name, given in self._read.tags if name == tag]

    def fields(self) -> dict[str, str]:
        """The inputs of its form, by name."""
        return {given["name"]: given.get("value", "") for given in self.all("input") if "name" in given}


class Visitor:
    """A browser. Nothing is followed unless the test says so."""

    def __init__(self, ca_file: str) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = ca_file

    def open(self, url: str) -> Shown:
        """GET."""
        return Shown(self.session.get(url, allow_redirects=False, timeout=TIMEOUT))

    def send(self, page: Shown, **values: str) -> Shown:
        """The page's form with these values."""
        (form,) = page.all("form")
        url = urljoin(page.response.url, form.get("action") or page.response.url)
        data = {**page.fields(), **values}
        return Shown(self.session.post(url, data=data, allow_redirects=False, timeout=TIMEOUT))

    def press_connect(self, link: str, *, groups: str = "") -> str:
        """Opens a link, presses *Connect*, and tells which page of Entra follows."""
        page = self.open(link)
        assert page.status == 200, page.text
        sent = self.send(page, groups_to_sync=groups)
        assert sent.status == 303, sent.text
        return sent.location

    def decide(self, url: str, who: str, *, decision: str = "accept") -> str:
        """Opens a page of Entra, accepts or cancels as somebody, and tells where Entra sends the browser."""
        page = self.open(url)
        assert page.status == 200, page.text
        sent = self.send(page, other=who, decision=decision)
        assert sent.status == 302, sent.text
        return sent.location

    def to_consent(self, link: str, who: str, *, groups: str = "") -> str:
        """As far as the consent page of Entra."""
        back = self.open(self.decide(self.press_connect(link, groups=groups), who))
        assert back.status == 303, back.text
        return back.location

    def to_last_answer(self, link: str, who: str, *, groups: str = "") -> str:
        """As far as Entra's last answer, which is not given to the service yet."""
        return self.decide(self.to_consent(link, who, groups=groups), who)


def query_of(url: str) -> dict[str, str]:
    """The parameters of an address."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def with_query(url: str, **changes: str | None) -> str:
    """The address with other parameters; None takes one out."""
    values = {name: value for name, value in {**query_of(url), **changes}.items() if value is not None}
    return urlsplit(url)._replace(query=urlencode(values)).geturl()
