import os
import threading
from collections.abc import Callable

import pytest

from entraid_service.place import keep_to_a_processor

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux only")


def _in_a_thread(what: Callable[[], None]) -> None:
    """Runs something without a trace on the thread of the tests."""
    thread = threading.Thread(target=what)
    thread.start()
    thread.join()


def test_the_thread_and_those_it_starts_keep_to_one() -> None:
    """What was started before goes where it likes."""
    found: dict[str, set[int]] = {}

    def keep() -> None:
        found["own"] = {keep_to_a_processor(0)}
        found["self"] = os.sched_getaffinity(0)
        _in_a_thread(lambda: found.update(started=os.sched_getaffinity(0)))

    before = os.sched_getaffinity(0)
    _in_a_thread(keep)
    assert found == {"own": {min(before)}, "self": {min(before)}, "started": {min(before)}}
    assert os.sched_getaffinity(0) == before


def test_workers_share_when_processors_were_taken_away() -> None:
    """A worker that died has to come back all the same."""
    processors = sorted(os.sched_getaffinity(0))
    found: list[int] = []
    _in_a_thread(lambda: found.append(keep_to_a_processor(2 * len(processors))))
    assert found == processors[:1]


def test_a_system_that_forbids_it_is_told_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some sandboxes do."""

    def forbid(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setaffinity", forbid)
    with pytest.raises(OSError, match=r"Operation not permitted.*unset ENTRAID_WORKER_PROCESSORS"):
        keep_to_a_processor(0)
