"""When two names are the same, and how a list of groups is written."""

import pytest

from entraid_service.model.directory import User
from entraid_service.model.ids import UserId, fold_name, is_guid
from entraid_service.model.scope import Scope, split_entries
from entraid_service.model.secret import Secret


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ADA@Contoso.example", "ada@contoso.EXAMPLE"),
        ("STRASSE@x.example", "straße@x.example"),
        ("ﬁona@x.example", "FIONA@x.example"),
        ("e\u0301lise@x.example", "ÉLISE@x.example"),
        ("K@x.example", "\u212a@x.example"),
        ("℡@x.example", "tel@x.example"),
    ],
)
def test_names_of_users_compare_without_case_and_compatible_spellings(one: str, other: str) -> None:
    """Casefold and NFKC together, and folding twice changes nothing."""
    assert fold_name(one) == fold_name(other)
    assert fold_name(fold_name(one)) == fold_name(one)


def test_the_dotted_capital_i_is_not_the_dotless_one() -> None:
    """Turkish letters are letters of their own: neither locale decides over the other."""
    assert fold_name("IŞIK") != fold_name("ışık")
    assert fold_name("İ") == fold_name("i\u0307")


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (["Sales, Engineering ,,"], ("Sales", "Engineering")),
        (["Sales", "Sales"], ("Sales",)),
        (['"Sales, EMEA", IT'], ("Sales, EMEA", "IT")),
        (["O'Brien & Co / 100% #1"], ("O'Brien & Co / 100% #1",)),
        ([" ", ","], ()),
    ],
)
def test_groups_to_sync_are_a_list_or_a_comma_delimited_text(entries: list[str], expected: tuple[str, ...]) -> None:
    """Entries keep their order, once each; quotes hold a name with a comma together."""
    assert split_entries(entries) == expected


def test_only_the_form_of_a_guid_is_an_object_id() -> None:
    """Everything else is a name."""
    assert is_guid("AAAAAAAA-0000-4000-8000-000000000001")
    assert not is_guid("AAAAAAAA-0000-4000-8000-000000000001 ")
    assert not is_guid("aaaaaaaa00004000800000000000001")


def test_a_part_of_a_selected_attribute_is_known() -> None:
    """Graph selects a complex attribute as a whole."""
    scope = Scope(attributes=frozenset({"onPremisesExtensionAttributes", "employeeOrgData"}))
    assert scope.knows_attribute("onPremisesExtensionAttributes.extensionAttribute1")
    assert not scope.knows_attribute("department")
    assert Scope(frozenset({"signInActivity"})).knows_attribute("signInActivity.lastNonInteractiveSignInDateTime")


@pytest.mark.parametrize(
    "name",
    [
        "onPremisesExtensionAttributes.extensionAttribute16",
        "onPremisesExtensionAttributes.extensionAtribute1",
        "employeeOrgData.costCentre",
        "department.code",
        "signInActivity.lastSignIn",
        "authorizationInfo.certificateUserId",
    ],
)
def test_what_is_no_part_of_an_attribute_is_unknown(name: str) -> None:
    """A slip in a name would look empty for everybody, and a negative condition on it would hold."""
    complex_ones = {"onPremisesExtensionAttributes", "employeeOrgData", "signInActivity", "authorizationInfo"}
    scope = Scope(attributes=frozenset({*complex_ones, "department"}))
    assert not scope.knows_attribute(name)
    assert not Scope(attributes=frozenset({name})).knows_attribute(name)


def test_parts_of_an_attribute_that_the_service_has_no_list_of_are_known() -> None:
    """Schema extensions have names and parts of their own."""
    assert Scope(attributes=frozenset({"ext8x2q_access"})).knows_attribute("ext8x2q_access.level")


def test_mail_addresses_are_those_of_mail_other_mails_and_smtp_proxies() -> None:
    """Other kinds of proxy addresses are no mail addresses."""
    user = User(
        UserId("u"),
        {
            "mail": "a@x.example",
            "otherMails": ["b@x.example"],
            "proxyAddresses": ["SMTP:c@x.example", "smtp:d@x.example", "x500:/o=x", "sip:e@x.example", "smtp:"],
        },
    )
    assert list(user.mail_addresses()) == ["a@x.example", "b@x.example", "c@x.example", "d@x.example"]


@pytest.mark.parametrize("enabled", [None, "true", 1, False])
def test_an_account_is_enabled_only_if_entra_says_exactly_so(enabled: str | bool | None) -> None:
    """Whatever is not `true` is not enabled."""
    attributes = {} if enabled is None else {"accountEnabled": enabled}
    assert not User(UserId("u"), attributes).is_enabled


def test_a_secret_never_prints() -> None:
    """However it gets into a text."""
    secret = Secret("canary")
    assert "canary" not in f"{secret} {secret!r} {secret:>20} {[secret]}" + str({"a": secret}) + "%s" % secret  # noqa: UP031 - one way to print
