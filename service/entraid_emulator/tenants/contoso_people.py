"""The people of Contoso, as a table to be read by people: tests, docs and scenarios quote it. Data only.

The object id of person 7 is `aaaaaaaa-0000-4000-8000-000000000007`; the user principal name of `ada.celik` is
`ada.celik@contoso.example`, that of a guest `mail_domain#EXT#@contoso.onmicrosoft.example`.
"""

from dataclasses import dataclass

from entraid_emulator.objects import Json, ObjectId

DOMAIN = "contoso.example"
INITIAL_DOMAIN = "contoso.onmicrosoft.example"
COST_CENTER = "extension_b5c1e0d2f3a44c6f9d7e8a1b2c3d4e5f_costCenter"
"""The directory extension attribute of Contoso: a cost centre, on a few people only."""

PEOPLE = """
nr | alias            | given name | surname      | job title               | department  | city       | boss | note
 1 | ada.celik        | Ada        | Çelik        | Chief Executive         | Executive   | Istanbul   |      |
 2 | bruno.keller     | Bruno      | Keller       | Chief Technology Officer| Engineering | Zürich     |    1 |
 3 | carmen.ortiz     | Carmen     | Ortiz        | Chief Financial Officer | Finance     | Madrid     |    1 |
 4 | david.okafor     | David      | Okafor       | VP Sales                | Sales       | London     |    1 |
 5 | elif.isik        | Elif       | Işık         | VP People               | People      | Istanbul   |    1 |
 6 | fiona.oneill     | Fiona      | O'Neill      | Director of Platform    | Engineering | Dublin     |    2 |
 7 | goran.petrovic   | Goran      | Petrović     | Director of Product     | Engineering | Belgrade   |    2 |
 8 | hana.sato        | Hana       | Satō         | Engineering Manager     | Engineering | Tokyo      |    6 |
 9 | ibrahim.yilmaz   | İbrahim    | Yılmaz       | Site Reliability Lead   | Engineering | Istanbul   |    6 |
10 | julia.gross      | Julia      | Groß         | Database Engineer       | Engineering | Zürich     |    8 |
11 | kofi.mensah      | Kofi       | Mensah       | Database Engineer       | Engineering | Accra      |    8 |
12 | lena.mueller     | Lena       | Müller       | Software Engineer       | Engineering | Zürich     |    8 |
13 | marco.dangelo    | Marco      | D'Angelo     | Software Engineer       | Engineering | Milan      |    8 |
14 | nadia.rahman     | Nadia      | Rahman       | Site Reliability Engineer| Engineering| London     |    9 |
15 | oliver.smith     | Oliver     | Smith        | Site Reliability Engineer| Engineering| London     |    9 | disabled
16 | priya.nair       | Priya      | Nair         | Product Manager         | Engineering | London     |    7 |
17 | quentin.dubois   | Quentin    | Dubois       | Designer                | Engineering | Paris      |    7 |
18 | rosa.vargas      | Rosa       | Vargas       | Financial Controller    | Finance     | Madrid     |    3 |
19 | sven.lindstrom   | Sven       | Lindström    | Accountant              | Finance     | Stockholm  |   18 |
20 | tomas.novak      | Tomáš      | Novák        | Accountant              | Finance     | Prague     |   18 | disabled
21 | uma.krishnan     | Uma        | Krishnan     | Payroll Specialist      | Finance     | London     |   18 |
22 | victor.hugo      | Victor     | Hugo         | Regional Sales Manager  | Sales       | Paris      |    4 |
23 | wendy.chan       | Wendy      | Chan         | Regional Sales Manager  | Sales       | Singapore  |    4 |
24 | xavier.roy       | Xavier     | Roy          | Account Executive       | Sales       | Paris      |   22 |
25 | yara.haddad      | Yara       | Haddad       | Account Executive       | Sales       | Paris      |   22 |
26 | zoltan.kiss      | Zoltán     | Kiss         | Account Executive       | Sales       | Budapest   |   23 |
27 | amy.wong         | Amy        | Wong         | Sales Engineer          | Sales       | Singapore  |   23 |
28 | bjorn.hansen     | Bjørn      | Hansen       | Recruiter               | People      | Stockholm  |    5 |
29 | chloe.martin     | Chloé      | Martin       | People Partner          | People      | Paris      |    5 |
30 | daan.devries     | Daan       | de Vries     | IT Administrator        | IT          | Amsterdam  |    9 |
31 | emma.novak       | Emma       | Novak        | IT Support              | IT          | Prague     |   30 |
32 | lena.mueller2    | Lena       | Müller       | Office Manager          | People      | Zürich     |    5 |
33 | svc.backup       |            |              |                         |             |            |      | bare
34 | room.galata      |            |              |                         |             |            |      | bare disabled
35 | gita.patel       | Gita       | Patel        | Auditor                 |             |            |      | guest gita.patel@fabrikam.example
36 | hugo.alves       | Hugo       | Alves        | Consultant              | Engineering |            |    6 | guest hugo.alves@northwind.example
37 | irina.volkova    | Irina      | Volkova      |                         |             |            |      | guest irina.volkova@fabrikam.example
38 | jack.oconnor     | Jack       | O'Connor     | Contractor              | IT          |            |   30 | guest jack_o'connor@adatum.example
39 | karl.vendor      | Karl       | Vendor       |                         |             |            |      | guest disabled karl@adatum.example
40 | former.employee  | Former     | Employee     | Software Engineer       | Engineering | London     |    8 | disabled
"""  # noqa: E501, RUF001 - a row is a line, and Turkish names have a dotless i

