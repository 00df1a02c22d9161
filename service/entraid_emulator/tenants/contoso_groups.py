"""The groups of Contoso and the other things in them, as tables to be read by people. Data and its reading, no more.

The object id of group 7 is `bbbbbbbb-0000-4000-8000-000000000007`, of device 1 `dddddddd-0000-4000-8000-000000000001`,
of service principal 1 `eeeeeeee-...-000000000001`, of contact 1 `cccccccc-...-000000000001`. Members: `u` person, `g`
group, `d` device, `s` service principal, `c` contact, `u4-u9` all from 4 to 9.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from entraid_emulator.objects import CONTACT_TYPE, DEVICE_TYPE, ODATA_TYPE, SERVICE_PRINCIPAL_TYPE, Json, ObjectId
from entraid_emulator.tenants.contoso_people import DOMAIN, INITIAL_DOMAIN

GROUPS = """
nr | kind         | display name           | mail nickname     | members                       | description
 1 | security     | All Employees          | all-employees     | u1-u32 u40                    | Everybody on the payroll
 2 | security     | Engineering            | engineering       | g3 g4 u2 u7 u16 u17           | Nested: Platform and Product Guild are inside
 3 | security     | Platform               | platform          | g5 g6 u6 u8 u36               | Nested in Engineering
 4 | security     | Product Guild          | product-guild     | u7 u16 u17                    | Nested in Engineering
 5 | security     | Database Engineers     | database          | u10 u11 u40                   | Nested in Platform
 6 | security     | On-Call                | on-call           | g7 u9                         | Nested in Platform
 7 | security     | On-Call Primary        | on-call-primary   | u14 u15                       | Four levels deep: Engineering > Platform > On-Call > here
 8 | security     | Ring Alpha             | ring-alpha        | g9 u12                        | A cycle: Alpha > Beta > Gamma > Alpha
 9 | security     | Ring Beta              | ring-beta         | g10 u13                       | A cycle
10 | security     | Ring Gamma             | ring-gamma        | g8 u27                        | A cycle
11 | security     | Approvers              | approvers-finance | u3 u18                        | One of two groups with this name
12 | security     | Approvers              | approvers-it      | u30                           | One of two groups with this name
13 | dynamic      | Sales (dynamic)        | sales-dynamic     | u4 u22-u27                    | By rule: department is Sales
14 | microsoft365 | Project Galata         | project-galata    | u1 u7 u16 u35 u37             | A Microsoft 365 group with guests
15 | mailsecurity | Finance Team           | finance           | u3 u18-u21                    | Mail-enabled security group
16 | distribution | Company News           | news              | u1 u5 u29 c1                  | Distribution list with a contact
17 | security     | Empty Shell            | empty-shell       |                               | Nobody is in it
18 | security     | Build Machines         | build-machines    | d1 d2 s1 u30                  | Devices, a service principal and one person
19 | security     | External Auditors      | external-auditors | u35 u37 u39                   | Guests only
20 | hidden       | Works Council          | works-council     | u12 u21 u29                   | Hidden membership
21 | security     | O'Brien & Co / 100% #1 | obrien            | u13 u38                       | A name that needs escaping everywhere
22 | synced       | SG-IT-Admins           | sg-it-admins      | u30 u31                       | Synced from on-premises Active Directory
"""  # noqa: E501 - a row is a line

_KINDS: dict[str, dict[str, Json]] = {
    "security": {"groupTypes": [], "securityEnabled": True, "mailEnabled": False},
    "dynamic": {
        "groupTypes": ["DynamicMembership"],
        "securityEnabled": True,
        "mailEnabled": False,
        "membershipRule": '(user.department -eq "Sales")',
        "membershipRuleProcessingState": "On",
    },
    "microsoft365": {
        "groupTypes": ["Unified"],
        "securityEnabled": False,
        "mailEnabled": True,
        "visibility": "Private",
        "resourceProvisioningOptions": ["Team"],
    },
    "hidden": {
        "groupTypes": ["Unified"],
        "securityEnabled": True,
        "mailEnabled": True,
        "visibility": "HiddenMembership",
    },
    "mailsecurity": {"groupTypes": [], "securityEnabled": True, "mailEnabled": True},
    "distribution": {"groupTypes": [], "securityEnabled": False, "mailEnabled": True},
    "synced": {
        "groupTypes": [],
        "securityEnabled": True,
        "mailEnabled": False,
        "onPremisesSyncEnabled": True,
        "onPremisesLastSyncDateTime": "2024-06-01T06:00:00Z",
        "onPremisesDomainName": "corp.contoso.example",
        "onPremisesSamAccountName": "SG-IT-Admins",
    },
}

_FAMILIES = {"u": "aaaaaaaa", "g": "bbbbbbbb", "c": "cccccccc", "d": "dddddddd", "s": "eeeeeeee"}
_MEMBER = re.compile(r"([ugcds])(\d+)(?:-\1(\d+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One group.

    Attributes:
        group: the Graph-shaped group.
        members: the object ids of its direct members.
    """

    group: dict[str, Json]
    members: tuple[ObjectId, ...]


