"""Logging set-up: a fixed event text plus keys, in a terminal's form or as JSON lines.

The ids of the call and the line at hand are bound once and appear in every line logged
while they are handled::

    with bound(call="01HZX3M8Q2K4T", line="trunk/7"):
        log.info("call answered")
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import structlog
from structlog.typing import FilteringBoundLogger, Processor

LEVELS = ("debug", "info", "warning", "error")


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
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    final: list[Processor]
    if as_json:
        final = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        final = [structlog.dev.ConsoleRenderer(colors=target.isatty())]
    numeric = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, *final],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(process=process)
    _route_standard_logging(shared, final, numeric, target)


def get_logger(name: str) -> FilteringBoundLogger:
    """A logger whose lines carry the module's name."""
    logger: FilteringBoundLogger = structlog.get_logger(module=name)
    return logger


@contextmanager
def bound(**keys: object) -> Iterator[None]:
    """Add keys to every line logged inside, in this task and those it starts."""
    tokens = structlog.contextvars.bind_contextvars(**keys)
    try:
        yield
    finally:
        structlog.contextvars.reset_contextvars(**tokens)


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
