"""An issuer of workload tokens, as a Kubernetes cluster is one. Apps may trust it instead of having a secret.

It lives on the emulator's own origin under `/workload` and publishes its keys there. Entra looks keys up at whatever
issuer an app trusts; the emulator leaves its machine for nothing, so this issuer is the only one it can check.
"""

import uuid
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from entraid_emulator.clock import Clock
from entraid_emulator.credentials import EXCHANGE_AUDIENCE
from entraid_emulator.login.keys import Signer, SigningKeys
from entraid_emulator.objects import Json

PATH = "/workload"

_LIFETIME = timedelta(hours=1)


class WorkloadIssuer:
    """Issues tokens for workloads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._keys = SigningKeys()

    def owns(self, issuer: str) -> bool:
        """Whether an issuer URL means this one."""
        return urlsplit(issuer).path == PATH

    def token(
        self,
        issuer: str,
        subject: str,
        *,
        audience: Json = EXCHANGE_AUDIENCE,
        lifetime: timedelta = _LIFETIME,
        signer: Signer = "emulator",
    ) -> str:
        """A token of `issuer` for the workload `subject`; a negative `lifetime` makes one that has expired."""
        now = self._clock.now()
        since = min(now, now + lifetime)
        claims: dict[str, Json] = {
            "iss": issuer,
            "sub": subject,
            "aud": audience,
            "iat": int(since.timestamp()),
            "nbf": int(since.timestamp()),
            "exp": int((now + lifetime).timestamp()),
            "jti": str(uuid.uuid4()),
        }
        return self._keys.sign(claims, signer=signer)

    def verified(self, token: str) -> Mapping[str, Json]:
        """The claims of a token with this issuer's signature.

        Raises:
            jwt.InvalidTokenError: it is malformed, or somebody else signed it.
        """
        return self._keys.verified(token)

    def configuration(self, origin: str) -> Mapping[str, Json]:
        """`/workload/.well-known/openid-configuration`."""
        return {
            "issuer": origin + PATH,
            "jwks_uri": f"{origin}{PATH}/keys",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def keys(self, origin: str) -> Mapping[str, Json]:
        """`/workload/keys`."""
        return self._keys.document(issuer=origin + PATH)
