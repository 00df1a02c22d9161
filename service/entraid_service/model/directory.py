"""The objects of a tenant's directory, as far as decisions and lists need them."""

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from entraid_service.model.ids import GroupId, UserId

Scalar: TypeAlias = str | bool | int | float
AttributeValue: TypeAlias = Scalar | list[Scalar]
"""A known, non-empty value. Empty ones (null, absent, an empty list) are left out of a record altogether."""

CORE_ATTRIBUTES = ("displayName", "userPrincipalName", "mail", "accountEnabled", "userType")
"""Attributes that are always synced: every decision and every list needs them."""

DEFAULT_ATTRIBUTES = (
    *CORE_ATTRIBUTES,
    "givenName",
    "surname",
    "jobTitle",
    "department",
    "companyName",
    "officeLocation",
    "streetAddress",
    "city",
    "state",
    "postalCode",
    "country",
    "usageLocation",
    "preferredLanguage",
    "employeeId",
    "employeeType",
    "employeeHireDate",
    "employeeOrgData",
    "mailNickname",
    "otherMails",
    "proxyAddresses",
    "mobilePhone",
    "businessPhones",
    "createdDateTime",
    "creationType",
    "externalUserState",
    "onPremisesSyncEnabled",
    "onPremisesSamAccountName",
    "onPremisesDomainName",
    "onPremisesExtensionAttributes",
)
"""What is synced unless the settings say otherwise: what access flows are written over; all of it is readable with
User.Read.All."""

_SIGN_INS = ("lastSignIn", "lastNonInteractiveSignIn", "lastSuccessfulSignIn")

PARTS: Mapping[str, frozenset[str]] = {
    "onPremisesExtensionAttributes": frozenset(f"extensionAttribute{number}" for number in range(1, 16)),
    "employeeOrgData": frozenset({"costCenter", "division"}),
    "authorizationInfo": frozenset({"certificateUserIds"}),
    "signInActivity": frozenset(f"{name}{part}" for name in _SIGN_INS for part in ("DateTime", "RequestId")),
}
"""Attributes of a user that consist of these and no others, and have no text of their own, as far as the service looks
at them; see https://learn.microsoft.com/en-us/graph/api/resources/user."""

SIMPLE_ATTRIBUTES = frozenset(DEFAULT_ATTRIBUTES) - frozenset(PARTS)
"""Attributes of a user that are known to have no parts."""


@dataclass(frozen=True, slots=True)
class User:
    """A user as synced.

    `attributes` holds every known, non-empty attribute under its Microsoft Graph name, complex ones flattened with dots
    (`onPremisesExtensionAttributes.extensionAttribute1`). `manager_id` may name a user outside of what is synced.
    """

    id: UserId
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    manager_id: UserId | None = None

    def text(self, attribute: str) -> str:
        """One attribute's text, empty where there is none."""
        value = self.attributes.get(attribute)
        return value if isinstance(value, str) else ""

    @property
    def is_enabled(self) -> bool:
        """Whether the account may sign in. An account of which Entra did not tell is not enabled."""
        return self.attributes.get("accountEnabled") is True

    @property
    def user_principal_name(self) -> str:
        """The sign-in name, empty where Entra gave none."""
        return self.text("userPrincipalName")

    def mail_addresses(self) -> Iterator[str]:
        """Every mail address that names this user: `mail`, `otherMails` and the addresses in `proxyAddresses`."""
        if mail := self.text("mail"):
            yield mail
        yield from self._texts("otherMails")
        for address in self._texts("proxyAddresses"):
            # Addresses are typed `SMTP:` (primary) and `smtp:` (alias); other types (`x500:`, `sip:`) are no mail
            # addresses.
            kind, _, rest = address.partition(":")
            if kind.lower() == "smtp" and rest:
                yield rest

    def _texts(self, attribute: str) -> Iterator[str]:
        value = self.attributes.get(attribute)
        if isinstance(value, list):
            yield from (item for item in value if isinstance(item, str) and item)


class GroupKind(enum.Enum):
    """What Entra uses a group for."""

    SECURITY = 1
    MAIL_ENABLED_SECURITY = 2
    MICROSOFT_365 = 3
    DISTRIBUTION = 4


@dataclass(frozen=True, slots=True)
class Group:
    """A group as synced.

    `is_opaque` says that its members could not be read (hidden membership without the permission to see it), so that
    nobody can tell who is in it.
    """

    id: GroupId
    display_name: str
    kind: GroupKind = GroupKind.SECURITY
    description: str = ""
    mail: str = ""
    membership_rule: str = ""
    is_opaque: bool = False


class MemberKind(enum.Enum):
    """What a member is. Others (devices, service principals, contacts) are counted and not kept."""

    USER = 1
    GROUP = 2
    OTHER = 3


@dataclass(frozen=True, slots=True)
class Member:
    """A direct member of a group, by object id."""

    id: str
    kind: MemberKind


@dataclass(frozen=True, slots=True)
class Membership:
    """An edge from a group to a direct member that is a user or a group."""

    group_id: GroupId
    member_id: str
    kind: MemberKind
