"""Who was asked about lately is at hand, within a bound."""

import random
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from entraid_service.model.directory import User
from entraid_service.model.ids import UserId
from entraid_service.ports import UserRecord
from entraid_service.snapshot.people import People
from entraid_service.snapshot.person import Person

_GROUP_BYTES = 16


def test_who_is_asked_about_stays_while_others_come_and_go() -> None:
    """However many are asked about once."""
    people = _people(10)
    people.put(_person(people, 0))
    for number in range(1, 1_000):
        people.put(_person(people, number))
        assert people.get(UserId("0")) is not None
    assert people.get(UserId("1")) is None
    assert len(people) == 10


def test_all_of_the_memory_is_used_all_the_time() -> None:
    """Each who comes makes one go, not half of them."""
    people = _people(10)
    for number in range(100):
        people.put(_person(people, number))
        assert len(people) == min(number + 1, 10)


def test_where_all_are_in_use_somebody_goes_all_the_same() -> None:
    """The hand clears the marks as it passes, and does not pass for ever."""
    people = _people(1_000)
    for number in range(1_000):
        people.put(_person(people, number))
    assert all(people.get(UserId(str(number))) for number in range(1_000))
    people.put(_person(people, 1_000))
    assert len(people) == 1_000
    assert people.get(UserId("1000")) is not None


def test_one_enormous_user_pushes_nobody_out() -> None:
    """Somebody in very many groups is read each time; the others stay."""
    people = _people(10)
    for number in range(10):
        people.put(_person(people, number))
    people.put(_person(people, 10, groups=1_000))
    assert people.get(UserId("10")) is None
    assert len(people) == 10


def test_a_smaller_bound_holds_at_once() -> None:
    """And what is put afterwards is kept within it."""
    people = _people(100)
    for number in range(100):
        people.put(_person(people, number))
    people.resize(10 * _weight())
    assert len(people) == 10
    for number in range(100, 200):
        people.put(_person(people, number))
        assert len(people) == 10
    people.resize(0)
    assert len(people) == 0
    people.put(_person(people, 200))
    assert people.get(UserId("200")) is None


def test_few_are_read_where_few_are_asked_about_most() -> None:
    """By Zipf's law; the best that anybody could do, who knew the law, is to keep the first fifth of them."""
    people, draw = _people(1_000), random.Random(1)  # noqa: S311 - a load, no secret
    ranks = list(accumulate(1 / rank for rank in range(1, 5_001)))
    reads = 0
    for place, number in enumerate(draw.choices(range(5_000), cum_weights=ranks, k=60_000)):
        if people.get(UserId(str(number))) is None:
            people.put(_person(people, number))
            reads += place >= 20_000
    best = 1 - ranks[999] / ranks[-1]
    assert best < reads / 40_000 < 1.5 * best


_steps = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 60), st.sampled_from(("get", "put", "resize"))))


@given(_steps)
def test_it_never_outgrows_its_bound_and_never_lies(steps: list[tuple[int, int, str]]) -> None:
    """Whatever is done, the weights stay within the bound, and who is found is who was put."""
    most = 8 * _weight()
    people = People(most)
    put: dict[str, Person] = {}
    for number, size, what in steps:
        found = people.get(UserId(str(number)))
        assert found in (None, put.get(str(number)))
        assert (str(number) in people) == (found is not None)
        if what == "put" and found is None:
            person = put[str(number)] = _person(people, number, groups=size)
            people.put(person)
        if what == "resize":
            most = size * _weight() // 4
            people.resize(most)
        kept = [person for person in map(people.get, map(UserId, put)) if person is not None]
        assert len(people) == len(kept)
        assert sum(person.weight for person in kept) == people._weight <= most


def _people(count: int) -> People:
    """With room for so many."""
    return People(count * _weight())


def _weight() -> int:
    return _person(People(0), 0).weight


def _person(people: People, number: int, *, groups: int = 0) -> Person:
    user = User(UserId(str(number)), {"accountEnabled": True})
    return Person.of(UserRecord(user, bytes(groups * _GROUP_BYTES)), people.packing)
