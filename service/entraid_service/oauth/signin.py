"""An administrator's sign-in and consent to the service's own app, as Entra wants it asked and answers it.

The code flow is MSAL's (PKCE S256, state, nonce); what comes back is checked here, the ID token in `idtoken`. Where a
consent stands, and what it is bound to, is decided in `connect`.
"""

import hashlib
import json
import secrets
import threading
import warnings
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

from entraid_service.errors import CredentialsRejected
from entraid_service.model.connection import Credential, ServiceApp
from entraid_service.model.ids import TenantId
from entraid_service.model.secret import Secret
from entraid_service.oauth.applogin import LoginSite, failure, without
from entraid_service.oauth.credentials import MsalCredential, OwnApp, secret_of
from entraid_service.oauth.diagnose import diagnose, diagnose_redirect
from entraid_service.oauth.idtoken import Expected, claimed_tenant, key_id_of, proven_tenant, unknown_tenant
from entraid_service.oauth.msalapp import MSAL_FAILURES, MsalApp, build_app
from entraid_service.oauth.publishedkeys import PublishedKeys, published_keys
from entraid_service.oauth.tenants import authority_of, configuration_url
from entraid_service.oauth.threads import LoginThreads
from entraid_service.oauth.wire import LOGIN_FAILURES, LoginHttp, RefusedDocument
from entraid_service.ports.consent import SignIn

T = TypeVar("T")

_ANY_ORGANIZATION = "organizations"
_STATE_BYTES = 32
_NO_SUCH_TENANT = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND})
_ANSWERS = ("code", "state")
"""What is taken over from a redirect; anybody can put more into one."""


class MsalSignIn:
    """Implements `ports.SignInAuthority`."""

    def __init__(self, app: OwnApp, *, credential: MsalCredential, site: LoginSite, threads: LoginThreads) -> None:
        self._app = app
        self._credential = credential
        self._site = site
        self._threads = threads
        self._warnings_lock = threading.Lock()

    @property
    def client_id(self) -> str:
        """See `ports.SignInAuthority.client_id`."""
        return self._app.client_id

    @property
    def credential(self) -> Credential:
        """See `ports.SignInAuthority.credential`."""
        return ServiceApp()

    @property
    def origin(self) -> str:
        """See `ports.SignInAuthority.origin`."""
        parts = urlsplit(self._site.url)
        return f"{parts.scheme}://{parts.netloc}"

    async def begin(self, *, tenant: str, redirect_uri: str) -> SignIn:
        """See `ports.SignInAuthority.begin`."""
        return await self._run(lambda http: self._begin(tenant or _ANY_ORGANIZATION, redirect_uri, http=http))

    async def prove(self, memory: Secret, answer: Mapping[str, str]) -> TenantId:
        """See `ports.SignInAuthority.prove`."""
        self.check_answer(answer)
        return await self._run(lambda http: self._prove(json.loads(memory.reveal()), answer, http=http))

    def consent_url(self, tenant_id: TenantId, *, redirect_uri: str, state: str) -> str:
        """See `ports.SignInAuthority.consent_url`."""
        query = urlencode(
            {
                "client_id": self._app.client_id,
                "scope": self._site.scope,
                "redirect_uri": redirect_uri,
                "state": state,
            }
        )
        return f"{authority_of(self._site.url, tenant_id)}/v2.0/adminconsent?{query}"

    def check_answer(self, answer: Mapping[str, str]) -> None:
        """See `ports.SignInAuthority.check_answer`."""
        error = diagnose_redirect(answer)
        if error is not None:
            raise error

    async def _run(self, call: Callable[[LoginHttp], T]) -> T:
        def work() -> T:
            http = self._site.http()
            try:
                return call(http)
            finally:
                http.close()

        try:
            return await self._threads.run(work)
        except TimeoutError as error:
            raise self._site.unreachable(error) from error

    def _begin(self, tenant: str, redirect_uri: str, *, http: LoginHttp) -> SignIn:
        state = secrets.token_urlsafe(_STATE_BYTES)
        try:
            app = build_app(
                self._app.client_id, self._credential, authority=authority_of(self._site.url, tenant), http=http
            )
            flow = self._flow(app, redirect_uri=redirect_uri, state=state)
        except MSAL_FAILURES as error:
            raise failure(error, http.last, site=self._site, secret=secret_of(self._app.credential)) from error
        memory = {**{name: value for name, value in flow.items() if name != "auth_uri"}, "tenant": tenant}
        return SignIn(url=str(flow["auth_uri"]), state=state, memory=Secret(json.dumps(memory)))

    def _flow(self, app: MsalApp, *, redirect_uri: str, state: str) -> Mapping[str, object]:
        # MSAL warns of every response mode but `form_post`, which Entra answers by a POST from its own site: browsers
        # leave a `SameSite=Lax` cookie out of it, and with that what binds the answer. Filters are the whole process'.
        with self._warnings_lock, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            # Several accounts may be signed in to a browser; people choose, also when they try again.
            return app.initiate_auth_code_flow([], redirect_uri=redirect_uri, state=state, prompt="select_account")

    def _prove(self, memory: dict[str, object], answer: Mapping[str, str], *, http: LoginHttp) -> TenantId:
        token = self._redeem(memory, answer, http=http)
        key_id = key_id_of(token)
        published = self._published(claimed_tenant(token), http=http)
        # MSAL sends the digest of the nonce that it keeps.
        nonce = hashlib.sha256(str(memory.get("nonce", "")).encode()).hexdigest()
        expected = Expected(client_id=self._app.client_id, nonce=nonce, issuer=published.issuer)
        return proven_tenant(token, key=published.find(key_id), expected=expected, now=datetime.now(UTC))

    def _published(self, tenant_id: TenantId, *, http: LoginHttp) -> PublishedKeys:
        """The issuer and the keys of a tenant that is only claimed yet, as our authority tells them and no other."""
        try:
            return published_keys(configuration_url(self._site.url, tenant_id), http=http)
        except RefusedDocument as error:
            if error.answer.status_code in _NO_SUCH_TENANT:
                raise unknown_tenant() from error
            raise self._site.unreachable(error) from error
        except LOGIN_FAILURES as error:
            raise self._site.unreachable(error) from error

    def _redeem(self, memory: dict[str, object], answer: Mapping[str, str], *, http: LoginHttp) -> str:
        """The ID token for a code."""
        taken = {name: answer[name] for name in _ANSWERS if answer.get(name)}
        if len(taken) != len(_ANSWERS):
            raise CredentialsRejected("Entra's answer to the sign-in is incomplete: start again")
        secret = secret_of(self._app.credential)
        try:
            authority = authority_of(self._site.url, str(memory.pop("tenant")))
            app = build_app(self._app.client_id, self._credential, authority=authority, http=http)
            given = app.acquire_token_by_auth_code_flow(memory, taken)
        except RuntimeError:
            # MSAL's word for another nonce; not `from` it, for its text holds ours.
            raise _foreign_token() from None
        except MSAL_FAILURES as error:
            raise failure(error, http.last, site=self._site, secret=secret) from error
        if "error" in given:
            raise diagnose(without(secret, given), status=http.last.status_code if http.last else 400)
        token = given.get("id_token")
        if not isinstance(token, str):
            raise CredentialsRejected("Entra's answer to the sign-in holds no ID token: start again")
        return token


def _foreign_token() -> CredentialsRejected:
    return CredentialsRejected(
        "the sign-in is not accepted, for its ID token belongs to another sign-in: nothing was connected; start again"
    )
