"""`entraid rotate-key`: another encryption key for everything that is stored sealed.

Where the service made its key file itself: a new key is put before the others, everything is sealed with it, the
other keys are dropped. Where keys come from the settings, their owner puts the new one in the first line; everything is
sealed with that, and the other lines may go. At every moment the keys that are at hand open everything that is stored,
so that this may be stopped and repeated, and the service may run meanwhile if it reads the same file.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from entraid_service.config import Settings
from entraid_service.connect.rotation import reseal
from entraid_service.oauth.keys import EncryptionKey, add_key, replace_keys
from entraid_service.oauth.secretbox import AesGcmSecretBox
from entraid_service.parts import encryption_keys, key_file
from entraid_service.store.sqlite import SqliteStore


@dataclass(frozen=True, slots=True)
class Rotated:
    """What was done: how many values were sealed anew, and how many other keys are left over from before."""

    resealed: int
    key_file: str
    old_keys: int


async def rotate_key(settings: Settings) -> Rotated:
    """Changes the key; see above.

    Raises:
        KeyUnusable: The keys cannot be read or written.
        SecretUnreadable: A value was sealed with a key that is not at hand; nothing was changed.
        StoreUnavailable: The database cannot be read or written.
    """
    keys = encryption_keys(settings)
    if settings.encryption_key:
        return Rotated(await _reseal(settings, keys), "", old_keys=len(keys) - 1)
    path = key_file(settings)
    keys = add_key(path)
    resealed = await _reseal(settings, keys)
    replace_keys(path, keys[:1])
    # What a running service sealed with the key that it had read a moment before.
    resealed += await _reseal(settings, keys)
    return Rotated(resealed, str(path), old_keys=0)


async def _reseal(settings: Settings, keys: Sequence[EncryptionKey]) -> int:
    box = AesGcmSecretBox(keys)
    async with SqliteStore.open(settings.database_path()) as store:
        return await reseal(store.consents, box=box, is_current=box.is_current)
