"""Texts that callers hand back unread: signed, so that only what this service wrote is believed.

`Signer` knows no meaning; `page_tokens` and `snapshot_tokens` give it one each, and a purpose that keeps them apart.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

from entraid_service.model.secret import Secret

_MAC_BYTES = 16
_LONGEST_TOKEN = 2048


class Signer:
    """Signs short texts with a key that all processes of one installation share."""

    def __init__(self, key: Secret) -> None:
        self._key = key

    def sign(self, payload: str, *, bound_to: Sequence[str]) -> str:
        """A token that carries the payload and opens only under the same `bound_to`."""
        data = payload.encode()
        return base64.urlsafe_b64encode(self._mac(data, bound_to) + data).rstrip(b"=").decode()

    def open(self, token: str, *, bound_to: Sequence[str]) -> str | None:
        """The payload, None if the token is not one that was signed under `bound_to`."""
        if len(token) > _LONGEST_TOKEN or not token.isascii():
            return None
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except binascii.Error:
            return None
        mac, data = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(data, bound_to)):
            return None
        # The last character of base64 has unused bits: of the spellings that decode alike only one was issued.
        canonical = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        return data.decode() if canonical == token else None

    def _mac(self, data: bytes, bound_to: Sequence[str]) -> bytes:
        mac = hmac.new(self._key.reveal().encode(), digestmod=hashlib.sha256)
        for part in (*(text.encode() for text in bound_to), data):
            # Each part with its length: `("ab", "c")` must not sign like `("a", "bc")`.
            mac.update(len(part).to_bytes(8, "big"))
            mac.update(part)
        return mac.digest()[:_MAC_BYTES]
