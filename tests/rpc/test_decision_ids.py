"""Names of decisions."""

import time
import uuid

from entraid_service.rpc.decision_ids import DecisionIds


def test_ids_are_of_version_7_and_none_comes_twice() -> None:
    """Of several makers, too, as each worker has its own."""
    makers = [DecisionIds() for _ in range(3)]
    before = time.time_ns() // 1_000_000
    made = [maker.new() for _ in range(1000) for maker in makers]
    after = time.time_ns() // 1_000_000
    assert len(set(made)) == len(made)
    for name in made:
        parsed = uuid.UUID(name)
        assert str(parsed) == name
        assert parsed.variant == uuid.RFC_4122
        assert parsed.version == 7
        assert before <= parsed.int >> 80 <= after


def test_what_is_random_is_drawn_anew() -> None:
    """Two makers, and two rounds of one, have nothing in common behind the time."""
    one, other = DecisionIds(), DecisionIds()
    rounds = {one.new()[14:34], other.new()[14:34]}
    for _ in range(256):
        rounds.add(one.new()[14:34])
    assert len(rounds) == 3
