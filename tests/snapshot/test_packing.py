"""Users packed together: each comes out as he went in, whoever was packed before and after him."""

from hypothesis import given
from hypothesis import strategies as st

from entraid_service.model.directory import AttributeValue, User
from entraid_service.model.ids import UserId
from entraid_service.model.keys import key_row
from entraid_service.ports import UserRecord
from entraid_service.snapshot.packing import Packing
from entraid_service.snapshot.person import Person

NAMES = st.sampled_from(
    ["department", "country", "mail", "a.b", "a", "onPremisesExtensionAttributes.extensionAttribute1"]
)
SCALARS = st.one_of(
    st.sampled_from(["", "x", "y", "1", "True"]), st.text(), st.booleans(), st.integers(0, 2), st.just(1.0)
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, min_size=1, max_size=3))
USERS = st.builds(
    User,
    st.sampled_from([UserId("u1"), UserId("u2")]),
    st.dictionaries(NAMES, VALUES, max_size=6),
    st.one_of(st.none(), st.just(UserId("boss"))),
)


def typed(attributes: dict[str, AttributeValue]) -> dict[str, tuple[type, str]]:
    """With the types, as `True == 1` and `1 == 1.0`."""
    return {name: (type(value), repr(value)) for name, value in attributes.items()}


@given(st.lists(USERS, min_size=1, max_size=6))
def test_each_comes_out_as_he_went_in(users: list[User]) -> None:
    """Also after others brought attributes that he does not have, and values that are equal and not the same."""
    packing = Packing()
    people = [Person.of(UserRecord(user), packing) for user in users]
    for user, person in zip(users, people, strict=True):
        assert person.user.id == user.id
        assert person.user.manager_id == user.manager_id
        assert typed(dict(person.user.attributes)) == typed(dict(user.attributes))
        for name in ("department", "country", "mail", "a.b", "a", "nothing"):
            assert repr(person.value(name)) == repr(user.attributes.get(name))
        assert person.has_parts("a") is ("a.b" in user.attributes)
        assert person.is_enabled is user.is_enabled


def _packed(packing: Packing, **attributes: AttributeValue) -> Person:
    return Person.of(UserRecord(User(UserId("u"), attributes)), packing)


def _fresh(text: str) -> str:
    """The same text, elsewhere in memory: as if it was read again."""
    return text.encode().decode()


def test_what_many_have_is_there_once() -> None:
    """A department, and a mail address that is the sign-in name too."""
    packing = Packing()
    one = _packed(packing, department=_fresh("Sales"))
    other = _packed(packing, department=_fresh("Sales"))
    assert one.value("department") is other.value("department")
    for number in range(2000):
        _packed(packing, mail=f"{number}@x", userPrincipalName=f"{number}@x")
    same = _packed(packing, mail=_fresh("ada@x"), userPrincipalName=_fresh("ada@x"))
    assert same.value("mail") is same.value("userPrincipalName")


def test_what_everybody_has_for_himself_is_not_kept_for_others() -> None:
    """Or memory would hold the names of all who were ever asked about."""
    packing = Packing()
    for number in range(5000):
        _packed(packing, displayName=f"Person {number}", department=f"Department {number % 10}")
    assert [shared and len(shared) for shared in packing._shared] == [None, 10]


def test_the_weight_grows_with_what_one_has_for_himself() -> None:
    """By what it takes, roughly; what is shared takes next to nothing."""
    packing = Packing()
    for number in range(2000):
        _packed(packing, displayName=f"Person {number}", department="Sales")
    slim = _packed(packing, department="Sales")
    assert _packed(packing, department="Sales", displayName="x" * 1000).weight > slim.weight + 1000
    assert _packed(packing, department="Sales", otherMails=["a@x"] * 10).weight > slim.weight + 1000
    record = UserRecord(User(UserId("u"), {"department": "Sales"}), key_row([bytes(16)] * 100))
    assert Person.of(record, packing).weight >= slim.weight + 1600
