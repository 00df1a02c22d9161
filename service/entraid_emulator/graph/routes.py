"""The URLs of the Graph side: which handler answers, with which permissions, at which cost. A table and its reading."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from entraid_emulator.graph import actions, delta, groups, organization, related, users
from entraid_emulator.graph.call import Answer, Call
from entraid_emulator.graph.costs import resource_units
from entraid_emulator.graph.lists import counted
from entraid_emulator.graph.options import Pairs, QueryOptions, parse, parse_nothing
from entraid_emulator.graph.permissions import (
    CHECK_MEMBERSHIP,
    READ_DIRECTORY,
    READ_GROUP_MEMBER_OF,
    READ_GROUP_TRANSITIVE_MEMBER_OF,
    READ_GROUPS,
    READ_MANAGER,
    READ_MEMBER_OF,
    READ_MEMBERS,
    READ_ORGANIZATION,
    READ_TRANSITIVE_MEMBER_OF,
    READ_USERS,
    TRACK_USERS,
    Roles,
)

PREFIX = "/v1.0"

_NAMESPACE = "microsoft.graph."


class Parse(Protocol):
    """How the query of a URL is parsed."""

    def __call__(self, pairs: Pairs, consistency: str) -> QueryOptions:
        """Parse decoded pairs and the ConsistencyLevel header; raises `GraphError`."""
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """One URL below `/v1.0`.

    Attributes:
        path: with its variable parts in braces, functions without parentheses.
        accepts: permissions, any one of which opens it.
        handler: answers it.
        cost: resource units before the options change them.
        method: HTTP method.
        parse: how its query is parsed.
        less_for_select: what `$select` saves.
    """

    path: str
    accepts: Roles
    handler: Callable[[Call], Answer]
    cost: int = 1
    method: str = "GET"
    parse: Parse = parse
    less_for_select: int = 1

    def units(self, options: QueryOptions) -> int:
        """What a request costs."""
        return resource_units(self.cost, options, less_for_select=self.less_for_select)

    def keys(self, segments: Sequence[str]) -> Mapping[str, str] | None:
        """The variable parts of a path, or None if this is not its URL."""
        wanted = self.path.strip("/").split("/")
        if len(wanted) != len(segments):
            return None
        keys: dict[str, str] = {}
        for literal, given in zip(wanted, segments, strict=True):
            if literal.startswith("{"):
                keys[literal.strip("{}")] = given
            elif not _is_same(literal, given):
                return None
        return keys


_ROUTES = (
    Route("/users", READ_USERS, users.list_users, 2),
    Route("/users/$count", READ_USERS, users.count_users, 2),
    Route("/users/delta", TRACK_USERS, delta.users_delta, parse=parse_nothing),
    Route("/users/{user}", READ_USERS, users.read_user),
    Route("/users/{user}/manager", READ_MANAGER, users.read_manager),
    Route("/users/{object}/memberOf", READ_MEMBER_OF, related.user_member_of, 2),
    Route("/users/{object}/memberOf/microsoft.graph.group", READ_MEMBER_OF, related.user_groups, 2),
    Route("/users/{object}/transitiveMemberOf", READ_TRANSITIVE_MEMBER_OF, related.user_transitive_member_of, 2),
    Route(
        "/users/{object}/transitiveMemberOf/microsoft.graph.group",
        READ_TRANSITIVE_MEMBER_OF,
        related.user_transitive_groups,
        2,
    ),
    Route("/groups", READ_GROUPS, groups.list_groups),
    Route("/groups/$count", READ_GROUPS, groups.count_groups),
    Route("/groups/delta", READ_GROUPS, delta.groups_delta, parse=parse_nothing),
    Route("/groups/{group}", READ_GROUPS, groups.read_group),
    Route("/groups/{group}/members", READ_MEMBERS, groups.list_members, 3),
    Route("/groups/{group}/members/microsoft.graph.user", READ_MEMBERS, groups.list_user_members, 3),
    Route("/groups/{group}/members/microsoft.graph.group", READ_MEMBERS, groups.list_group_members, 3),
    Route("/groups/{group}/transitiveMembers", READ_MEMBERS, related.transitive_members, 5),
    Route("/groups/{group}/transitiveMembers/microsoft.graph.user", READ_MEMBERS, related.transitive_users, 5),
    Route("/groups/{group}/transitiveMembers/microsoft.graph.group", READ_MEMBERS, related.transitive_groups, 5),
    Route("/groups/{object}/memberOf", READ_GROUP_MEMBER_OF, related.group_member_of),
    Route("/groups/{object}/memberOf/microsoft.graph.group", READ_GROUP_MEMBER_OF, related.group_groups),
    Route("/groups/{object}/transitiveMemberOf", READ_GROUP_TRANSITIVE_MEMBER_OF, related.group_transitive_member_of),
    Route(
        "/groups/{object}/transitiveMemberOf/microsoft.graph.group",
        READ_GROUP_TRANSITIVE_MEMBER_OF,
        related.group_transitive_groups,
    ),
    Route("/organization", READ_ORGANIZATION, organization.list_organizations),
    *(
        route
        for resource in ("users", "groups", "directoryObjects")
        for route in (
            Route(
                f"/{resource}/{{object}}/checkMemberGroups", CHECK_MEMBERSHIP, actions.check_member_groups, 4, "POST"
            ),
            Route(f"/{resource}/{{object}}/getMemberGroups", CHECK_MEMBERSHIP, actions.get_member_groups, 2, "POST"),
        )
    ),
    Route("/directoryObjects/getByIds", READ_DIRECTORY, actions.get_by_ids, 5, "POST", less_for_select=3),
)

_COUNTED = frozenset({"members", "transitiveMembers", "memberOf", "transitiveMemberOf"})

ROUTES = (
    *_ROUTES,
    *(
        replace(route, path=f"{route.path}/$count", handler=counted(route.handler))
        for route in _ROUTES
        if not _COUNTED.isdisjoint(route.path.split("/"))
    ),
)


def matching_routes(segments: Sequence[str]) -> list[tuple[Route, Mapping[str, str]]]:
    """The routes of a decoded path, fixed segments before variable ones, each with the variable parts."""
    return [(route, keys) for route in ROUTES if (keys := route.keys(segments)) is not None and all(keys.values())]


def known_segments() -> frozenset[str]:
    """The first segments of all URLs, casefolded."""
    return frozenset(route.path.split("/")[1].casefold() for route in ROUTES)


def _is_same(literal: str, given: str) -> bool:
    """Whether a segment is the one of the table; functions and actions may carry namespace and parentheses.

    https://learn.microsoft.com/graph/delta-query-overview: `delta` is short for `microsoft.graph.delta`.
    """
    plain = given.casefold().removesuffix("()")
    return plain == literal.casefold() or plain == (_NAMESPACE + literal).casefold()
