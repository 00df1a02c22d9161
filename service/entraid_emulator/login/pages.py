"""The pages that people see, as HTML text. Plain forms with labels, no script needed, light and dark.

Names and ids last, so that tests can drive them: `select#user` and `input#other` choose who signs in, `button#accept`
and `button#cancel` decide, `#permissions` lists what is asked for, `#error` and `#code` say what went wrong, `#return`
leads back to the app, `input#user-code` and `button#next` are the device's.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from http import HTTPStatus

from entraid_emulator.login.errors import LoginError, Trace
from entraid_emulator.login.replies import Page, PostedForm

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #ffffff; --edge: #767676; --deed: #0f5ea8; --on: #ffffff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #f2f2f2; --paper: #1e1e1e; --edge: #9a9a9a; --deed: #8cc4ff; --on: #10202f; } }
body { background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; margin: 0; }
main { margin: 3rem auto; max-width: 34rem; padding: 0 1rem; overflow-wrap: anywhere; }
label { display: block; font-weight: 600; margin-top: 1rem; }
select, input { background: var(--paper); border: 1px solid var(--edge); box-sizing: border-box; color: inherit;
  font: inherit; padding: .5rem; width: 100%; }
button { border: 1px solid var(--deed); cursor: pointer; font: inherit; margin: 1.5rem .5rem 0 0; min-width: 7rem;
  padding: .5rem 1rem; background: var(--paper); color: var(--deed); }
button.deed { background: var(--deed); color: var(--on); }
a { color: var(--deed); }
:focus-visible { outline: 3px solid var(--deed); outline-offset: 2px; }
"""

_TITLES = {90094: "Need admin approval"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody to sign in as.

    Attributes:
        value: what the form sends.
        label: what is read.
        is_chosen: whether he is chosen at first.
    """

    value: str
    label: str
    is_chosen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a person is asked.

    Attributes:
        title: the heading.
        lead: a sentence below it.
        people: who may sign in.
        permissions: what is asked for, one line each.
    """

    title: str
    lead: str
    people: Sequence[Person]
    permissions: Sequence[str]


def consent(question: Question) -> Page:
    """Choose who signs in, read what is asked for, accept or cancel. The form comes back to the same URL."""
    people = "".join(_option(person) for person in question.people)
    permissions = "".join(f"<li>{escape(line)}</li>" for line in question.permissions)
    return _page(
        question.title,
        f"""<p>{escape(question.lead)}</p>
<form method="post" id="sign-in">
<label for="user">Sign in as</label>
<select id="user" name="user">{people}</select>
<label for="other">Or somebody else (user principal name)</label>
<input id="other" name="other" autocomplete="off" spellcheck="false">
<h2>Permissions requested</h2>
<ul id="permissions">{permissions}</ul>
<button class="deed" id="accept" name="decision" value="accept">Accept</button>
<button id="cancel" name="decision" value="cancel">Cancel</button>
</form>""",
    )


def refusal(told: LoginError, trace: Trace, *, back: str | None = None) -> Page:
    """What went wrong, in Entra's words; `back` is a way back to the app, known to be one of its own."""
    way = f'<p><a id="return" href="{escape(back)}">Return to the application</a></p>' if back else ""
    return _page(
        _TITLES.get(told.code, "Sorry, but we're having trouble signing you in."),
        f"""<p id="error" role="alert">{escape(str(told))}</p>
<dl><dt>Error code</dt><dd id="code">{told.code}</dd>
<dt>Trace ID</dt><dd>{escape(trace.trace_id)}</dd>
<dt>Correlation ID</dt><dd>{escape(trace.correlation_id)}</dd>
<dt>Timestamp</dt><dd>{escape(trace.timestamp)}</dd></dl>{way}""",
        status=told.status,
    )


def posted(form: PostedForm) -> Page:
    """A form on its way to the app; where scripts are off, its button sends it."""
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in form.fields.items()
    )
    return _page(
        "Working...",
        f"""<form method="post" action="{escape(form.url)}" id="answer">{fields}
<p>Script is disabled. Press the button to continue.</p>
<button class="deed" id="next">Continue</button></form>""",
        script="document.getElementById('answer').submit()",
    )


def device(*, hint: str = "") -> Page:
    """Where the user of a device types its code."""
    complaint = f'<p id="error" role="alert">{escape(hint)}</p>' if hint else ""
    return _page(
        "Enter code",
        f"""{complaint}<form method="get" id="device">
<label for="user-code">Code displayed on your device</label>
<input id="user-code" name="code" autocomplete="off" spellcheck="false" required>
<button class="deed" id="next">Next</button></form>""",
    )


def told(title: str, text: str) -> Page:
    """A page that says one thing."""
    return _page(title, f'<p id="told">{escape(text)}</p>')


def _option(person: Person) -> str:
    chosen = " selected" if person.is_chosen else ""
    return f'<option value="{escape(person.value)}"{chosen}>{escape(person.label)}</option>'


def _page(title: str, body: str, *, status: HTTPStatus = HTTPStatus.OK, script: str = "") -> Page:
    nonce = secrets.token_urlsafe(18)
    run = f'<script nonce="{nonce}">{script}</script>' if script else ""
    html = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(title)} - Entra emulator</title><style nonce="{nonce}">{_STYLE}</style></head>
<body><main><h1>{escape(title)}</h1>
{body}
<p><small>This is an emulator: it asks for no password.</small></p></main>{run}</body></html>
"""
    return Page(html=html, nonce=nonce, status=status)
