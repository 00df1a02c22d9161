"""The managed identity of the host that the service runs on, through MSAL. Blocking: threads only.

It serves in two ways: as itself, where the connection's app is the identity; and as the assertion of another app that
trusts it (https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity).
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from entraid_service.errors import CredentialsRejected, EntraidError, EntraUnavailable
from entraid_service.oauth.applogin import Login, LoginSite, token_of
from entraid_service.oauth.claims import read_client_id
from entraid_service.oauth.diagnose import own_words
from entraid_service.oauth.msalapp import MSAL_FAILURES, MsalIdentity, build_identity
from entraid_service.oauth.wire import LoginAnswer, LoginHttp, RefusedDocument
from entraid_service.ports import AccessToken

_EXCHANGE = "api://AzureADTokenExchange"
_SEE = (
    "https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling"
)


class HostIdentity:
    """The managed identity with its tokens; used by any thread, one at a time.

    Args:
        name: `system`, or the client ID of a user-assigned identity.
        http: Makes an HTTP client. No proxy stands between a host and its identity endpoint.
    """

    def __init__(self, name: str, *, http: Callable[[], LoginHttp]) -> None:
        self.name = name
        self._make_http = http
        self._lock = threading.Lock()
        self._http: LoginHttp | None = None
        self._identity: MsalIdentity | None = None

    def token(self, resource: str, *, claims_challenge: str = "", forget: bool = False) -> AccessToken:
        """A token for a resource; `forget` empties the cache before.

        Raises:
            CredentialsRejected: The host has no such identity.
            EntraUnavailable: Its endpoint did not answer properly.
        """
        with self._lock:
            http = self._http = self._http or self._make_http()
            if forget or self._identity is None:
                self._identity = build_identity(self.name, http=http)
            try:
                answer = self._identity.acquire_token_for_client(
                    resource=resource, claims_challenge=claims_challenge or None
                )
            except MSAL_FAILURES as error:
                raise self._failure(error) from error
            finally:
                http.close()
        return self._checked(answer or {}, resource)

    def assertion(self) -> str:
        """What proves an app that trusts this identity."""
        return self.token(_EXCHANGE).secret.reveal()

    def _checked(self, answer: Mapping[str, object], resource: str) -> AccessToken:
        secret = answer.get("access_token")
        if not isinstance(secret, str) or not secret:
            raise self._refused(answer, resource)
        return token_of(secret, answer)

    def _failure(self, error: Exception) -> EntraidError:
        if isinstance(error, RefusedDocument):
            return self._of_answer(error.answer)
        return EntraUnavailable(
            f"the endpoint of the managed identity does not answer ({type(error).__name__}): check that the service "
            f"runs on a host with a managed identity; see {_SEE}"
        )

    def _of_answer(self, answer: LoginAnswer) -> EntraidError:
        is_busy = answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
        if is_busy or answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return EntraUnavailable(
                f"the endpoint of the managed identity answered with status {answer.status_code}: try again later",
                retry_after=answer.retry_after,
            )
        return self._refused(answer.json() or {}, "")

    def _refused(self, answer: Mapping[str, object], resource: str) -> CredentialsRejected:
        said = own_words(answer)
        told = f"; its own words: {said}" if said else ""
        asked = f" for `{resource}`" if resource else ""
        return CredentialsRejected(
            f"the host has no usable managed identity `{self.name}`: its endpoint issued no token{asked}{told}; "
            f"assign the identity to the host, or correct `ENTRAID_MANAGED_IDENTITY`; see {_SEE}"
        )


@dataclass(slots=True)
class IdentityLogin:
    """An app in a tenant that is proved by the managed identity, directly where the app is the identity itself."""

    site: LoginSite
    tenant: str
    client_id: str
    identity: HostIdentity = field(repr=False)
    through_app: Login = field(repr=False)
    _is_direct: bool | None = None

    def ask(self, *, claims_challenge: str = "", forget: bool = False) -> AccessToken:
        """A token; see `Login`.

        Raises:
            CredentialsRejected: Entra refused, or the host has no such identity.
            EntraUnavailable: There was no proper answer.
        """
        if self._is_direct is not False:
            resource = self.site.scope.removesuffix("/.default")
            token = self.identity.token(resource, claims_challenge=claims_challenge, forget=forget)
            self._is_direct = self._is_of_app(token)
            if self._is_direct:
                return token
        return self.through_app.ask(claims_challenge=claims_challenge, forget=forget)

    def _is_of_app(self, token: AccessToken) -> bool:
        """Whether the identity is the app itself; an opaque token does not tell, and the identity's name may."""
        client_id = read_client_id(token.secret.reveal())
        if token.tenant_id is None and not client_id:
            return self.identity.name.lower() == self.client_id.lower()
        return token.tenant_id == self.tenant.lower() and client_id == self.client_id.lower()
