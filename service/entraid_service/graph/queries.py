"""Which URLs are asked for what, the preferred form first. Pure.

Where a list of URLs comes from here, each is asked only if Graph refuses the one before it as a query.
"""

from collections.abc import Collection, Iterable

from yarl import URL

from entraid_service.graph.urls import graph_url

_MOST = 999
_USUAL = 100
"""The largest and the usual page, https://learn.microsoft.com/graph/api/user-list."""

_SIZES: tuple[dict[str, str | int], ...] = ({"$top": _MOST}, {"$top": _USUAL}, {})
"""Pages of falling size; at last whatever Graph takes for a page."""

MOST_IDS = 50
"""Object ids that the filter of one feed may name, https://learn.microsoft.com/graph/api/group-delta."""

_GROUP_PROPERTIES = "id,displayName,description,mail,mailEnabled,securityEnabled,groupTypes,membershipRule,visibility"
_MANAGER = "manager($select=id)"


def whole_properties(attributes: Iterable[str]) -> list[str]:
    """The properties to select for these attributes: parts of complex ones are selected as a whole, each once."""
    return list(dict.fromkeys(name.partition(".")[0] for name in attributes))


class Queries:
    """The URLs of one Graph; `base` ends in the API version."""

    def __init__(self, base: URL) -> None:
        self._base = base

    def users(self, attributes: Iterable[str]) -> tuple[list[URL], list[URL]]:
        """Every user: pages of falling size with the manager expanded, and the same without managers."""
        select = self._selected(attributes)
        expanded = [self._url("users", query={"$select": select, **top, "$expand": _MANAGER}) for top in _SIZES]
        return expanded, [self._url("users", query={"$select": select, **top}) for top in _SIZES[1:]]

    def user(self, user_id: str, attributes: Iterable[str]) -> tuple[URL, URL]:
        """One user with the manager expanded, and without."""
        select = self._selected(attributes)
        plain = self._url("users", user_id, query={"$select": select})
        return self._url("users", user_id, query={"$select": select, "$expand": _MANAGER}), plain

    def manager(self, user_id: str) -> URL:
        """The manager of a user."""
        return self._url("users", user_id, "manager", query={"$select": "id"})

    def groups(self) -> list[URL]:
        """Every group."""
        return [self._url("groups", query={"$select": _GROUP_PROPERTIES, **top}) for top in _SIZES]

    def group(self, group_id: str) -> URL:
        """One group."""
        return self._url("groups", group_id, query={"$select": _GROUP_PROPERTIES})

    def visibility(self, group_id: str) -> URL:
        """Whether a group hides its members."""
        return self._url("groups", group_id, query={"$select": "id,visibility"})

    def groups_named(self, display_name: str) -> list[URL]:
        """The groups of a display name; at last every group, for the caller to choose from."""
        named: dict[str, str | int] = {
            "$filter": f"displayName eq {_quoted(display_name)}",
            "$select": _GROUP_PROPERTIES,
            "$top": _USUAL,
        }
        return [self._url("groups", query=named), *self.groups()]

    def members(self, group_id: str) -> list[URL]:
        """The direct members of a group."""
        return self._ids("groups", group_id, "members")

    def whole_members(self, group_id: str) -> list[URL]:
        """The direct members of a group with everything that Graph tells of them by itself."""
        return [self._url("groups", group_id, "members", query={**top}) for top in _SIZES]

    def groups_of(self, user_id: str) -> list[URL]:
        """What a user is a member of, directly and through groups: groups, directory roles, administrative units.

        The form that casts to groups needs advanced query parameters
        (https://learn.microsoft.com/graph/aad-advanced-queries), which answer from an index that lags behind the
        directory. This one is exact, and the few others in it are easily left out.
        """
        return self._ids("users", user_id, "transitiveMemberOf")

    def user_feed(self, attributes: Iterable[str]) -> list[URL]:
        """The start of the users' feed from now; at last its first round, which tells every user."""
        select = f"{self._selected(attributes)},manager"
        latest = self._url("users", "delta", query={"$deltatoken": "latest", "$select": select})
        return [latest, self._url("users", "delta", query={"$select": select})]

    def manager_feed(self) -> list[URL]:
        """The first round of the users' feed, of which managers alone are wanted."""
        return [self._url("users", "delta", query={"$select": "id,manager"})]

    def group_feed(self, only: Collection[str]) -> list[URL]:
        """The first round of the groups' feed, narrowed to these groups if there are any.

        Raises:
            ValueError: They are more than Graph takes.
        """
        if len(only) > MOST_IDS:
            raise ValueError(f"a feed of {len(only)} groups was asked for, it takes at most {MOST_IDS}")
        query: dict[str, str | int] = {"$select": f"{_GROUP_PROPERTIES},members"}
        if only:
            query["$filter"] = " or ".join(f"id eq {_quoted(group_id)}" for group_id in only)
        return [self._url("groups", "delta", query=query)]

    def _ids(self, *segments: str) -> list[URL]:
        return [self._url(*segments, query={"$select": "id", **top}) for top in _SIZES]

    def _selected(self, attributes: Iterable[str]) -> str:
        return ",".join(dict.fromkeys(("id", *(name for name in whole_properties(attributes) if name != "manager"))))

    def _url(self, *segments: str, query: dict[str, str | int]) -> URL:
        return graph_url(self._base, *segments, query=query)


def _quoted(text: str) -> str:
    """An OData text, https://learn.microsoft.com/graph/query-parameters#escaping-single-quotes."""
    doubled = text.replace("'", "''")
    return f"'{doubled}'"
