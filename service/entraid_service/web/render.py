"""Pages out of templates: every text is escaped on its way in, unless it is HTML already. Knows no single page."""

import re
from collections.abc import Sequence
from html import escape
from importlib import resources
from string import Template

_CODE = re.compile(r"`([^`]*)`")
_REFERENCE = re.compile(r"https://learn\.microsoft\.com/[A-Za-z0-9/_.#?=-]*[A-Za-z0-9]")
"""The only links that a message is given: those of our own tables. Texts of others stay texts."""


class Html(str):
    """A text that is HTML: markup in it was written by us, everything else is escaped."""

    __slots__ = ()


NOTHING = Html("")


class Templates:
    """The templates and static files of this package, read once."""

    def __init__(self) -> None:
        folder = resources.files("entraid_service.web")
        self._templates = {
            file.name.removesuffix(".html"): Template(file.read_text(encoding="utf-8"))
            for file in folder.joinpath("templates").iterdir()
            if file.name.endswith(".html")
        }
        self.static = {
            file.name: file.read_bytes()
            for file in folder.joinpath("static").iterdir()
            if file.name.endswith((".css", ".js"))
        }

    def fill(self, template: str, **values: str) -> Html:
        """A template with its places filled; each has to be."""
        return Html(self._templates[template].substitute({name: _safe(value) for name, value in values.items()}))

    def page(self, title: str, body: Html, *, head: Html = NOTHING) -> Html:
        """A whole page."""
        return self.fill("page", title=title, head=head, body=body)


def told(message: str) -> Html:
    """A message for people as they read it: a sentence, with its values set apart and its references as links."""
    text = message[:1].upper() + message[1:]
    is_link = _REFERENCE.fullmatch(message) is not None
    whole = message if is_link else text if text.endswith((".", "…")) else f"{text}."
    safe = _CODE.sub(r"<code>\1</code>", escape(whole))
    return Html(_REFERENCE.sub(r'<a href="\g<0>" rel="noreferrer noopener">\g<0></a>', safe))


def facts(pairs: list[tuple[str, str]]) -> Html:
    """A list of terms and values; nothing if there are none."""
    if not pairs:
        return NOTHING
    rows = "".join(f"<dt>{escape(term)}</dt><dd><code>{escape(value)}</code></dd>" for term, value in pairs)
    return Html(f'<dl class="facts">{rows}</dl>')


def permission_list(lines: Sequence[tuple[str, str]]) -> Html:
    """Permissions, each with a sentence."""
    rows = "".join(f"<dt><code>{escape(name)}</code></dt><dd>{told(sentence)}</dd>" for name, sentence in lines)
    return Html(f'<dl class="permissions">{rows}</dl>')


def _safe(value: str) -> str:
    return value if isinstance(value, Html) else escape(value, quote=True)
