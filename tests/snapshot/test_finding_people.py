"""Who a name means: object id, then user principal name, then mail."""

import pytest

from entraid_service.model.directory import AttributeValue, User
from entraid_service.model.ids import UserId
from entraid_service.snapshot.catalog import GroupCatalog
from entraid_service.snapshot.people import People
from entraid_service.snapshot.person import Person
from entraid_service.snapshot.snapshot import Nobody, Snapshot
from snapshot.memory import CONTOSO, Directory, MemoryViews

ADA = UserId("aaaaaaaa-0000-4000-8000-000000000001")
BOB = UserId("bbbbbbbb-0000-4000-8000-000000000002")


def user(user_id: UserId, upn: str, **attributes: AttributeValue) -> User:
    """An enabled user."""
    return User(user_id, {"userPrincipalName": upn, "accountEnabled": True, **attributes})


def found(name: str, *users: User) -> UserId | Nobody:
    """Whom a name finds among these users."""
    person = Directory(users=users).snapshot().find(name)
    return person if isinstance(person, Nobody) else person.id


@pytest.mark.parametrize(
    "name",
    [
        ADA,
        ADA.upper(),
        "ada@contoso.example",
        "ADA@Contoso.Example",
        "\N{FULLWIDTH LATIN SMALL LETTER A}da@contoso.example",
        "ada.l@contoso.example",
        "Ada@home.example",
        "alias@contoso.example",
        "primary@contoso.example",
    ],
)
def test_everything_that_names_a_user_finds_him(name: str) -> None:
    """Object id, sign-in name and every mail address, whatever the case and the width of the letters."""
    ada = user(
        ADA,
        "ada@contoso.example",
        mail="ada.l@contoso.example",
        otherMails=["ada@home.example"],
        proxyAddresses=["SMTP:primary@contoso.example", "smtp:alias@contoso.example", "x500:not-a-mail"],
    )
    assert found(name, ada, user(BOB, "bob@contoso.example")) == ADA


@pytest.mark.parametrize("name", ["x500:not-a-mail", "not-a-mail", "", "ada", "cccccccc-0000-4000-8000-000000000003"])
def test_everything_else_finds_nobody(name: str) -> None:
    """No part of a name is enough, and addresses that are no mail addresses are no names."""
    assert found(name, user(ADA, "ada@contoso.example", proxyAddresses=["x500:not-a-mail"])) is Nobody.UNKNOWN


def test_a_mail_address_does_not_capture_a_sign_in_name() -> None:
    """Whoever sets his mail to another's sign-in name neither becomes him nor locks him out."""
    mallory = user(BOB, "mallory@contoso.example", mail="ada@contoso.example")
    assert found("ada@contoso.example", mallory, user(ADA, "ada@contoso.example")) == ADA


def test_an_object_id_as_a_sign_in_name_captures_nobody() -> None:
    """The object id decides first."""
    assert found(ADA, user(BOB, ADA), user(ADA, "ada@contoso.example")) == ADA


def test_a_name_in_the_form_of_an_id_may_be_a_sign_in_name() -> None:
    """If no object has the id the other names are tried."""
    assert found(ADA, user(BOB, ADA)) == BOB


def test_names_that_several_carry_are_ambiguous() -> None:
    """Two hits of one kind decide for neither."""
    twins = (user(ADA, "Same@contoso.example"), user(BOB, "same@contoso.example"))
    assert found("same@contoso.example", *twins) is Nobody.AMBIGUOUS
    sharers = (user(ADA, "a@contoso.example", mail="team@x"), user(BOB, "b@contoso.example", otherMails=["Team@x"]))
    assert found("team@x", *sharers) is Nobody.AMBIGUOUS


def test_one_user_with_an_address_twice_is_not_ambiguous() -> None:
    """Mail and proxy address are usually the same."""
    ada = user(ADA, "ada@contoso.example", mail="m@x", otherMails=["M@x"], proxyAddresses=["SMTP:m@x"])
    assert found("m@x", ada) == ADA


def test_asking_again_reads_nothing_again() -> None:
    """A user who was asked for is kept under every name."""
    directory = Directory(users=(user(ADA, "ada@contoso.example"),))
    views = MemoryViews({CONTOSO: directory})
    groups = GroupCatalog((), scope=directory.scope)
    snapshot = Snapshot(directory.version(), view=views.open(), groups=groups, people=People(1_000_000))
    snapshot.find("ADA@contoso.example")
    read = views.reads
    for name in ("ADA@contoso.example", ADA, "ADA@contoso.example"):
        person = snapshot.find(name)
        assert isinstance(person, Person)
        assert person.id == ADA
    assert views.reads == read > 0


def test_who_was_read_ahead_is_not_read_again() -> None:
    """All that are not at hand are read together; whoever is not there, or goes by another name, is looked up."""
    ada, bob = user(ADA, "ada@contoso.example"), user(BOB, "bob@contoso.example")
    directory = Directory(users=(ada, bob))
    views = MemoryViews({CONTOSO: directory})
    groups = GroupCatalog((), scope=directory.scope)
    snapshot = Snapshot(directory.version(), view=views.open(), groups=groups, people=People(1_000_000))
    first = snapshot.find(ADA)
    snapshot.read_ahead([ADA, BOB, BOB, ADA.upper(), "bob@contoso.example", "nobody"])
    read = views.reads
    assert snapshot.find(ADA) is first
    assert isinstance(second := snapshot.find(BOB), Person)
    assert second.user == bob
    assert views.reads == read
    assert snapshot.find(ADA.upper()) is first
    assert snapshot.find("bob@contoso.example") is second
    assert snapshot.find("nobody") is Nobody.UNKNOWN
    assert len(snapshot.people) == 2


def test_reading_ahead_of_those_at_hand_reads_nothing() -> None:
    """The usual batch."""
    directory = Directory(users=(user(ADA, "ada@contoso.example"),))
    views = MemoryViews({CONTOSO: directory})
    groups = GroupCatalog((), scope=directory.scope)
    snapshot = Snapshot(directory.version(), view=views.open(), groups=groups, people=People(1_000_000))
    snapshot.find(ADA)
    read = views.reads
    snapshot.read_ahead([ADA])
    assert views.reads == read
