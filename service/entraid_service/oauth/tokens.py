"""Tokens for Microsoft Graph: when to ask for one, and who waits for whom.

A token comes from the first of these: the one at hand, MSAL's cache, Entra; one request at a time for each source,
whoever asks meanwhile gets its outcome. Nothing is shared between two sources but threads and the host's identity;
sign-in of people is in `signin`.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from entraid_service.errors import CredentialsRejected, EntraidError, TenantUntold
from entraid_service.model.connection import Credential, FederatedIdentity, PfxFile, ServiceApp
from entraid_service.model.ids import TenantId, is_guid
from entraid_service.model.secret import Secret
from entraid_service.oauth.applogin import AppLogin, Login, LoginSite, refusal
from entraid_service.oauth.credentials import (
    MsalCredential,
    OwnApp,
    Workload,
    expire_time,
    msal_credential,
    opened,
    resolved,
    secret_of,
    thumbprint_of,
)
from entraid_service.oauth.discovery import is_absent
from entraid_service.oauth.identity import HostIdentity, IdentityLogin
from entraid_service.oauth.signin import MsalSignIn
from entraid_service.oauth.tenants import configuration_url, is_domain, tenant_in
from entraid_service.oauth.threads import LoginThreads
from entraid_service.oauth.wire import LOGIN_FAILURES, RefusedDocument
from entraid_service.ports import AccessToken, TokenSource

_REUSE = timedelta(minutes=1)
"""How long a token is handed out without asking MSAL, which may want to refresh it long before its end."""


class MsalAuthority:
    """Implements `ports.Authority`. To be closed with `close`.

    Args:
        authority_url: Base URL of the login side, `https://login.microsoftonline.com`.
        graph_scope: The scope of tokens for Graph; every permission that was consented to.
        ca_bundle: PEM file of the authorities to trust, in place of the public ones.
        proxy: URL of an HTTP proxy, possibly with credentials.
        timeout: The longest that one call takes.
        threads: How many calls run at once; others wait.
        workload: What proves apps with `FederatedIdentity`.
        own_app: The app of connections with `ServiceApp`.

    Raises:
        ValueError: The URL is not an https URL, or there is no such CA bundle.
    """

    def __init__(  # noqa: PLR0913 - settings of one thing, all by keyword
        self,
        *,
        authority_url: str,
        graph_scope: str = "https://graph.microsoft.com/.default",
        ca_bundle: Path | None = None,
        proxy: Secret | None = None,
        timeout: timedelta = timedelta(seconds=30),
        threads: int = 8,
        workload: Workload | None = None,
        own_app: OwnApp | None = None,
    ) -> None:
        if not authority_url.startswith("https://"):
            raise ValueError(f"the authority URL `{authority_url}` is not an https URL: client secrets are sent there")
        if ca_bundle is not None and not ca_bundle.is_file():
            raise ValueError(f"the CA bundle `{ca_bundle}` is not a file: check its path, or leave it out")
        self._site = LoginSite(authority_url.rstrip("/"), graph_scope, ca_bundle, proxy, timeout)
        self._threads = LoginThreads(threads=threads, timeout=timeout)
        self._workload = workload or Workload()
        self._own_app = own_app
        self._identity = (
            HostIdentity(self._workload.managed_identity, http=lambda: self._site.http(is_local=True))
            if self._workload.managed_identity
            else None
        )

    def token_source(self, *, tenant: str, client_id: str, credential: Credential) -> TokenSource:
        """See `ports.Authority.token_source`."""
        proof = resolved(credential, client_id=client_id, own_app=self._own_app)
        login: Login = AppLogin(
            site=self._site,
            tenant=tenant,
            client_id=client_id,
            credential=self._msal_credential(proof),
            secret=secret_of(proof),
            thumbprint=thumbprint_of(proof),
        )
        if self._is_by_identity(proof) and self._identity is not None:
            login = IdentityLogin(self._site, tenant, client_id, self._identity, login)
        return MsalTokens(login, threads=self._threads)

    async def plain(self, credential: Credential | PfxFile) -> Credential:
        """See `ports.Authority.plain`."""
        try:
            return await self._threads.run(lambda: opened(credential))
        except TimeoutError as error:
            raise CredentialsRejected(
                "the certificate takes too long to open: export it with fewer iterations of its password"
            ) from error

    def credential_expire_time(self, credential: Credential) -> datetime | None:
        """See `ports.Authority.credential_expire_time`."""
        if isinstance(credential, ServiceApp):
            return None if self._own_app is None else expire_time(self._own_app.credential)
        return expire_time(credential)

    def sign_in(self) -> MsalSignIn | None:
        """Where administrators consent to the service's own app; None without one.

        Raises:
            CredentialsRejected: Its credential is malformed.
        """
        if self._own_app is None:
            return None
        credential = self._msal_credential(self._own_app.credential)
        return MsalSignIn(self._own_app, credential=credential, site=self._site, threads=self._threads)

    def _msal_credential(self, credential: Credential) -> MsalCredential:
        assertion = self._identity.assertion if self._identity is not None else None
        return msal_credential(credential, workload=self._workload, assertion=assertion)

    def _is_by_identity(self, credential: Credential) -> bool:
        return isinstance(credential, FederatedIdentity) and self._workload.token_file is None

    async def resolve_tenant(self, tenant: str) -> TenantId:
        """See `ports.Authority.resolve_tenant`. An id is taken as it is: the token request proves it."""
        if is_guid(tenant):
            return TenantId(tenant.lower())
        if not is_domain(tenant):
            raise CredentialsRejected(
                f"`{tenant}` names no tenant: give the tenant's ID from Entra admin center > Overview, or one of its "
                "verified domains"
            )
        try:
            return await self._threads.run(lambda: self._discover(tenant))
        except TimeoutError as error:
            raise self._site.unreachable(error) from error

    def _discover(self, tenant: str) -> TenantId:
        http = self._site.http()
        try:
            answer = http.get(configuration_url(self._site.url, tenant))
        except RefusedDocument as error:
            if is_absent(error.answer):
                raise _untold(tenant) from error
            raise refusal(error.answer, site=self._site, secret=Secret("")) from error
        except (*LOGIN_FAILURES, ValueError) as error:
            raise self._site.unreachable(error) from error
        finally:
            http.close()
        tenant_id = tenant_in(answer.json() or {})
        if tenant_id is None:
            raise _untold(tenant)
        return tenant_id

    def close(self) -> None:
        """Gives the threads back."""
        self._threads.close()


def _untold(tenant: str) -> TenantUntold:
    return TenantUntold(f"Entra did not tell the ID of tenant `{tenant}`: give the ID in place of the domain")


class MsalTokens:
    """Implements `ports.TokenSource` for one app in one tenant."""

    def __init__(self, app: Login, *, threads: LoginThreads) -> None:
        self._app = app
        self._threads = threads
        self._lock = asyncio.Lock()
        self._attempts = 0
        self._failure: EntraidError | None = None
        self._current: AccessToken | None = None
        self._reuse_until = 0.0

    async def token(self) -> AccessToken:
        """See `ports.TokenSource.token`."""
        return self._at_hand() or await self._joined(self._at_hand, self._app.ask)

    async def renew(self, rejected: AccessToken, *, claims_challenge: str = "") -> AccessToken:
        """See `ports.TokenSource.renew`. Callers whose token was the same one cause one renewal."""

        def renewed() -> AccessToken | None:
            current = self._current
            return None if current is None or current.secret == rejected.secret else current

        def ask() -> AccessToken:
            # A challenge bypasses MSAL's cache by itself, and MSAL keeps the old token should Entra refuse.
            return self._app.ask(claims_challenge=claims_challenge, forget=not claims_challenge)

        return await self._joined(renewed, ask)

    def _at_hand(self) -> AccessToken | None:
        return self._current if time.monotonic() < self._reuse_until else None

    async def _joined(self, ready: Callable[[], AccessToken | None], ask: Callable[[], AccessToken]) -> AccessToken:
        """What is ready when its turn comes, or the outcome of `ask`, a failure that came while it waited included."""
        attempts = self._attempts
        async with self._lock:
            if (token := ready()) is not None:
                return token
            if self._attempts != attempts and self._failure is not None:
                raise self._failure
            self._failure = None
            try:
                token = await self._threads.run(ask)
            except TimeoutError as error:
                self._failure = self._app.site.unreachable(error)
                raise self._failure from error
            except EntraidError as error:
                self._failure = error
                raise
            finally:
                self._attempts += 1
            self._current = token
            left = (token.expire_time - datetime.now(UTC)) / 2
            self._reuse_until = time.monotonic() + min(_REUSE, left).total_seconds()
            return token
