import asyncio
import io
import json
import logging

import msgspec
import pytest
import structlog

from daemon.bus import Bus, Lost, Subscription
from daemon.logs import bound, get_logger, set_up_logging


class Rang(msgspec.Struct, frozen=True):
    line: int


class RangTwice(Rang, frozen=True):
    pass


class Ended(msgspec.Struct, frozen=True):
    line: int


async def test_a_subscriber_gets_its_types_in_order() -> None:
    bus = Bus()
    with bus.subscribe(Rang) as subscription:
        for event in (Rang(1), Ended(1), RangTwice(2), Rang(3)):
            bus.publish(event)
        assert subscription.take() == [Rang(1), RangTwice(2), Rang(3)]


async def test_waiting_ends_when_something_is_published() -> None:
    bus = Bus()
    subscription = bus.subscribe(Rang, Ended)
    waiting = asyncio.ensure_future(anext(subscription))
    await asyncio.sleep(0)
    bus.publish(Ended(5))
    assert await waiting == Ended(5)


async def test_a_slow_subscriber_is_told_that_it_lost_its_place() -> None:
    bus = Bus()
    slow: Subscription[Rang] = bus.subscribe(Rang, limit=3)
    quick: Subscription[Rang] = bus.subscribe(Rang, limit=30)
    for line in range(5):
        bus.publish(Rang(line))
    assert [await anext(slow) for _ in range(3)] == [Lost(3), Rang(3), Rang(4)]
    assert len(quick.take()) == 5


async def test_a_closed_subscription_ends() -> None:
    bus = Bus()
    with bus.subscribe(Rang) as subscription:
        bus.publish(Rang(1))
    bus.publish(Rang(2))
    assert [event async for event in subscription] == [Rang(1)]


@pytest.fixture
def lines() -> io.StringIO:
    before = logging.getLogger().handlers[:], logging.getLogger().level
    yield (stream := io.StringIO())  # type: ignore[misc]
    logging.getLogger().handlers[:], level = before
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    del stream


def test_call_and_line_are_in_every_line(lines: io.StringIO) -> None:
    set_up_logging("control", stream=lines, json=True)
    with bound(call="01HZX3M8Q2K4T", line="trunk/7"):
        get_logger("daemon.test").info("call answered", agent="anna")
        logging.getLogger("library").warning("from %s", "elsewhere")
    get_logger("daemon.test").debug("not shown")
    first, second = (json.loads(line) for line in lines.getvalue().splitlines())
    assert (first["event"], first["call"], first["line"]) == (
        "call answered",
        "01HZX3M8Q2K4T",
        "trunk/7",
    )
    assert first["process"] == "control"
    assert (second["event"], second["call"]) == ("from elsewhere", "01HZX3M8Q2K4T")


def test_a_terminal_gets_readable_lines(lines: io.StringIO) -> None:
    set_up_logging("control", stream=lines, json=False)
    get_logger("daemon.test").warning("line down", line="board/3")
    assert "line down" in lines.getvalue()
    assert "board/3" in lines.getvalue()
