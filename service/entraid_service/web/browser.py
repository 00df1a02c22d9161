"""How a browser is recognized, and that a form which it sends is one that it was shown."""

import hmac
import secrets

from aiohttp import web

from entraid_service.connect.consent import LIFETIME, OUTCOME_LIFETIME, digest
from entraid_service.connect.route import cookie_name
from entraid_service.errors import ConsentLapsed
from entraid_service.model.consent import Consent

_COOKIE_BYTES = 32
_SHORTEST_COOKIE = 43
_FORM_TOKEN = "form/"  # noqa: S105 - a label, no secret
_TRUSTED_SITES = frozenset({"same-origin", "none"})


class BrowserMarks:
    """Sets and reads the cookie of each consent. Over https it gets the prefix that no other host can write.

    https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes
    """

    def __init__(self, *, is_https: bool) -> None:
        self._is_https = is_https

    def read(self, request: web.Request, consent: Consent) -> str:
        """What the browser shows for a consent, empty if nothing."""
        shown = request.cookies.get(self._name(consent), "")
        return shown if len(shown) >= _SHORTEST_COOKIE else ""

    def set(self, response: web.StreamResponse, consent: Consent, value: str) -> None:
        """Marks the browser. Lax, so that the cookie comes along when Entra sends the browser back."""
        response.set_cookie(
            self._name(consent),
            value,
            max_age=int((LIFETIME + OUTCOME_LIFETIME).total_seconds()),
            path="/",
            secure=self._is_https,
            httponly=True,
            samesite="Lax",
        )

    def _name(self, consent: Consent) -> str:
        return f"__Host-{cookie_name(consent)}" if self._is_https else cookie_name(consent)


def new_mark() -> str:
    """A value for a cookie."""
    return secrets.token_urlsafe(_COOKIE_BYTES)


def form_token(mark: str) -> str:
    """What a form that is shown to a browser carries; it cannot be computed without the cookie."""
    return digest(_FORM_TOKEN + mark).hex()


def check_form(request: web.Request, mark: str, *, token: str) -> None:
    """Refuses a form that another site sent, or that was never shown to this browser.

    Raises:
        ConsentLapsed: It was.
    """
    site = request.headers.get("Sec-Fetch-Site", "none")
    if not mark:
        raise ConsentLapsed(
            "your browser did not send the cookie that this page set: allow cookies for this site, open the link "
            "again, and press *Connect* within ten minutes"
        )
    if site not in _TRUSTED_SITES or not hmac.compare_digest(form_token(mark).encode(), token.encode()):
        raise ConsentLapsed("this form was not sent by the page that shows it: open the link again")
