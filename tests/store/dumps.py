"""Everything that is served of a connection, read from the file itself: so that nothing hides behind the read side."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from entraid_service.model.directory import Group, MemberKind, Membership, User
from entraid_service.model.ids import ConnectionId, GroupId, UserId
from entraid_service.model.keys import Key, decode_id, encode_id
from entraid_service.store import rows
from store.tenants import Tenant


@dataclass(slots=True)
class World:
    """A directory as plain Python holds it."""

    users: dict[UserId, User] = field(default_factory=dict)
    groups: dict[GroupId, Group] = field(default_factory=dict)
    edges: set[Membership] = field(default_factory=set)

    def counted(self) -> set[Membership]:
        """The edges without those that wait for a user."""
        return {edge for edge in self.edges if edge.kind is MemberKind.GROUP or edge.member_id in self.users}

    def tenant(self) -> Tenant:
        """The same, to be read whole."""
        return Tenant(list(self.users.values()), list(self.groups.values()), list(self.edges))


def dump(path: Path, connection_id: ConnectionId) -> World:
    """What is served; both copies of the edges, the names and the counts are checked against it."""
    with closing(sqlite3.connect(path)) as db:
        (generation,) = db.execute(
            "SELECT generation FROM snapshot WHERE connection_id = ?", (connection_id,)
        ).fetchone()
        return dump_generation(db, generation)


def dump_generation(db: sqlite3.Connection, generation: int) -> World:
    """The rows of one generation, complete and consistent with each other."""
    users = [rows.decode_user(*row) for row in _all(db, "object_id, record FROM directory_user", generation)]
    groups = [rows.decode_group(*row) for row in _all(db, "object_id, record FROM directory_group", generation)]
    edges = _all(db, "group_id, member_id FROM membership", generation)
    nestings = _all(db, "group_id, child_id FROM nesting", generation)
    names = {(kind, folded, encode_id(user.id)) for user in users for kind, folded in rows.names_of(user)}
    assert set(_all(db, "kind, folded, object_id FROM user_name", generation)) == names
    assert set(_all(db, "group_id, member_id FROM member_of", generation)) == set(edges)
    there = {encode_id(user.id) for user in users}
    memberships = sum(row[1] in there for row in edges) + len(nestings)
    kept = db.execute("SELECT user_count, group_count, membership_count FROM generation WHERE id = ?", (generation,))
    assert kept.fetchall() == [(len(users), len(groups), memberships)]
    return World(
        {user.id: user for user in users},
        {group.id: group for group in groups},
        {_edge(row, MemberKind.USER) for row in edges} | {_edge(row, MemberKind.GROUP) for row in nestings},
    )


def _all(db: sqlite3.Connection, what: str, generation: int) -> list[Any]:
    return db.execute(f"SELECT {what} WHERE generation = ?", (generation,)).fetchall()


def _edge(row: tuple[Key, ...], kind: MemberKind) -> Membership:
    return Membership(GroupId(decode_id(row[0])), decode_id(row[1]), kind)
