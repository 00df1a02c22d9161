"""A tenant: its id, its domains and its directory."""

from dataclasses import dataclass, field

from entraid_emulator.directory import Directory
from entraid_emulator.objects import ObjectId, TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One Entra tenant.

    Attributes:
        tenant_id: a GUID in lower case.
        display_name: the organization's name.
        domains: verified domains, the default one first, the initial one last; each also names the tenant in URLs.
        directory: what it holds.
        country: two-letter code.
        created: ISO 8601 moment, as Graph prints it.
        administrators: who may consent for the whole tenant; a test may change the set.
    """

    tenant_id: TenantId
    display_name: str
    domains: tuple[str, ...]
    directory: Directory = field(repr=False)
    country: str = "US"
    created: str = "2021-03-01T08:00:00Z"
    administrators: set[ObjectId] = field(default_factory=set, hash=False)

    def is_named(self, name: str) -> bool:
        """Whether a URL's tenant segment means this tenant."""
        return name.lower() == self.tenant_id or name.lower() in self.domains
