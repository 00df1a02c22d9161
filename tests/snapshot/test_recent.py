"""What was used lately is kept, within a bound."""

from hypothesis import given
from hypothesis import strategies as st

from entraid_service.snapshot.recent import Recent


def test_what_is_used_stays_while_others_go() -> None:
    """A value that is asked for again and again survives any number of others."""
    recent: Recent[int, str] = Recent(10)
    recent.put(0, "often")
    for key in range(1, 1000):
        recent.put(key, "once")
        assert recent.get(0) == "often"
    assert recent.get(1) is None
    assert len(recent) <= 10


def test_a_value_too_heavy_is_not_kept_and_pushes_nothing_out() -> None:
    """One enormous user does not empty the cache."""
    recent: Recent[str, str] = Recent(10, weigh=len)
    recent.put("light", "kept")
    recent.put("heavy", "dropped")
    assert recent.get("heavy") is None
    assert recent.get("light") == "kept"


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 8), st.booleans()), max_size=200))
def test_it_never_outgrows_its_bound_and_never_lies(steps: list[tuple[int, int, bool]]) -> None:
    """Whatever is done, the weights stay below the bound, and what is found is what was put last."""
    recent: Recent[int, int] = Recent(16, weigh=int)
    weights: dict[int, int] = {}
    for key, weight, is_put in steps:
        if is_put:
            recent.put(key, weight)
            weights[key] = weight
        else:
            assert recent.get(key) in (None, weights.get(key))
        kept = [found for half in (recent._young, recent._old) for found in half.values()]
        assert sum(kept) <= 16


def test_a_smaller_bound_holds_at_once() -> None:
    """And what is put afterwards is kept within it."""
    recent: Recent[int, int] = Recent(100, weigh=int)
    for key in range(30):
        recent.put(key, 10)
    recent.resize(40)
    assert len(recent) <= 4
    for key in range(30):
        recent.put(key, 10)
        assert len(recent) <= 4
    assert recent.get(29) == 10
