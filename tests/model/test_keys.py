"""Keys in a row."""

from hypothesis import example, given
from hypothesis import strategies as st

from entraid_service.model.keys import Key, KeySet, key_row

# Of two different bytes, so that the end of one and the beginning of the next often look like a third.
GUIDS = st.text("ab", min_size=16, max_size=16).map(str.encode)
TEXTS = st.sampled_from(["group", "ab" * 8])


@given(
    st.lists(st.one_of(GUIDS, GUIDS, GUIDS, TEXTS), max_size=12), st.frozensets(st.one_of(GUIDS, TEXTS), max_size=12)
)
@example([b"aaaaaaaabbbbbbbb", b"bbbbbbbbaaaaaaaa"], frozenset([b"bbbbbbbbbbbbbbbb"]))
@example([b"aaaaaaaabbbbbbbb", b"bbbbbbbbaaaaaaaa", b"b" * 16], frozenset([b"bbbbbbbbbbbbbbbb"]))
@example([], frozenset())
@example([b"ab" * 8], frozenset(["ab" * 8]))
def test_rows_are_searched_for_whole_keys(keys: list[Key], wanted: frozenset[Key]) -> None:
    """Whatever lies across two of them is none."""
    assert KeySet(wanted).is_disjoint(key_row(keys)) is wanted.isdisjoint(keys)


@given(st.lists(GUIDS, min_size=1, max_size=30, unique=True), st.data())
def test_every_key_is_found(keys: list[bytes], data: st.DataObject) -> None:
    """Wherever it is, alone or among others that are not there."""
    wanted = data.draw(st.sampled_from(keys))
    others = data.draw(st.frozensets(GUIDS, max_size=100))
    assert not KeySet(others | {wanted}).is_disjoint(key_row(keys))
