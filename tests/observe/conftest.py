"""Logs of this process, set up into a text and put back afterwards."""

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog

from entraid_service.observe.logs import set_up_logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where lines go; afterwards logging is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def lines(stream: io.StringIO) -> Callable[[], list[dict[str, object]]]:
    """JSON logs from debug on; the call returns what was logged so far."""
    set_up_logs(log_format="json", level="debug", stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
