"""One app in one tenant, logged in through MSAL. Blocking: threads only.

Order: build MSAL's app (which reads the tenant's OpenID configuration), ask it for a token, translate what it raises,
check what comes back. When to ask is decided in `tokens`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from entraid_service.errors import CredentialsRejected, EntraidError, EntraUnavailable
from entraid_service.model.ids import is_guid
from entraid_service.model.secret import Secret
from entraid_service.oauth.claims import read_claims
from entraid_service.oauth.credentials import MsalCredential
from entraid_service.oauth.diagnose import diagnose, unreachable
from entraid_service.oauth.msalapp import HTTP_EXCEPTIONS, MSAL_FAILURES, MsalApp, build_app
from entraid_service.oauth.tenants import authority_of
from entraid_service.oauth.wire import LOGIN_FAILURES, LoginAnswer, LoginHttp, RefusedDocument
from entraid_service.ports import AccessToken

_DEFAULT_LIFETIME = 3599
"""Seconds, where the answer does not tell; MSAL assumes the same."""

_UNKNOWN_CERTIFICATE = "AADSTS700027"

_BUSY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True)
class LoginSite:
    """Where and how to reach the login side: base URL, the scope to ask for, trust, proxy, the longest wait."""

    url: str
    scope: str
    ca_bundle: Path | None
    proxy: Secret | None
    timeout: timedelta

    @property
    def host(self) -> str:
        """Host and port."""
        return urlsplit(self.url).netloc

    def http(self, *, is_local: bool = False) -> LoginHttp:
        """A client of its own; discovery and token request share the time there is. A local one uses no proxy."""
        proxy = None if is_local else self.proxy
        return LoginHttp(ca_bundle=self.ca_bundle, proxy=proxy, timeout=self.timeout / 2)

    def unreachable(self, error: BaseException) -> EntraUnavailable:
        """The error that a failed connection means."""
        return unreachable(error, host=self.host, through_proxy=bool(self.proxy))


class Login(Protocol):
    """Something that gets tokens by asking. Blocking; used by one thread at a time."""

    @property
    def site(self) -> LoginSite:
        """Where it asks."""

    def ask(self, *, claims_challenge: str = "", forget: bool = False) -> AccessToken:
        """A token; `forget` empties the cache before.

        Raises:
            CredentialsRejected: Entra refused, or issued a token of another tenant.
            EntraUnavailable: There was no proper answer.
        """


def refusal(answer: LoginAnswer, *, site: LoginSite, secret: Secret) -> EntraidError:
    """The error that an answer other than a token or a document means; the secret is not repeated in it."""
    body = without(secret, answer.json() or {})
    is_busy = answer.status_code in _BUSY or answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
    if "error" in body or is_busy:
        return diagnose(body, status=answer.status_code, retry_after=answer.retry_after)
    return site.unreachable(ValueError(f"status {answer.status_code}"))


def failure(error: Exception, last: LoginAnswer | None, *, site: LoginSite, secret: Secret) -> EntraidError:
    """What one of `MSAL_FAILURES` means after the answer that came last; the secret is not repeated in it."""
    if isinstance(error, OSError) and not isinstance(error, LOGIN_FAILURES):
        return CredentialsRejected(
            f"a file that proves the app cannot be read (`{error.filename}`): check that it is there and readable"
        )
    if isinstance(error, RefusedDocument):
        return refusal(error.answer, site=site, secret=secret)
    is_answer = not isinstance(error, LOGIN_FAILURES) and last is not None and last.status_code != HTTPStatus.OK
    return refusal(last, site=site, secret=secret) if is_answer and last else site.unreachable(error)


@dataclass(slots=True)
class AppLogin:
    """One app in one tenant, through one MSAL object. Blocking; used by one thread at a time."""

    site: LoginSite
    tenant: str
    client_id: str
    credential: MsalCredential = field(repr=False)
    secret: Secret
    thumbprint: str = ""
    _http: LoginHttp | None = field(default=None, init=False, repr=False)
    _app: MsalApp | None = field(default=None, init=False, repr=False)

    def ask(self, *, claims_challenge: str = "", forget: bool = False) -> AccessToken:
        """A token; `forget` empties the cache before.

        Raises:
            CredentialsRejected: Entra refused, or issued a token of another tenant.
            EntraUnavailable: There was no proper answer.
        """
        http = self._http = self._http or self.site.http()
        try:
            self._app = self._app or self._build(http)
            if forget:
                self._app.remove_tokens_for_client()
            answer = self._app.acquire_token_for_client(
                [self.site.scope],
                claims_challenge=claims_challenge or None,
                http_exceptions=HTTP_EXCEPTIONS,
            )
        except MSAL_FAILURES as error:
            raise failure(error, http.last, site=self.site, secret=self.secret) from error
        finally:
            http.close()
        return self._checked(answer or {}, http)

    def _build(self, http: LoginHttp) -> MsalApp:
        return build_app(self.client_id, self.credential, authority=authority_of(self.site.url, self.tenant), http=http)

    def _checked(self, answer: Mapping[str, object], http: LoginHttp) -> AccessToken:
        secret = answer.get("access_token")
        if not isinstance(secret, str) or not secret:
            last = http.last
            if last is not None and "error" not in answer:
                raise refusal(last, site=self.site, secret=self.secret)
            told = diagnose(
                without(self.secret, answer),
                status=last.status_code if last else HTTPStatus.BAD_REQUEST,
                retry_after=last.retry_after if last else None,
            )
            raise with_thumbprint(told, self.thumbprint)
        http.last = None
        token = token_of(secret, answer)
        if is_guid(self.tenant) and token.tenant_id not in (None, self.tenant.lower()):
            self._app = None
            raise CredentialsRejected(
                f"Entra answered with a token of tenant `{token.tenant_id}`, not of `{self.tenant}`: it is not used; "
                "check the tenant ID and the authority URL"
            )
        return token


def with_thumbprint(error: EntraidError, thumbprint: str) -> EntraidError:
    """The error of a certificate that the app does not know, with what to look for under the app's certificates."""
    if not thumbprint or not isinstance(error, CredentialsRejected) or error.aadsts != _UNKNOWN_CERTIFICATE:
        return error
    text = f"{error}; the certificate's thumbprint is `{thumbprint}`"
    return CredentialsRejected(text, aadsts=error.aadsts, trace_id=error.trace_id)


def token_of(secret: str, answer: Mapping[str, object]) -> AccessToken:
    """The token of a token answer, with what it tells about itself."""
    claims = read_claims(secret)
    lifetime = timedelta(seconds=_seconds(answer.get("expires_in")))
    return AccessToken(Secret(secret), datetime.now(UTC) + lifetime, tenant_id=claims.tenant_id, roles=claims.roles)


def without(secret: Secret, answer: Mapping[str, object]) -> dict[str, object]:
    """An answer in which the secret, should Entra repeat it, does not stand."""
    if not secret:
        return dict(answer)
    text = secret.reveal()
    return {name: value.replace(text, "***") if isinstance(value, str) else value for name, value in answer.items()}


def _seconds(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return _DEFAULT_LIFETIME
