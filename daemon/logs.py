"""Logging set-up: a fixed event text plus keys, in a terminal's form or as JSON lines.

The ids of the call and the line at hand are bound once and appear in every line logged
while they are handled::

    with bound(call="01HZX3M8Q2K4T", line="trunk/7"):
        log.info("call answered")
"""

import datetime as dt
import json as patient_json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

LEVELS = ("debug", "info", "warning", "error")

_bound: ContextVar[Mapping[str, object]] = ContextVar("hookflash_log_keys")
"""What ``bound`` added, here and in the tasks started inside."""


def set_up_logging(
    process: str,
    *,
    level: str = "info",
    json: bool | None = None,
    stream: TextIO | None = None,
) -> None:
    """Send all logging of this process to ``stream`` (stderr), tagged with its name.

    ``json`` None writes JSON unless the stream is a terminal.
    """
    target = stream if stream is not None else sys.stderr
    as_json = not target.isatty() if json is None else json
    shared: list[Processor] = [_common_keys(process)]
    final: list[Processor]
    if as_json:
        final = [_as_json]
    else:
        final = [
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.dev.ConsoleRenderer(colors=target.isatty()),
        ]
    numeric = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, *final],
        wrapper_class=_quick(structlog.make_filtering_bound_logger(numeric), *shared, *final),
        logger_factory=structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=False,
    )
    _route_standard_logging(shared, final, numeric, target)


def get_logger(name: str) -> FilteringBoundLogger:
    """A logger whose lines carry the module's name."""
    logger: FilteringBoundLogger = structlog.get_logger(module=name)
    return logger


@contextmanager
def bound(**keys: object) -> Iterator[None]:
    """Add keys to every line logged inside, in this task and those it starts."""
    token = _bound.set({**_bound.get({}), **keys})
    try:
        yield
    finally:
        _bound.reset(token)


def _quick(usual: type, *steps: Processor) -> type:
    """A logger that runs just these steps: half of what a line costs is to go through others."""

    # Whatever the keys are called, ``method`` of a request say, they are no arguments of ours.
    def written(self: Any, method: str, event: str | None = None, /, **keys: Any) -> Any:
        if event is None or self._processors[0] is not steps[0]:  # a test reads along
            return usual._proxy_to_logger(self, method, event, **keys)  # type: ignore[attr-defined]
        line: Any = {**self._context, **keys, "event": event}
        for step in steps:
            line = step(self._logger, method, line)
        return self._logger.msg(line)

    return type("QuickLogger", (usual,), {"_proxy_to_logger": written})


def _common_keys(process: str) -> Processor:
    """Adds what every line has: in one step, for a call logs several lines."""

    def add(_logger: Any, method: str, line: EventDict) -> EventDict:
        for key, value in _bound.get({}).items():
            line.setdefault(key, value)
        line["process"] = process
        line["level"] = "error" if method == "exception" else method
        line["timestamp"] = dt.datetime.now(dt.UTC)
        return line

    return add


def _as_json(logger: Any, method: str, line: EventDict) -> str:
    if "stack_info" in line:
        line = _with_stack(logger, method, line)
    if "exc_info" in line:
        line = structlog.processors.format_exc_info(logger, method, line)
    try:
        return _encoder.encode(line).decode()
    except UNENCODABLE:
        # Surrogates, numbers above 64 bits, what holds itself: none of them loses a line.
        return "{" + ", ".join(f"{_quoted(k)}: {_patiently(v)}" for k, v in line.items()) + "}"


def _patiently(value: object) -> str:
    """One value as JSON, in the form that it always has where it has one."""
    try:
        return _encoder.encode(value).decode()
    except UNENCODABLE:
        text = value if isinstance(value, str) else _described(value)
        return text if isinstance(value, int) and text[-1].isdecimal() else _quoted(text)


def _described(value: object) -> str:
    """What a value says of itself; that it cannot is no reason to fail whoever logs it."""
    try:
        return repr(value)
    except Exception as error:
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"


UNENCODABLE: Final = (TypeError, ValueError, OverflowError, RecursionError)
_encoder = msgspec.json.Encoder(enc_hook=_described)
_quoted = patient_json.JSONEncoder().encode
_with_stack = structlog.processors.StackInfoRenderer()


def _route_standard_logging(
    shared: list[Processor], final: list[Processor], level: int, target: TextIO
) -> None:
    """Libraries log through the standard module; their lines take the same form."""
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # asyncio's own debug lines drown ours and say nothing about calls.
    logging.getLogger("asyncio").setLevel(max(level, logging.WARNING))
