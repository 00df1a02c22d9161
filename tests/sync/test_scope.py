"""Groups to Sync: what an entry names, now and at later syncs."""

from entraid_service.model.directory import Group
from entraid_service.model.ids import GroupId
from entraid_service.model.scope import GroupResolution, ResolutionState
from entraid_service.sync.scope import resolve, roots

A, B, C = (GroupId(f"aaaaaaaa-0000-4000-8000-00000000000{n}") for n in "123")


def tenant(**names: str) -> dict[GroupId, Group]:
    """Groups by the last digit of their id: `_1="Sales"`."""
    ids = {"_1": A, "_2": B, "_3": C}
    return {ids[key]: Group(ids[key], name) for key, name in names.items()}


def test_an_entry_is_an_object_id_or_a_display_name() -> None:
    """Both in any case."""
    groups = tenant(_1="Sales", _2="Straße")
    found = resolve(["sALES", "STRASSE", A.upper()], groups)
    assert [r.groups for r in found] == [(A,), (B,), (A,)]
    assert roots(found) == (A, B)


def test_a_name_of_several_groups_syncs_none_of_them() -> None:
    """It is told with its candidates."""
    found = resolve(["Approvers"], tenant(_1="Approvers", _2="approvers"))
    assert found == (GroupResolution("Approvers", ResolutionState.AMBIGUOUS, (A, B)),)
    assert roots(found) == ()


def test_what_names_nothing_is_told() -> None:
    """An unknown name has no groups, an unknown id is itself."""
    found = resolve(["Nowhere", C], tenant(_1="Sales"))
    assert [(r.state, r.groups) for r in found] == [
        (ResolutionState.NOT_FOUND, ()),
        (ResolutionState.NOT_FOUND, (C,)),
    ]
    assert roots(found) == ()


def test_a_renamed_group_stays_in() -> None:
    """An entry is bound to the id that it first named."""
    first = resolve(["Sales"], tenant(_1="Sales"))
    assert roots(resolve(["Sales"], tenant(_1="Revenue"), former=first)) == (A,)


def test_a_new_group_does_not_take_over_the_name_of_a_synced_one() -> None:
    """Whoever may create groups must not slip into what is synced, neither by a rename nor after a deletion."""
    first = resolve(["Sales"], tenant(_1="Sales"))
    renamed = resolve(["Sales"], tenant(_1="Revenue", _2="Sales"), former=first)
    assert roots(renamed) == (A,)
    deleted = resolve(["Sales"], tenant(_2="Sales"), former=renamed)
    assert deleted == (GroupResolution("Sales", ResolutionState.NOT_FOUND, (A,)),)
    assert resolve(["Sales"], tenant(_2="Sales"), former=deleted) == deleted


def test_an_entry_that_was_ambiguous_or_missing_is_looked_up_again() -> None:
    """It was never bound."""
    ambiguous = resolve(["Sales"], tenant(_1="Sales", _2="Sales"))
    assert roots(resolve(["Sales"], tenant(_2="Sales"), former=ambiguous)) == (B,)
    missing = resolve(["Sales"], tenant(_1="Other"))
    assert roots(resolve(["Sales"], tenant(_2="Sales"), former=missing)) == (B,)
