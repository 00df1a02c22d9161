"""Whom lists show as somebody's manager: a user who is synced too, for the name of another would lead nowhere.

Decisions compare the manager's object id as it is, synced or not, and do not come here.
"""

from collections.abc import Sequence
from dataclasses import replace

import aiosqlite

from entraid_service.model.directory import User
from entraid_service.model.keys import Key, encode_id

_MANAGERS_PER_QUERY = 1_000


async def with_synced_managers(db: aiosqlite.Connection, generation: int, users: Sequence[User]) -> list[User]:
    """The users, without those managers who are not served."""
    wanted = list({encode_id(user.manager_id) for user in users if user.manager_id is not None})
    synced: set[Key] = set()
    for start in range(0, len(wanted), _MANAGERS_PER_QUERY):
        keys = wanted[start : start + _MANAGERS_PER_QUERY]
        marks = ", ".join("?" * len(keys))
        query = f"SELECT object_id FROM directory_user WHERE generation = ? AND object_id IN ({marks})"  # noqa: S608 - marks
        synced.update(row[0] for row in await db.execute_fetchall(query, (generation, *keys)))
    return [user if _is_shown(user, synced) else replace(user, manager_id=None) for user in users]


def _is_shown(user: User, synced: set[Key]) -> bool:
    return user.manager_id is None or encode_id(user.manager_id) in synced
