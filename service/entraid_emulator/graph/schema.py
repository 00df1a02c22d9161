"""Which properties a user, a group, ... has, which of them come unasked and which filters they take. Data only.

Sources: https://learn.microsoft.com/graph/api/resources/user, https://learn.microsoft.com/graph/api/resources/group
and the v1.0 metadata document. `uniqueName`, `creationOptions` and some other group properties are not in the
documented default set, but real tenants are seen to answer with them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from entraid_emulator.objects import (
    CONTACT_TYPE,
    DEVICE_TYPE,
    GROUP_TYPE,
    SERVICE_PRINCIPAL_TYPE,
    USER_TYPE,
    GraphObject,
    Json,
)

_EXTENSION = re.compile(r"extension_[0-9a-fA-F]{32}_\w+")  # directory extension: app id without hyphens, then its name
EXTENSION_ATTRIBUTES = tuple(f"extensionAttribute{number}" for number in range(1, 16))

_FULL = frozenset({"eq", "ne", "in", "startswith"})
_EXACT = frozenset({"eq", "ne", "in"})
_LIST = frozenset({"eq", "startswith"})  # through a lambda: `proxyAddresses/any(x:x eq '...')`


def is_extension(name: str) -> bool:
    """Whether a property is a directory extension attribute."""
    return _EXTENSION.fullmatch(name) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityType:
    """One type of directory object.

    Attributes:
        name: as in `microsoft.graph.user`.
        resource: as the directory's own messages name it.
        odata_type: as in `@odata.type`.
        defaults: properties that come without `$select`, in the order of the answer.
        on_request: properties that come only with `$select`.
        lists: properties that are collections: never null, empty instead.
        booleans: properties that `$filter` compares with `true` and `false`; all others it compares with text.
        filters: operators by property, where `$filter` takes it.
        outside: properties that live outside the directory: not over a collection.
        guarded: properties that need a permission of their own.
        navigation: relations; `$select` takes their names and prints nothing.
        only_if_set: properties that are left out where they are not set, as directory extension attributes are.
    """

    name: str
    resource: str
    odata_type: str
    defaults: tuple[str, ...]
    on_request: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()
    booleans: frozenset[str] = frozenset()
    filters: Mapping[str, frozenset[str]] = field(default_factory=dict)
    outside: frozenset[str] = frozenset()
    guarded: Mapping[str, frozenset[str]] = field(default_factory=dict)
    navigation: frozenset[str] = frozenset()
    only_if_set: frozenset[str] = frozenset()

    def is_printed_only_if_set(self, name: str) -> bool:
        """Whether the property is left out where it is not set."""
        return name in self.only_if_set or is_extension(name)

    def knows(self, name: str) -> bool:
        """Whether the type has the property."""
        return name in self.on_request or name in self.defaults or is_extension(name)

    def value(self, thing: GraphObject, name: str) -> Json:
        """A property as Graph prints it: an unset one is null, a collection empty, all 15 attributes are listed."""
        value = thing.get(name)
        if name == "onPremisesExtensionAttributes":
            given = value if isinstance(value, Mapping) else {}
            return {attribute: given.get(attribute) for attribute in EXTENSION_ATTRIBUTES}
        return [] if value is None and name in self.lists else value


def _each(names: str, value: frozenset[str]) -> Mapping[str, frozenset[str]]:
    return dict.fromkeys(names.split(), value)


def _set(*names: str) -> frozenset[str]:
    return frozenset(_words(names))


def _words(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(word for line in lines for word in line.split())


USER = EntityType(
    name="user",
    resource="User",
    odata_type=USER_TYPE,
    defaults=_words(
        [
            "businessPhones displayName givenName jobTitle mail mobilePhone officeLocation preferredLanguage surname",
            "userPrincipalName id",
        ]
    ),
    on_request=_set(
        "deletedDateTime accountEnabled ageGroup assignedLicenses assignedPlans authorizationInfo city companyName",
        "consentProvidedForMinor country createdDateTime creationType customSecurityAttributes department",
        "employeeHireDate employeeId employeeLeaveDateTime employeeOrgData employeeType externalUserState",
        "externalUserStateChangeDateTime faxNumber identities identityParentId imAddresses isManagementRestricted",
        "isResourceAccount lastPasswordChangeDateTime legalAgeGroupClassification licenseAssignmentStates mailNickname",
        "onPremisesDistinguishedName onPremisesDomainName onPremisesExtensionAttributes onPremisesImmutableId",
        "onPremisesLastSyncDateTime onPremisesProvisioningErrors onPremisesSamAccountName",
        "onPremisesSecurityIdentifier onPremisesSyncEnabled onPremisesUserPrincipalName otherMails passwordPolicies",
        "passwordProfile postalCode preferredDataLocation provisionedPlans proxyAddresses securityIdentifier",
        "serviceProvisioningErrors showInAddressList signInActivity signInSessionsValidFromDateTime state",
        "streetAddress usageLocation userType",
        "aboutMe birthday deviceEnrollmentLimit hireDate interests mailboxSettings mySite pastProjects preferredName",
        "print responsibilities schools skills",
    ),
    lists=_set(
        "businessPhones assignedLicenses assignedPlans identities imAddresses licenseAssignmentStates",
        "onPremisesProvisioningErrors otherMails provisionedPlans proxyAddresses serviceProvisioningErrors",
    ),
    booleans=_set("accountEnabled onPremisesSyncEnabled"),
    filters={
        **_each("id", _EXACT),
        **_each(
            "city companyName country displayName employeeId employeeType faxNumber givenName jobTitle mail"
            " mailNickname"
            " mobilePhone officeLocation onPremisesSamAccountName onPremisesUserPrincipalName postalCode"
            " preferredLanguage state streetAddress surname usageLocation",
            _FULL,
        ),
        **_each("mail userPrincipalName", _FULL | {"endswith"}),
        **_each("accountEnabled createdDateTime creationType department onPremisesSyncEnabled userType", _EXACT),
        **_each("businessPhones imAddresses otherMails proxyAddresses", _LIST),
    },
    outside=_set(
        "aboutMe birthday deviceEnrollmentLimit hireDate interests mailboxSettings mySite pastProjects preferredName",
        "print responsibilities schools skills",
    ),
    guarded={
        "employeeLeaveDateTime": frozenset({"User-LifeCycleInfo.Read.All", "User-LifeCycleInfo.ReadWrite.All"}),
        "customSecurityAttributes": frozenset(
            {"CustomSecAttributeAssignment.Read.All", "CustomSecAttributeAssignment.ReadWrite.All"}
        ),
        "signInActivity": frozenset({"AuditLog.Read.All"}),
    },
    navigation=_set(
        "manager directReports memberOf transitiveMemberOf ownedDevices ownedObjects registeredDevices createdObjects",
        "appRoleAssignments oauth2PermissionGrants licenseDetails photo sponsors",
    ),
)

GROUP = EntityType(
    name="group",
    resource="Group",
    odata_type=GROUP_TYPE,
    defaults=_words(
        [
            "id deletedDateTime classification createdDateTime creationOptions description displayName",
            "expirationDateTime groupTypes isAssignableToRole mail mailEnabled mailNickname membershipRule",
            "membershipRuleProcessingState onPremisesDomainName onPremisesLastSyncDateTime onPremisesNetBiosName",
            "onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled preferredDataLocation",
            "preferredLanguage proxyAddresses renewedDateTime resourceBehaviorOptions resourceProvisioningOptions",
            "securityEnabled securityIdentifier theme uniqueName visibility onPremisesProvisioningErrors",
            "serviceProvisioningErrors",
        ]
    ),
    on_request=_set(
        "assignedLabels assignedLicenses hasMembersWithLicenseErrors infoCatalogs isManagementRestricted",
        "licenseProcessingState onPremisesExtensionAttributes organizationId",
        "accessType allowExternalSenders autoSubscribeNewMembers hideFromAddressLists hideFromOutlookClients"
        " isArchived",
        "isFavorite isSubscribedByMail unseenConversationsCount unseenCount unseenMessagesCount welcomeMessageEnabled",
    ),
    lists=_set(
        "creationOptions groupTypes proxyAddresses resourceBehaviorOptions resourceProvisioningOptions",
        "onPremisesProvisioningErrors serviceProvisioningErrors assignedLabels assignedLicenses infoCatalogs",
    ),
    booleans=_set("mailEnabled isAssignableToRole securityEnabled onPremisesSyncEnabled"),
    filters={
        **_each("id", _EXACT),
        **_each("displayName mail mailNickname preferredLanguage onPremisesSamAccountName", _FULL),
        **_each("classification description membershipRule", frozenset({"eq", "ne", "startswith"})),
        **_each("mailEnabled isAssignableToRole", frozenset({"eq", "ne"})),
        **_each("securityEnabled onPremisesSyncEnabled membershipRuleProcessingState", _EXACT),
        **_each("groupTypes proxyAddresses resourceProvisioningOptions", _LIST),
    },
    outside=_set(
        "accessType allowExternalSenders autoSubscribeNewMembers hideFromAddressLists hideFromOutlookClients"
        " isArchived",
        "isFavorite isSubscribedByMail unseenConversationsCount unseenCount unseenMessagesCount welcomeMessageEnabled",
    ),
    navigation=_set("members memberOf owners transitiveMembers transitiveMemberOf appRoleAssignments"),
)

DEVICE = EntityType(
    name="device",
    resource="Device",
    odata_type=DEVICE_TYPE,
    defaults=_words(
        ["id deletedDateTime accountEnabled deviceId displayName operatingSystem operatingSystemVersion trustType"]
    ),
)

SERVICE_PRINCIPAL = EntityType(
    name="servicePrincipal",
    resource="ServicePrincipal",
    odata_type=SERVICE_PRINCIPAL_TYPE,
    defaults=_words(["id deletedDateTime accountEnabled appId appDisplayName displayName servicePrincipalType"]),
)

CONTACT = EntityType(
    name="orgContact",
    resource="Contact",
    odata_type=CONTACT_TYPE,
    defaults=_words(["id deletedDateTime companyName displayName givenName mail mailNickname proxyAddresses surname"]),
    lists=frozenset({"proxyAddresses"}),
)

TYPES: Mapping[str, EntityType] = {
    entity.odata_type: entity for entity in (USER, GROUP, DEVICE, SERVICE_PRINCIPAL, CONTACT)
}
"""Every type the emulator knows, by `@odata.type`; objects of other types are served as they were loaded."""
