"""The guard against mass removal: a read that would take away too much is not believed without a person. Pure.

An outage, a lost permission or a mistake in Entra looks like a tenant that lost its users
(https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-sync-feature-prevent-accidental-deletes).
"""

from dataclasses import dataclass

from entraid_service.model.changes import Removals

COUNTED_FROM = 100
"""Smaller tenants may lose anything: in a handful of objects every change is a large share."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Holds what would remove more than this percentage of the users, the groups or the memberships."""

    percent: int

    def objection(self, removals: Removals) -> str:
        """Why this must not take effect by itself, empty if it may."""
        counted = (("users", removals.users), ("groups", removals.groups), ("memberships", removals.memberships))
        for what, (removed, there) in counted:
            if there >= COUNTED_FROM and removed * 100 > there * self.percent:
                return (
                    f"it would remove {removed} of {there} {what}, more than {self.percent} %; look whether that is "
                    f"so in "
                    "Entra, then approve the run"
                )
        return ""