EXTRAS: dict[int, dict[str, Json]] = {
    1: {"otherMails": ["ada@celik.example"], COST_CENTER: "CC-100"},
    2: {"onPremisesExtensionAttributes": {"extensionAttribute1": "Admin", "extensionAttribute2": "Tier 0"}},
    6: {"proxyAddresses": ["SMTP:fiona.oneill@contoso.example", "smtp:f.o'neill@contoso.example"]},
    9: {"proxyAddresses": ["SMTP:ibrahim.yilmaz@contoso.example", "smtp:oncall@contoso.example"]},
    10: {COST_CENTER: "CC-210", "onPremisesExtensionAttributes": {"extensionAttribute1": "Production"}},
    11: {COST_CENTER: "CC-210", "onPremisesExtensionAttributes": {"extensionAttribute1": "Staging"}},
    12: {"otherMails": ["lena.mueller@private.example"]},
    14: {"employeeOrgData": {"costCenter": "CC-220", "division": "Platform"}},
    18: {COST_CENTER: "CC-300"},
    30: {"onPremisesExtensionAttributes": {"extensionAttribute1": "Admin"}},
}
"""What some people have beyond the table, by their number."""

ADMINISTRATORS = (1, 30)
"""Who may consent for Contoso: Ada Çelik and Daan de Vries."""

_COUNTRIES = {
    "Istanbul": ("Türkiye", "TR"),
    "Zürich": ("Switzerland", "CH"),
    "Madrid": ("Spain", "ES"),
    "London": ("United Kingdom", "GB"),
    "Dublin": ("Ireland", "IE"),
    "Belgrade": ("Serbia", "RS"),
    "Tokyo": ("Japan", "JP"),
    "Accra": ("Ghana", "GH"),
    "Milan": ("Italy", "IT"),
    "Paris": ("France", "FR"),
    "Stockholm": ("Sweden", "SE"),
    "Prague": ("Czechia", "CZ"),
    "Singapore": ("Singapore", "SG"),
    "Budapest": ("Hungary", "HU"),
    "Amsterdam": ("Netherlands", "NL"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One row.

    Attributes:
        number: of the row; the object id ends in it.
        user: the Graph-shaped user.
        manager: the number of the manager.
    """

    number: int
    user: dict[str, Json]
    manager: int | None


def person_id(number: int) -> ObjectId:
    """The object id of a person."""
    return ObjectId(f"aaaaaaaa-0000-4000-8000-{number:012d}")


def people() -> list[Person]:
    """Everybody, in the order of the table."""
    rows = PEOPLE.strip().splitlines()[1:]
    return [_person([cell.strip() for cell in row.split("|")]) for row in rows]


def _person(cells: list[str]) -> Person:
    number, manager, note = int(cells[0]), cells[7], cells[8].split()
    build = _guest if "guest" in note else _bare if "bare" in note else _employee
    user = build(number, cells)
    user["accountEnabled"] = "disabled" not in note
    return Person(number=number, user={**user, **EXTRAS.get(number, {})}, manager=int(manager) if manager else None)


def _employee(number: int, cells: list[str]) -> dict[str, Json]:
    _, alias, given, surname, title, department, city, _, _ = cells
    country, code = _COUNTRIES[city]
    mail = f"{alias}@{DOMAIN}"
    return {
        "id": person_id(number),
        "userPrincipalName": mail,
        "displayName": f"{given} {surname}",
        "givenName": given,
        "surname": surname,
        "mail": mail,
        "mailNickname": alias,
        "jobTitle": title,
        "department": department,
        "companyName": "Contoso",
        "officeLocation": city,
        "city": city,
        "country": country,
        "usageLocation": code,
        "preferredLanguage": "en-US",
        "businessPhones": [f"+1 555 01{number:02d}"],
        "employeeId": f"E{number:04d}",
        "employeeType": "Employee",
        "employeeHireDate": f"20{10 + number % 14}-0{1 + number % 9}-01T00:00:00Z",
        "createdDateTime": f"2021-03-{1 + number % 28:02d}T09:00:00Z",
        "proxyAddresses": [f"SMTP:{mail}", f"smtp:{alias}@{INITIAL_DOMAIN}"],
        "userType": "Member",
    }


def _guest(number: int, cells: list[str]) -> dict[str, Json]:
    _, alias, given, surname, title, department, _, _, note = cells
    mail = note.split()[-1]
    return {
        "id": person_id(number),
        "userPrincipalName": f"{mail.replace('@', '_')}#EXT#@{INITIAL_DOMAIN}",
        "displayName": f"{given} {surname} (Guest)",
        "givenName": given,
        "surname": surname,
        "mail": mail,
        "mailNickname": f"{alias}_ext",
        "jobTitle": title or None,
        "department": department or None,
        "otherMails": [mail],
        "proxyAddresses": [f"SMTP:{mail}"],
        "creationType": "Invitation",
        "externalUserState": "Accepted" if title else "PendingAcceptance",
        "createdDateTime": f"2023-05-{1 + number % 28:02d}T12:00:00Z",
        "userType": "Guest",
    }


def _bare(number: int, cells: list[str]) -> dict[str, Json]:
    """An account that nobody filled in: everything Graph allows to be null is null."""
    alias = cells[1]
    return {
        "id": person_id(number),
        "userPrincipalName": f"{alias}@{INITIAL_DOMAIN}",
        "displayName": alias,
        "mailNickname": alias,
        "mail": None,
        "userType": None,
    }
