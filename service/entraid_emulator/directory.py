"""One tenant's directory in memory, changed while it is served: what it holds, and every way to change that.

Every change goes through a method here and into the change log, after it was made. Checked is only what keeps it
consistent (ids exist), not what Entra's administration would allow.
"""

from collections.abc import Mapping, Sequence

from entraid_emulator.changes import Change
from entraid_emulator.changes import Entry as Logged
from entraid_emulator.holdings import DirectoryBase, Entry, Holdings
from entraid_emulator.objects import GROUP_TYPE, ODATA_TYPE, USER_TYPE, GraphObject, Json, ObjectId, object_id, text
from entraid_emulator.shelf import Shelf

__all__ = ["Directory", "DirectoryBase", "Entry", "UnknownObjectError"]


class UnknownObjectError(KeyError):
    """A change names an object that the directory does not hold."""


class Directory(Holdings):
    """The holdings with their changes: add, update, delete, restore, purge, members, managers. Any thread may call."""

    def add_user(self, user: GraphObject) -> ObjectId:
        """Add a user, or replace the one with its id."""
        return self._put(self.users, user, USER_TYPE)

    def update_user(self, user: ObjectId, changes: Mapping[str, Json]) -> None:
        """Set properties of a user; None clears one."""
        self._update(self.users, user, changes, odata_type=USER_TYPE)

    def delete_user(self, user: ObjectId) -> None:
        """Soft-delete a user: gone from every list, and with all memberships back if restored.

        https://learn.microsoft.com/graph/delta-query-groups: a deleted user keeps the memberships for 30 days.
        """
        with self._lock:
            self._soft_delete(self.users, user, USER_TYPE)
            self._log_reports(user)

    def restore_user(self, user: ObjectId) -> None:
        """Undo `delete_user`."""
        with self._lock:
            self._restore(self.users, user, USER_TYPE)
            self._log_reports(user)

    def purge_user(self, user: ObjectId) -> None:
        """Delete a user for good, whether soft-deleted before or not: the memberships end now."""
        self._purge(self.users, user, USER_TYPE)

    def add_group(self, group: GraphObject) -> ObjectId:
        """Add a group, or replace the one with its id."""
        return self._put(self.groups, group, GROUP_TYPE)

    def update_group(self, group: ObjectId, changes: Mapping[str, Json]) -> None:
        """Set properties of a group; None clears one."""
        self._update(self.groups, group, changes, odata_type=GROUP_TYPE)

    def delete_group(self, group: ObjectId) -> None:
        """Delete a group as Entra does: a Microsoft 365 group softly, any other for good, with its memberships.

        https://learn.microsoft.com/graph/api/group-delete
        """
        with self._lock:
            if is_microsoft_365(self._existing(self.groups, group)):
                self._soft_delete(self.groups, group, GROUP_TYPE)
            else:
                self._purge(self.groups, group, GROUP_TYPE)

    def restore_group(self, group: ObjectId) -> None:
        """Bring a soft-deleted Microsoft 365 group back, with its members."""
        with self._lock:
            self._restore(self.groups, group, GROUP_TYPE)

    def purge_group(self, group: ObjectId) -> None:
        """Delete a group for good, whether soft-deleted before or not."""
        self._purge(self.groups, group, GROUP_TYPE)

    def add_other(self, thing: GraphObject) -> ObjectId:
        """Add a device, service principal, contact, ...; it carries its `@odata.type`."""
        if not text(thing, ODATA_TYPE):
            raise ValueError(f"object `{object_id(thing)}` needs an `@odata.type`")
        self.others.put(thing)
        return object_id(thing)

    def delete_other(self, thing: ObjectId) -> None:
        """Delete a device, service principal, contact, ... for good."""
        self._purge(self.others, thing, text(self._existing(self.others, thing), ODATA_TYPE))

    def add_member(self, group: ObjectId, member: ObjectId) -> None:
        """Make an object a direct member of a group; a member already is left as it is."""
        with self._lock:
            self._existing(self.groups, group)
            if self.find(member) is None:
                raise UnknownObjectError(f"no object `{member}` to make a member")
            if self._memberships.add(group, member):
                self._log(group, GROUP_TYPE, Change.MEMBER, other=member)

    def set_members(self, group: ObjectId, members: Sequence[ObjectId]) -> None:
        """Set the direct members of a group at once; repeated ids count once, ids of nobody are as deleted ones."""
        with self._lock:
            self._existing(self.groups, group)
            before = [member for member in self.members_of(group) if member is not None]
            if not before:
                self._memberships.load(group, members)
            wanted = dict.fromkeys(members)
            for member in before:
                if member not in wanted:
                    self._memberships.remove(group, member)
                    self._log(group, GROUP_TYPE, Change.MEMBER, other=member)
            for member in wanted.keys() - set(before):
                self._memberships.add(group, member)
                self._log(group, GROUP_TYPE, Change.MEMBER, other=member)

    def remove_member(self, group: ObjectId, member: ObjectId) -> None:
        """End a direct membership."""
        with self._lock:
            self._existing(self.groups, group)
            if not self._memberships.remove(group, member):
                raise UnknownObjectError(f"`{member}` is no member of `{group}`")
            self._log(group, GROUP_TYPE, Change.MEMBER, other=member)

    def set_manager(self, user: ObjectId, manager: ObjectId | None) -> None:
        """Give a user a manager, or none."""
        with self._lock:
            self._existing(self.users, user)
            if manager is not None and self.find(manager) is None:
                raise UnknownObjectError(f"no object `{manager}` to be a manager")
            former = self._manager(user)
            self._managers[user] = manager
            if former != manager:
                self._log(user, USER_TYPE, Change.MANAGER, other=former)

    def _put(self, shelf: Shelf, thing: GraphObject, odata_type: str) -> ObjectId:
        with self._lock:
            named = object_id(thing)
            shelf.put(thing)
            self.deleted.pop(named, None)
            self.gone.pop(named, None)
            self._log(named, odata_type, Change.CREATED)
            return named

    def _update(self, shelf: Shelf, wanted: ObjectId, changes: Mapping[str, Json], *, odata_type: str) -> None:
        with self._lock:
            before = self._existing(shelf, wanted)
            names = frozenset(name for name, value in changes.items() if before.get(name) != value)
            shelf.put({**before, **changes})
            cleared = {name for name in names if changes[name] in (None, [], ())}
            kept = (self._cleared.pop(wanted, set()) - names) | cleared
            if kept:
                self._cleared[wanted] = kept
            if names:
                self._log(wanted, odata_type, Change.UPDATED, names=names)

    def _soft_delete(self, shelf: Shelf, wanted: ObjectId, odata_type: str) -> None:
        thing = self._existing(shelf, wanted)
        self.deleted[wanted] = Entry(odata_type, thing)
        shelf.remove(wanted)
        self._log(wanted, odata_type, Change.REMOVED)

    def _restore(self, shelf: Shelf, wanted: ObjectId, odata_type: str) -> None:
        entry = self.deleted.get(wanted)
        if entry is None or entry.odata_type != odata_type:
            raise UnknownObjectError(f"no deleted object `{wanted}` to restore")
        shelf.put(entry.thing)
        del self.deleted[wanted]
        self._log(wanted, odata_type, Change.CREATED)
        for group in self._memberships.groups_of(wanted):
            self._log(group, GROUP_TYPE, Change.RETURNED, other=wanted)

    def _purge(self, shelf: Shelf, wanted: ObjectId, odata_type: str) -> None:
        with self._lock:
            entry = self.deleted.pop(wanted, None)
            if entry is None or entry.odata_type != odata_type:
                self._existing(shelf, wanted)
            self.gone[wanted] = odata_type
            shelf.remove(wanted)
            self._cleared.pop(wanted, None)
            self._log(wanted, odata_type, Change.REMOVED)
            for group in self._memberships.groups_of(wanted):
                self._memberships.remove(group, wanted)
                self._log(group, GROUP_TYPE, Change.MEMBER, other=wanted)
            if odata_type == GROUP_TYPE:
                self._memberships.load(wanted, ())
            self._log_reports(wanted)

    def _log_reports(self, manager: ObjectId) -> None:
        """Note that a manager went or came back for everybody who has that manager."""
        reports = [user for user, boss in self._managers.items() if boss == manager]
        if self._base is not None:
            reports += [user for user in self._base.reports_of(manager) if user not in self._managers]
        for user in reports:
            self._log(user, USER_TYPE, Change.MANAGER, other=manager)

    def _log(
        self,
        thing: ObjectId,
        odata_type: str,
        what: Change,
        *,
        names: frozenset[str] = frozenset(),
        other: ObjectId | None = None,
    ) -> None:
        self.changes.write(Logged(thing, odata_type, what, names, other))

    @staticmethod
    def _existing(shelf: Shelf, wanted: ObjectId) -> GraphObject:
        found = shelf.get(wanted)
        if found is None:
            raise UnknownObjectError(f"no object `{wanted}`")
        return found


def is_microsoft_365(group: GraphObject) -> bool:
    """Whether it is a Microsoft 365 group."""
    kinds = group.get("groupTypes")
    return isinstance(kinds, Sequence) and "Unified" in kinds
