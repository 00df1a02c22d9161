"""What tests make the login side do wrong: refusals with any AADSTS code, and lies in what it signs or sends back.

Both are data; the rooms that answer ask here, in the order in which things were added.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

from entraid_emulator.login.codes import CODES, Code
from entraid_emulator.login.errors import LoginError, refused
from entraid_emulator.login.keys import Signer
from entraid_emulator.objects import ClientId, Json, TenantId

Place = Literal["token", "sign_in", "consent", "device"]
"""The token endpoint, the authorize page, either admin consent page, or the device code endpoint."""

Forged = Literal["id_token", "sign_in", "consent", "assertion"]
"""An ID token, the redirect after a sign-in, the redirect after admin consent, a managed identity's token that proves
another app."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One AADSTS answer by script.

    Attributes:
        code: the number; one that the emulator's table does not know needs `error` and `text`.
        at: where; None means everywhere.
        client_id: the app it is limited to.
        tenant_id: the tenant it is limited to; a request to `common` has none, so such a refusal never meets it.
        times: how often; None means always.
        error: the OAuth word instead of the usual one.
        text: the text instead of the usual one.
        status: the HTTP status instead of the usual one.
        on_page: whether a browser is shown a page (True) or sent back with the error (False); None means as usual.
    """

    code: int
    at: Place | None = None
    client_id: ClientId | None = None
    tenant_id: TenantId | None = None
    times: int | None = 1
    error: str | None = None
    text: str | None = None
    status: HTTPStatus | None = None
    on_page: bool | None = None

    def __post_init__(self) -> None:
        if self.code not in CODES and (self.error is None or self.text is None):
            raise ValueError(f"AADSTS `{self.code}` is not in the emulator's table: give its `error` and `text`")

    def made(self, **values: str) -> LoginError:
        """The refusal itself, with the values of the request that it hits."""
        usual = refused(self.code, **values) if self.code in CODES else None
        text = self.text or str(usual).partition(": ")[2]
        status = self.status or (usual.status if usual else HTTPStatus.BAD_REQUEST)
        on_page = self.on_page if self.on_page is not None else bool(usual and usual.on_page)
        return LoginError(self.code, Code(self.error or (usual.error if usual else ""), text, status, on_page))


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgery:
    """One lie.

    Attributes:
        of: what is forged.
        values: claims of the token or parameters of the redirect, by name; None takes one out.
        signer: who signs the token.
        client_id: the app it is limited to; of an assertion, the identity's.
        times: how often; None means always.
    """

    of: Forged
    values: Mapping[str, Json] = field(default_factory=dict)
    signer: Signer = "emulator"
    client_id: ClientId | None = None
    times: int | None = 1

    def applied(self, true: Mapping[str, Json]) -> dict[str, Json]:
        """The claims or parameters as forged."""
        return {name: value for name, value in {**true, **self.values}.items() if value is not None}


class LoginScript:
    """The refusals and forgeries in force. Any thread may change it while requests are served."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refusals: list[tuple[Refusal, list[int]]] = []
        self._forgeries: list[tuple[Forgery, list[int]]] = []

    def refuse(self, *refusals: Refusal) -> None:
        """Add refusals."""
        with self._lock:
            self._refusals.extend((one, [0]) for one in refusals)

    def forge(self, *forgeries: Forgery) -> None:
        """Add forgeries."""
        with self._lock:
            self._forgeries.extend((one, [0]) for one in forgeries)

    def clear(self) -> None:
        """Be honest again."""
        with self._lock:
            self._refusals.clear()
            self._forgeries.clear()

    def check(self, at: Place, *, client_id: str, name: str, tenant_id: TenantId | None, tenant: str = "") -> None:
        """Let a request pass, or not.

        Raises:
            LoginError: a refusal hits it; it counts as used.
        """
        with self._lock:
            for refusal, used in self._refusals:
                if refusal.at not in {None, at} or refusal.client_id not in {None, client_id}:
                    continue
                if refusal.tenant_id not in {None, tenant_id} or (
                    refusal.times is not None and used[0] >= refusal.times
                ):
                    continue
                used[0] += 1
                raise refusal.made(client_id=client_id, name=name, tenant=tenant, tenant_id=tenant_id or "")

    def forgery(self, of: Forged, *, client_id: str) -> Forgery:
        """The forgery that hits this answer, counted as used; without one, the truth."""
        with self._lock:
            for forgery, used in self._forgeries:
                if forgery.of != of or forgery.client_id not in {None, client_id}:
                    continue
                if forgery.times is None or used[0] < forgery.times:
                    used[0] += 1
                    return forgery
        return Forgery(of=of)
