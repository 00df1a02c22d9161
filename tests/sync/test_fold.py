"""A delta round folded: replays, pieces and any order among objects come out as what was told last."""

from hypothesis import given
from hypothesis import strategies as st

from entraid_service.model.changes import KEPT, GroupChange, MemberChange, Removal, UserChange
from entraid_service.model.directory import Group, MemberKind, User
from entraid_service.model.ids import GroupId, UserId
from entraid_service.sync.fold import GroupFold, UserFold, patched

U, V = UserId("u"), UserId("v")
G = GroupId("g")


def member(name: str, *, removed: bool = False) -> MemberChange:
    """A user who came or went."""
    return MemberChange(name, None if removed else MemberKind.USER, is_removed=removed)


def test_absent_keeps_null_clears_and_present_sets() -> None:
    """Also of a complex attribute, which is told as a whole."""
    user = User(U, {"department": "Sales", "city": "Paris", "ext.a": "1", "ext.b": "2"}, manager_id=V)
    change = UserChange(U, {"city": "Rome", "ext.a": "3"}, cleared=frozenset({"department", "ext"}))
    assert patched(user, change) == User(U, {"city": "Rome", "ext.a": "3"}, manager_id=V)


def test_a_manager_is_kept_set_or_cleared() -> None:
    """Left out is not the same as none."""
    user = User(U, manager_id=V)
    assert patched(user, UserChange(U)).manager_id == V
    assert patched(user, UserChange(U, manager_id=None)).manager_id is None
    assert patched(user, UserChange(U, manager_id=UserId("w"))).manager_id == "w"


def test_two_changes_of_one_user_are_one() -> None:
    """The later one goes over the earlier one, attribute by attribute."""
    fold = UserFold()
    fold.take([UserChange(U, {"a": "1", "b": "1"}, manager_id=V), UserChange(U, {"b": "2"}, frozenset({"a"}))])
    assert patched(User(U, {"a": "0", "c": "0"}), fold.changed[U]) == User(U, {"b": "2", "c": "0"}, manager_id=V)
    assert fold.changed[U].manager_id is not KEPT


def test_a_user_who_was_deleted_and_came_back_starts_from_nothing() -> None:
    """He stands among the removed and the changed; a later deletion ends it."""
    fold = UserFold()
    fold.take([UserChange(U, {"a": "1"}), Removal("u"), UserChange(U, {"b": "1"})])
    assert fold.removed == {U}
    assert fold.changed[U].attributes == {"b": "1"}
    fold.take([Removal("u")])
    assert fold.changed == {}


def test_a_group_in_pieces_is_put_together() -> None:
    """Other members on each page, properties on some, the last word on each edge."""
    fold = GroupFold()
    fold.take([GroupChange(G, Group(G, "Old"), [member("1"), member("2")])])
    fold.take([GroupChange(G, None, [member("3"), member("1", removed=True)])])
    fold.take([GroupChange(G, Group(G, "New"), [member("2", removed=True), member("2")])])
    assert fold.changed[G] == Group(G, "New")
    assert {m.id: m.is_removed for m in fold.members[G].values()} == {"1": True, "2": False, "3": False}
    assert fold.edges == 3


def test_a_deleted_group_takes_what_was_told_of_its_members_along() -> None:
    """What comes after a deletion is another group's life."""
    fold = GroupFold()
    fold.take([GroupChange(G, Group(G, "Old"), [member("1")]), Removal("g"), GroupChange(G, None, [member("2")])])
    assert fold.removed == {G}
    assert list(fold.members[G]) == ["2"]
    assert fold.edges == 1


STEPS = st.lists(
    st.one_of(
        st.just(Removal("u")),
        st.builds(
            UserChange,
            st.just(U),
            st.dictionaries(st.sampled_from("abc"), st.sampled_from("123")),
            st.frozensets(st.sampled_from("abc")),
            st.sampled_from([KEPT, None, V]),
        ),
    ),
    max_size=8,
)


@given(STEPS, st.data())
def test_folding_a_round_is_applying_its_changes_one_by_one(
    steps: list[UserChange | Removal], data: st.DataObject
) -> None:
    """In whatever pages they come, against a reader who applies each change when he sees it."""
    start = User(U, {"a": "0", "b": "0"})
    naive: User | None = start
    for step in steps:
        naive = None if isinstance(step, Removal) else patched(naive, step)
    fold = UserFold()
    cut = data.draw(st.integers(0, len(steps)))
    fold.take(steps[:cut])
    fold.take(steps[cut:])
    base = None if U in fold.removed else start
    folded = patched(base, fold.changed[U]) if U in fold.changed else base
    assert folded == naive
