"""How a browser is answered: a page, or the way back to the app by query, fragment or posted form. Values only.

A redirect URI comes in here only after it was found on the app registration: nobody can have a browser sent elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal, TypeAlias, get_args
from urllib.parse import urlencode, urlsplit

from entraid_emulator.apps import AppRegistration
from entraid_emulator.login.errors import LoginError, Trace, described, refused
from entraid_emulator.login.request import LoginRequest
from entraid_emulator.objects import Json

Mode = Literal["query", "fragment", "form_post"]
"""https://openid.net/specs/oauth-v2-multiple-response-types-1_0.html#ResponseModes and OAuth 2.0 Form Post."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """HTML to show.

    Attributes:
        html: the document.
        nonce: what its style and script elements carry.
        status: HTTP status.
    """

    html: str
    nonce: str
    status: HTTPStatus = HTTPStatus.OK


@dataclass(frozen=True, slots=True)
class Redirect:
    """A browser sent elsewhere; the URL may hold a code, so `repr` leaves it out."""

    url: str

    def __repr__(self) -> str:
        return "Redirect(***)"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedForm:
    """A form that the browser posts to the app."""

    url: str
    fields: Mapping[str, str]

    def __repr__(self) -> str:
        return "PostedForm(***)"


WayBack: TypeAlias = Redirect | PostedForm
Reply: TypeAlias = Page | WayBack


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyAddress:
    """Where an app is answered.

    Attributes:
        uri: the redirect URI, known to be registered.
        mode: how the parameters travel.
        state: what the app gave, to be given back; None if it gave nothing.
    """

    uri: str
    mode: Mode
    state: str | None

    def answer(self, parameters: Mapping[str, Json]) -> WayBack:
        """The way back with these parameters."""
        told = {name: str(value) for name, value in parameters.items() if value is not None}
        if self.mode == "form_post":
            return PostedForm(url=self.uri, fields=told)
        if self.mode == "fragment":
            return Redirect(f"{self.uri}#{urlencode(told)}")
        separator = "&" if urlsplit(self.uri).query else "?"
        return Redirect(f"{self.uri}{separator}{urlencode(told)}")

    def refusal(self, refusal: LoginError, trace: Trace, **more: str) -> WayBack:
        """The way back with an error."""
        told = {"error": refusal.error, "error_description": described(refusal, trace), **more}
        return self.answer({**told, "state": self.state})


def reply_address(app: AppRegistration, request: LoginRequest) -> ReplyAddress:
    """Where the request may be answered.

    Raises:
        LoginError: it names no redirect URI, or none of the app's.
    """
    uri = request.query.get("redirect_uri", "")
    if not uri:
        raise refused(900144, field="redirect_uri")
    if not app.replies_to(uri):
        raise refused(50011, uri=uri, client_id=app.client_id)
    return ReplyAddress(uri=uri, mode=_mode(request), state=request.query.get("state"))


def _mode(request: LoginRequest) -> Mode:
    """The mode asked for; one that does not exist is told by query, where `authorize` refuses it."""
    asked = request.query.get("response_mode", "query")
    modes: tuple[Mode, ...] = get_args(Mode)
    return next((mode for mode in modes if mode == asked), "query")
