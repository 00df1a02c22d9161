"""Sealing everything anew, so that an old encryption key can go."""

from collections.abc import Callable

from entraid_service.connect.consent import context
from entraid_service.connect.credentials import credential_context
from entraid_service.ports import SealedValue, SealedValues, SecretBox


async def reseal(values: SealedValues, *, box: SecretBox, is_current: Callable[[bytes], bool]) -> int:
    """Seals every stored value with the key that seals now, and tells how many were sealed with another one.

    All of them are opened before any is written: where one cannot be opened, nothing is changed.

    Raises:
        SecretUnreadable: A value was sealed with a key that is not at hand.
        StoreUnavailable: The database cannot be written.
    """
    resealed = 0
    while old := [value for value in await values.sealed_values() if not is_current(value.sealed)]:
        pairs = [(value, _sealed_anew(value, box=box)) for value in old]
        # What somebody changed meanwhile is looked at again.
        left = await values.replace_sealed(pairs)
        resealed += len(pairs) - left
    return resealed


def _sealed_anew(value: SealedValue, *, box: SecretBox) -> bytes:
    bound_to = credential_context(value.owner) if value.field == "credential" else context(value.owner)
    return box.seal(box.open(value.sealed, context=bound_to), context=bound_to)