def contoso_id(letter: str, number: int) -> ObjectId:
    """The object id of a person (`u`), group (`g`), contact (`c`), device (`d`) or service principal (`s`)."""
    return ObjectId(f"{_FAMILIES[letter]}-0000-4000-8000-{number:012d}")


def group_rows() -> list[Row]:
    """Every group, in the order of the table."""
    return [_row([cell.strip() for cell in line.split("|")]) for line in GROUPS.strip().splitlines()[1:]]


def other_objects() -> list[dict[str, Json]]:
    """Devices, a service principal and a contact: members that are neither people nor groups."""
    return [
        _device(1, "CONTOSO-BUILD-01"),
        _device(2, "CONTOSO-BUILD-02"),
        {
            ODATA_TYPE: SERVICE_PRINCIPAL_TYPE,
            "id": contoso_id("s", 1),
            "accountEnabled": True,
            "appId": "9c5e2b7d-1f40-4d8a-b6a3-7e0d4c2f8b15",
            "appDisplayName": "Release Robot",
            "displayName": "Release Robot",
            "servicePrincipalType": "Application",
        },
        {
            ODATA_TYPE: CONTACT_TYPE,
            "id": contoso_id("c", 1),
            "displayName": "Press Agency",
            "companyName": "Proseware",
            "mail": "press@proseware.example",
            "mailNickname": "press",
            "proxyAddresses": ["SMTP:press@proseware.example"],
        },
    ]


def _device(number: int, name: str) -> dict[str, Json]:
    return {
        ODATA_TYPE: DEVICE_TYPE,
        "id": contoso_id("d", number),
        "accountEnabled": True,
        "deviceId": f"d0d0d0d0-0000-4000-8000-{number:012d}",
        "displayName": name,
        "operatingSystem": "Linux",
        "operatingSystemVersion": "6.8",
        "trustType": "AzureAd",
    }


def _row(cells: list[str]) -> Row:
    number, kind, name, nickname, members, description = cells
    attributes = _KINDS[kind]
    created = f"2021-04-{int(number):02d}T10:00:00Z"
    group: dict[str, Json] = {
        "id": contoso_id("g", int(number)),
        "displayName": name,
        "description": description,
        "mailNickname": nickname,
        "createdDateTime": created,
        "renewedDateTime": created,
        **attributes,
    }
    if attributes["mailEnabled"]:
        group["mail"] = f"{nickname}@{DOMAIN}"
        group["proxyAddresses"] = [f"SMTP:{nickname}@{DOMAIN}", f"smtp:{nickname}@{INITIAL_DOMAIN}"]
    return Row(group=group, members=tuple(_members(members)))


def _members(cell: str) -> Iterator[ObjectId]:
    for word in cell.split():
        match = _MEMBER.fullmatch(word)
        if match is None:
            raise ValueError(f"`{word}` names no member")
        letter, first, last = match[1], int(match[2]), int(match[3] or match[2])
        yield from (contoso_id(letter, number) for number in range(first, last + 1))
