"""`$filter`: what it finds, what it refuses, and that no text of the caller breaks out of a literal."""

import pytest

from emulator.wire import EVENTUAL, Wire

ID = "aaaaaaaa-0000-4000-8000-0000000000"


def found(wire: Wire, collection: str, expression: str, *, advanced: bool = False) -> list[str]:
    """The ends of the ids that match."""
    path = f"/{collection}?$select=id&$filter={expression.replace('#', '%23').replace('&', '%26')}"
    things = wire.whole(path + "&$count=true", EVENTUAL) if advanced else wire.whole(path)
    return [thing["id"][-2:] for thing in things]


@pytest.mark.parametrize(
    ("collection", "expression", "ids"),
    [
        ("groups", "displayName eq 'Approvers'", ["11", "12"]),
        ("groups", "displayName eq 'approvers'", ["11", "12"]),
        ("groups", "displayName eq 'O''Brien & Co / 100%25 #1'", ["21"]),
        ("groups", "displayName eq 'Nobody'", []),
        ("groups", "startswith(displayName,'On-Call')", ["06", "07"]),
        ("groups", "groupTypes/any(c:c eq 'Unified')", ["14", "20"]),
        ("groups", "securityEnabled eq false and mailEnabled eq true", ["14", "16"]),
        ("users", f"id eq '{ID}03'", ["03"]),
        ("users", f"id eq '{ID}03' or id eq '{ID}01' or id eq '{ID}03'", ["03", "01"]),
        ("users", f"id in ('{ID}09', '{ID}02', '{ID}99')", ["09", "02"]),
        ("users", "userPrincipalName eq 'ADA.CELIK@contoso.example'", ["01"]),
        ("users", "mail eq 'fiona.oneill@contoso.example'", ["06"]),
        ("users", "proxyAddresses/any(p:p eq 'smtp:f.o''neill@contoso.example')", ["06"]),
        ("users", "startswith(displayName,'Fiona O''N')", ["06"]),
        ("users", "displayName eq 'Lena Müller'", ["12", "32"]),
        ("users", "mail eq null and accountEnabled eq false", ["34"]),
        ("users", "department eq 'IT' and (jobTitle eq 'IT Support' or jobTitle eq 'Contractor')", ["31", "38"]),
        ("users", "displayName eq 'x'' or ''1'' eq ''1'", []),
    ],
)
def test_a_filter_finds(contoso_wire: Wire, collection: str, expression: str, ids: list[str]) -> None:
    """Equality ignores case, quotes are doubled, `or` and `in` give each object once."""
    assert found(contoso_wire, collection, expression) == ids


def test_a_filtered_list_is_paged(contoso_wire: Wire) -> None:
    """Filter and page size together, no empty last page."""
    pages = list(contoso_wire.pages("/users?$filter=department eq 'Sales'&$select=id&$top=4"))
    assert [len(page["value"]) for page in pages] == [4, 3]
    ids = " or ".join(f"id eq '{ID}{number:02d}'" for number in range(1, 9))
    assert [len(page["value"]) for page in contoso_wire.pages(f"/users?$filter={ids}&$top=3")] == [3, 3, 2]


@pytest.mark.parametrize(
    ("expression", "ids"),
    [
        ("endswith(mail,'@fabrikam.example')", ["35", "37"]),
        ("endswith(userPrincipalName,'%23EXT%23@contoso.onmicrosoft.example')", ["35", "36", "37", "38", "39"]),
        ("department ne 'Engineering' and userType ne 'Guest' and accountEnabled eq false", ["20", "34"]),
        ("not(accountEnabled eq true) and not startswith(displayName,'O')", ["20", "34", "39", "40"]),
    ],
)
def test_advanced_operators_need_advanced_parameters(contoso_wire: Wire, expression: str, ids: list[str]) -> None:
    """`ne`, `not` and `endswith` are refused without ConsistencyLevel and `$count=true`, and work with both."""
    path = f"/users?$select=id&$filter={expression}"
    for headers in (None, EVENTUAL):
        response = contoso_wire.get(path, headers)
        assert response.json()["error"]["code"] == "Request_UnsupportedQuery"
        assert "advanced-queries" in response.json()["error"]["message"]
    things = contoso_wire.whole(path + "&$count=true", EVENTUAL)
    assert [thing["id"][-2:] for thing in things] == ids


@pytest.mark.parametrize(
    "expression",
    [
        "displayName",
        "displayName eq",
        "displayName eq 'a",
        "displayName eq 'a' b",
        "displayName eq 'a' or",
        "(displayName eq 'a'",
        "displayName like 'a'",
        "id in ()",
        "startswith(displayName)",
        "proxyAddresses/any(p:q eq 'x')",
        "nothing eq 'a'",
        "'a' eq 'a'",
        "(" * 500 + "id eq 'x'" + ")" * 500,
        "not " * 500 + "id eq 'x'",
        "displayName eq 'a'; drop",
        "displayName eq bare",
        "displayName eq 5",
        "displayName eq true",
        "accountEnabled eq 'true'",
        "startswith(displayName,null)",
        "%ff",
    ],
)
def test_a_malformed_filter_is_refused(contoso_wire: Wire, expression: str) -> None:
    """Every syntax error is a 400, no crash and no empty list."""
    assert contoso_wire.error(f"/users?$filter={expression}")[:2] == (400, "BadRequest")


@pytest.mark.parametrize("expression", ["createdDateTime ge 2021-11-01", "mobilePhone gt '1'", "skills eq 'a'"])
def test_a_property_that_takes_no_such_filter_is_refused(contoso_wire: Wire, expression: str) -> None:
    """`Request_UnsupportedQuery`, naming the property and the resource."""
    _, code, message = contoso_wire.error(f"/users?$filter={expression}")
    assert code == "Request_UnsupportedQuery"
    assert f"'{expression.split(maxsplit=1)[0]}' of resource 'User'" in message


def test_too_many_clauses_are_refused(contoso_wire: Wire) -> None:
    """Fifteen are served, sixteen are not."""
    ids = [f"'{ID}{number:02d}'" for number in range(1, 17)]
    assert len(found(contoso_wire, "users", f"id in ({','.join(ids[:15])})")) == 15
    assert contoso_wire.error(f"/users?$filter=id in ({','.join(ids)})")[1] == "Request_UnsupportedQuery"
    clauses = " or ".join(f"id eq {one}" for one in ids)
    assert contoso_wire.error(f"/users?$filter={clauses}")[1] == "Request_UnsupportedQuery"
