"""A naive client of delta rounds: keeps what they tell of users and groups, and nothing else."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from emulator.wire import Document, Wire
from entraid_emulator import Directory


@dataclass(slots=True)
class Replica:
    """A copy made of rounds alone.

    Attributes:
        users: properties by id.
        groups: the same.
        members: member ids by group.
        managers: manager ids by user.
        links: where the next round of each resource begins.
    """

    wire: Wire
    users: dict[str, Document] = field(default_factory=dict)
    groups: dict[str, Document] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    managers: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def round(self, between_pages: Callable[[], None] | None = None) -> None:
        """One round of both resources; `between_pages` is called after every page."""
        starts = {
            "users": "/users/delta?$select=displayName,department,accountEnabled,userPrincipalName,manager",
            "groups": "/groups/delta?$select=displayName,description,members",
        }
        for resource, start in starts.items():
            for page in rounds_pages(self.wire, self.links.get(resource, start)):
                for record in page["value"]:
                    (self._user if resource == "users" else self._group)(record)
                self.links[resource] = page.get("@odata.deltaLink", "")
                if between_pages is not None:
                    between_pages()

    def differences(self, directory: Directory) -> list[str]:
        """Where the copy is not the directory's own truth, in words."""
        truth = directory.truth()
        wanted: list[tuple[str, dict[str, Document], dict[str, Document]]] = [
            ("users", self.users, {one: dict(user) for one, user in truth.users.items()}),
            ("groups", self.groups, {one: dict(group) for one, group in truth.groups.items()}),
        ]
        found = []
        for kind, copies, things in wanted:
            found += [f"{kind}: {copies.keys() ^ things.keys()}"] if copies.keys() != things.keys() else []
            found += [
                f"{named}.{name}: {copies[named].get(name)!r} is {things[named].get(name)!r}"
                for named in copies.keys() & things.keys()
                for name in ("displayName", "department", "accountEnabled", "userPrincipalName", "description")
                if copies[named].get(name) != things[named].get(name)
            ]
        alive = truth.users.keys() | truth.groups.keys() | truth.others.keys()
        for group, members in truth.members.items():
            visible = self.members.get(group, set()) & alive
            found += [f"members of {group}: {visible ^ members}"] if visible != members else []
        if self.managers != truth.managers:
            found.append(f"managers: {self.managers.items() ^ truth.managers.items()}")
        return found

    def _user(self, record: Document) -> None:
        named = record["id"]
        if "@removed" in record:
            self.users.pop(named, None)
            self.managers.pop(named, None)
            return
        for link in record.pop("manager@delta", []):
            if "@removed" not in link:
                self.managers[named] = link["id"]
            elif self.managers.get(named) == link["id"]:
                del self.managers[named]
        self.users.setdefault(named, {}).update(record)

    def _group(self, record: Document) -> None:
        named = record["id"]
        if "@removed" in record:
            self.groups.pop(named, None)
            self.members.pop(named, None)
            return
        members = self.members.setdefault(named, set())
        for link in record.pop("members@delta", []):
            (members.discard if "@removed" in link else members.add)(link["id"])
        self.groups.setdefault(named, {}).update(record)


def rounds_pages(wire: Wire, link: str) -> Iterator[Document]:
    """The pages of one round; each has a link to the next or to the next round, never both."""
    token = wire.token()
    following: str | None = link
    while following is not None:
        page = wire.body(following, token=token)
        assert ("@odata.nextLink" in page) != ("@odata.deltaLink" in page)
        yield page
        following = page.get("@odata.nextLink")


def directory(wire: Wire) -> Directory:
    """What the emulator serves, to be changed."""
    return wire.emulator.tenants[0].directory


def records(wire: Wire, link: str) -> tuple[list[Document], str]:
    """All records of a round, and the link to the next."""
    pages = list(rounds_pages(wire, link))
    return [record for page in pages for record in page["value"]], pages[-1]["@odata.deltaLink"]


def by_id(found: list[Document]) -> dict[str, Document]:
    """Records that name each object once."""
    assert len({record["id"] for record in found}) == len(found)
    return {record["id"]: record for record in found}
