"""Which application permissions each read accepts, and what a token may see. Data and pure questions.

Source: https://learn.microsoft.com/graph/permissions-reference and the permission tables of each API page.
"""

from entraid_emulator.objects import CONTACT_TYPE, DEVICE_TYPE, GROUP_TYPE, SERVICE_PRINCIPAL_TYPE, USER_TYPE

Roles = frozenset[str]

_DIRECTORY = frozenset({"Directory.Read.All", "Directory.ReadWrite.All"})
READ_USERS = _DIRECTORY | {"User.Read.All", "User.ReadWrite.All", "User.ReadBasic.All", "User.ReadWrite.CrossCloud"}
TRACK_USERS = _DIRECTORY | {"User.Read.All", "User.ReadWrite.All"}
READ_MANAGER = _DIRECTORY | {"User.Read.All", "User.ReadWrite.All"}
READ_GROUPS = _DIRECTORY | {
    "Group.Read.All",
    "Group.ReadWrite.All",
    "Group.ReadBasic.All",
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
}
READ_MEMBERS = frozenset(
    {
        "Directory.Read.All",
        "Group.Read.All",
        "Group.ReadBasic.All",
        "Group.ReadWrite.All",
        "GroupMember.Read.All",
        "GroupMember.ReadBasic.All",
        "GroupMember.ReadWrite.All",
    }
)
_BASIC_MEMBERS = frozenset({"Group.ReadBasic.All", "GroupMember.ReadBasic.All"})
READ_MEMBER_OF = _DIRECTORY | _BASIC_MEMBERS
READ_TRANSITIVE_MEMBER_OF = READ_MEMBER_OF | {"Group.Read.All", "GroupMember.Read.All", "User.Read.All"}
READ_GROUP_MEMBER_OF = READ_MEMBER_OF | {"Group.Read.All", "GroupMember.Read.All"}
READ_GROUP_TRANSITIVE_MEMBER_OF = READ_MEMBER_OF
CHECK_MEMBERSHIP = READ_TRANSITIVE_MEMBER_OF | {
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Device.Read.All",
    "Device.ReadWrite.All",
    "Group.ReadWrite.All",
    "User.ReadWrite.All",
}
READ_DIRECTORY = frozenset({"Directory.Read.All"})
READ_ORGANIZATION = _DIRECTORY | {"Organization.Read.All", "Organization.ReadWrite.All", "User.Read.All"}
READ_HIDDEN_MEMBERS = frozenset({"Member.Read.Hidden"})

_READERS = {
    USER_TYPE: READ_USERS,
    GROUP_TYPE: READ_GROUPS,
    DEVICE_TYPE: _DIRECTORY | {"Device.Read.All", "Device.ReadWrite.All"},
    SERVICE_PRINCIPAL_TYPE: _DIRECTORY | {"Application.Read.All", "Application.ReadWrite.All"},
    CONTACT_TYPE: _DIRECTORY | {"OrgContact.Read.All"},
}

BASIC_USER_PROPERTIES = frozenset(
    {"id", "displayName", "givenName", "surname", "mail", "userPrincipalName", "photo", "securityIdentifier"}
)
"""What User.ReadBasic.All shows of a user; the user principal name comes with it in practice."""


def allows(held: Roles, accepted: Roles) -> bool:
    """Whether one of the accepted permissions is held."""
    return not held.isdisjoint(accepted)


def may_read(held: Roles, odata_type: str) -> bool:
    """Whether objects of a type may be read; if not, a members list shows their type and id only.

    https://learn.microsoft.com/graph/permissions-overview#limited-information-returned-for-inaccessible-member-objects
    """
    return allows(held, _READERS.get(odata_type, _DIRECTORY))


def sees_basic_users_only(held: Roles) -> bool:
    """Whether User.ReadBasic.All is all there is to read users with."""
    return "User.ReadBasic.All" in held and not allows(held, READ_USERS - {"User.ReadBasic.All"})
