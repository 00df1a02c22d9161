import sqlite3
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from entraid_service.model.keys import decode_id, encode_id
from entraid_service.store import rows

guids = st.uuids().map(str)
ids = st.one_of(guids, st.text(st.characters(codec="utf-8")), guids.map(lambda text: text.replace("-", "")))


@given(ids)
def test_an_id_comes_back_from_its_key(object_id: str) -> None:
    """Whatever its form."""
    assert decode_id(encode_id(object_id)) == object_id


@given(
    st.lists(
        st.from_regex(r"[0-9a-f \-]{8}-[0-9a-f \-]{4}-[0-9a-f \-]{4}-[0-9a-f \-]{4}-[0-9a-f \-]{12}", fullmatch=True)
    )
)
def test_what_only_looks_like_a_guid_is_kept_as_text(texts: list[str]) -> None:
    """Blanks and hyphens in odd places make no other id the same key."""
    assert len({encode_id(text) for text in texts}) == len(set(texts))


@given(st.lists(guids, unique=True))
def test_keys_sort_as_their_ids_do(found: list[str]) -> None:
    """The database orders GUIDs as people read them."""
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE t (key BLOB)")
    db.executemany("INSERT INTO t VALUES (?)", [(encode_id(text),) for text in found])
    assert [decode_id(key) for (key,) in db.execute("SELECT key FROM t ORDER BY key")] == sorted(found)
    db.close()


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_keep_their_microseconds(time: datetime) -> None:
    """Also far from now, where a float would round."""
    assert rows.decode_time(rows.encode_time(time)) == time


def test_a_time_of_another_zone_is_the_same_moment() -> None:
    """What comes back is in UTC."""
    berlin = datetime(2026, 3, 1, 13, 0, tzinfo=timezone(timedelta(hours=1)))
    assert rows.decode_time(rows.encode_time(berlin)).isoformat() == "2026-03-01T12:00:00+00:00"
