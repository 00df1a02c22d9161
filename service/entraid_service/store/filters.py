"""From the tree of a filter to SQL: AND, OR and NOT as they are, memberships as subqueries, comparisons as a function.

Records are MessagePack, so a comparison is a call of `entraid_matches(number, id, record)`, a Python function that is
registered on the connection for the one statement that uses it. It compares as conditions do and answers 0 or 1, never
NULL, so that SQL's NOT is ours: with columns, `NULL <> 'x'` would leave out whoever has no value.

Nothing of a filter's text gets into the SQL; values are parameters.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

import aiosqlite

from entraid_service.model.directory import Group, User
from entraid_service.model.filters import MEMBER_COUNT, Comparison, Filter, Junction, Membership, Negation
from entraid_service.model.ids import GroupId
from entraid_service.model.keys import Key
from entraid_service.store.filter_texts import group_test, user_test

_FUNCTION: Final = "entraid_matches"
_MATCHES: Final = f"{_FUNCTION}(?, x.object_id, x.record)"

# Groups that were not synced are not walked through, as decisions do not either.
_REACHED: Final = """
WITH RECURSIVE reached (group_id) AS (
    VALUES (?)
    UNION
    SELECT n.child_id FROM reached r CROSS JOIN nesting n ON n.generation = ? AND n.group_id = r.group_id
    WHERE EXISTS (SELECT 1 FROM directory_group g WHERE g.generation = n.generation AND g.object_id = n.child_id)
)
SELECT group_id FROM reached
"""
_MEMBER_OF: Final = f"""EXISTS (
    SELECT 1 FROM member_of m WHERE m.generation = ? AND m.member_id = x.object_id AND m.group_id IN ({_REACHED})
)"""  # noqa: S608 - constants
_DIRECT_MEMBER_OF: Final = """EXISTS (
    SELECT 1 FROM member_of m WHERE m.generation = ? AND m.member_id = x.object_id AND m.group_id = ?
)"""
_MEMBER_COUNT_IS: Final = """(
    WITH RECURSIVE reached (group_id) AS (
        VALUES (x.object_id)
        UNION
        SELECT n.child_id FROM reached r CROSS JOIN nesting n ON n.generation = ? AND n.group_id = r.group_id
    )
    SELECT count(DISTINCT m.member_id)
    FROM reached r
    CROSS JOIN membership m ON m.generation = ? AND m.group_id = r.group_id
    CROSS JOIN directory_user u ON u.generation = ? AND u.object_id = m.member_id
) = ?"""

Value: TypeAlias = Key | int
R = TypeVar("R")


class LastRow(Generic[R]):
    """Decodes rows; several tests of one row decode it once."""

    __slots__ = ("_decode", "_key", "_row")

    def __init__(self, decode: Callable[[Key, bytes], R]) -> None:
        self._decode = decode
        self._key: Key | None = None
        self._row: R | None = None

    def __call__(self, key: Key, record: bytes) -> R:
        """The row of a record; `key` has to name one record only."""
        if self._row is None or self._key != key:
            self._row = self._decode(key, record)
            self._key = key
        return self._row


@dataclass(slots=True)
class Where(Generic[R]):
    """A condition on the rows `x` of a directory table, with its parameters and the tests that its function makes."""

    decode: Callable[[Key, bytes], R]
    sql: str = "1"
    values: list[Value] = field(default_factory=list)
    tests: list[Callable[[R], bool]] = field(default_factory=list)

    async def register(self, db: aiosqlite.Connection) -> None:
        """Makes the function known to the connection that the statement will run on."""
        if not self.tests:
            return
        tests, row = tuple(self.tests), LastRow(self.decode)
        await db.create_function(
            _FUNCTION, 3, lambda number, key, record: int(tests[number](row(key, record))), deterministic=True
        )

    def test(self, test: Callable[[R], bool]) -> str:
        """Adds a test of the decoded row, as SQL."""
        self.values.append(len(self.tests))
        self.tests.append(test)
        return _MATCHES


class Rows(Protocol[R]):
    """How the leaves of a filter are answered for one kind of row; parameters go to `where` in the order of the SQL."""

    def comparison(self, tree: Comparison, where: Where[R]) -> str:
        """A comparison as SQL."""

    def membership(self, tree: Membership, where: Where[R]) -> str:
        """A membership as SQL."""


@dataclass(frozen=True, slots=True)
class UserRows:
    """Rows of users: `keys` holds the key of each group that the filter names."""

    generation: int
    parent: str
    keys: dict[Membership, Key]

    def comparison(self, tree: Comparison, where: Where[User]) -> str:
        """See `Rows`."""
        return where.test(user_test(tree, self.parent))

    def membership(self, tree: Membership, where: Where[User]) -> str:
        """See `Rows`."""
        key = self.keys[tree]
        if tree.is_direct:
            where.values += (self.generation, key)
            return _DIRECT_MEMBER_OF
        where.values += (self.generation, key, self.generation)
        return _MEMBER_OF


@dataclass(frozen=True, slots=True)
class GroupRows:
    """Rows of groups: `holders` are the groups that each user is in whom the filter names."""

    generation: int
    parent: str
    holders: dict[Membership, frozenset[GroupId]]

    def comparison(self, tree: Comparison, where: Where[Group]) -> str:
        """See `Rows`."""
        if tree.field != MEMBER_COUNT:
            return where.test(group_test(tree, self.parent))
        where.values += (self.generation, self.generation, self.generation, int(tree.text))
        return _MEMBER_COUNT_IS

    def membership(self, tree: Membership, where: Where[Group]) -> str:
        """See `Rows`."""
        holders = self.holders[tree]
        return where.test(lambda group: group.id in holders)


def compile_filter(tree: Filter, rows: Rows[R], *, decode: Callable[[Key, bytes], R]) -> Where[R]:
    """The filter as a condition on the rows `x`."""
    where = Where(decode)
    where.sql = _sql(tree, rows, where)
    return where


def _sql(tree: Filter, rows: Rows[R], where: Where[R]) -> str:
    match tree:
        case Comparison():
            return rows.comparison(tree, where)
        case Membership():
            return rows.membership(tree, where)
        case Negation(inner=inner):
            return f"NOT ({_sql(inner, rows, where)})"
        case Junction(is_all=is_all, parts=parts):
            word = " AND " if is_all else " OR "
            return f"({word.join(_sql(part, rows, where) for part in parts)})"
