"""Logs: structured lines, as JSON or for people, with secrets taken out on the way.

Both structlog's loggers and the standard library's (which grpc, aiohttp and msal use) go through the same steps: what
was said, when, how bad; exceptions as text; redaction; one line. Redaction comes last before the rendering, so that
nothing that is added on the way gets around it.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from entraid_service.observe.redaction import redacted, redacted_fields

LogFormat = Literal["json", "console"]


def set_up_logs(*, log_format: LogFormat, level: str, stream: TextIO | None = None) -> None:
    """Sends all logs of this process to a stream (standard error if none is given).

    Called once by the command, before anything logs: logging is the process' own by its nature.

    Args:
        log_format: One JSON object per line, or lines for people.
        level: `debug`, `info`, `warning` or `error`.
        stream: Where lines go.

    Raises:
        ValueError: There is no such level.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"`{level}` is not a log level: use debug, info, warning or error")
    _set_up_standard_logging(log_format, number, stream or sys.stderr)
    structlog.configure(
        processors=[*_common_steps(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def redact_event(logger: WrappedLogger, method_name: str, event: EventDict) -> EventDict:
    """The step that takes secrets and requests out of a line; keys that structlog keeps for itself stay."""
    del logger, method_name
    kept = {name: value for name, value in event.items() if name.startswith("_")}
    return {**redacted_fields({name: value for name, value in event.items() if name not in kept}), **kept}


class _MaskArguments(logging.Filter):
    """Takes secrets and requests out of a standard log record before its text is put together."""

    def filter(self, record: logging.LogRecord) -> bool:
        if hasattr(record, "_logger"):
            return True  # one of structlog's, whose fields `redact_event` sees
        if not isinstance(record.msg, str):
            record.msg = str(redacted(record.msg))
        if isinstance(record.args, tuple):
            record.args = tuple(_masked(argument) for argument in record.args)
        elif isinstance(record.args, MutableMapping):
            record.args = {name: _masked(value, name=name) for name, value in record.args.items()}
        return True


class _CallersWhoLeft(logging.Filter):
    """Lowers what gRPC tells of an answer whose caller had left: an everyday event, told as an error with a traceback.

    Its text and the error's are those of grpc.aio, `_handle_exceptions` and `execute_batch`.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if record.name != "grpc._cython.cygrpc" or not str(error).startswith('Failed "execute_batch"'):
            return True
        record.levelno, record.levelname = logging.DEBUG, logging.getLevelName(logging.DEBUG)
        record.exc_info = None
        return logging.getLogger().isEnabledFor(logging.DEBUG)


def _masked(argument: object, *, name: str = "") -> object:
    # Numbers stay numbers, for formats like `%d`.
    return redacted(argument, name=name)


def _set_up_standard_logging(log_format: LogFormat, level: int, stream: TextIO) -> None:
    handler = logging.StreamHandler(stream)
    handler.addFilter(_CallersWhoLeft())
    handler.addFilter(_MaskArguments())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_common_steps(),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact_event,
                _renderer(log_format),
            ],
        )
    )
    root = logging.getLogger()
    for former in root.handlers[:]:
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(level)


def _common_steps() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]


def _renderer(log_format: LogFormat) -> Processor:
    if log_format == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=False, sort_keys=False)
