"""Users as decisions keep them: the bytes that were stored, and the groups in a row.

Tens of thousands are in memory. Each is one object that garbage collection never has to look at.
"""

from collections.abc import Collection, Sequence

import msgspec

from entraid_service.model.directory import User
from entraid_service.model.ids import UserId
from entraid_service.model.keys import KEY_BYTES, Key
from entraid_service.store.rows import unpack_user

_OBJECTS_BYTES = 270
"""What the three objects, and an entry in a mapping with its key, take beside their content."""
_BYTES_PER_KEY = 100
"""What a key takes that is an object of its own."""


class PackedUser(msgspec.Struct, frozen=True, gc=False):
    """The `UserRecord` of a row. `groups` are keys: joined, if all of them are bytes."""

    id: UserId
    record: bytes
    groups: bytes | tuple[Key, ...]

    @property
    def weight(self) -> int:
        """See the port."""
        groups = len(self.groups) * (1 if isinstance(self.groups, bytes) else _BYTES_PER_KEY)
        return _OBJECTS_BYTES + len(self.record) + groups

    def user(self) -> User:
        """See the port."""
        return unpack_user(self.id, self.record)

    def group_keys(self) -> Collection[Key]:
        """See the port."""
        groups = self.groups
        if isinstance(groups, bytes):
            return [groups[start : start + KEY_BYTES] for start in range(0, len(groups), KEY_BYTES)]
        return groups


def packed(user_id: UserId, record: bytes, groups: Sequence[Key]) -> PackedUser:
    """A user of these groups."""
    keys = [key for key in groups if isinstance(key, bytes)]
    return PackedUser(user_id, record, b"".join(keys) if len(keys) == len(groups) else tuple(groups))
