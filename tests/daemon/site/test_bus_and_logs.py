import asyncio
import datetime as dt
import io
import json
import logging
import math
from pathlib import Path

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


def test_a_fault_is_told_with_its_trace_and_no_value_loses_a_line(lines: io.StringIO) -> None:
    set_up_logging("control", stream=lines, json=True)
    log = get_logger("daemon.test")
    try:
        raise ValueError("torn")
    except ValueError:
        log.exception("call fails")
    log.info("odd values", path=Path("/dev/null"), large=1 << 80, half="\ud800", kinds={str: 1})
    log.warning("who asks", stack_info=True)
    logging.getLogger("library").error("late", exc_info=RuntimeError("gone"))
    fault, odd, stack, foreign = (json.loads(line) for line in lines.getvalue().splitlines())
    assert (fault["level"], fault["event"]) == ("error", "call fails")
    assert "ValueError: torn" in fault["exception"]
    assert (odd["large"], odd["half"]) == (1 << 80, "\ud800")
    assert "/dev/null" in odd["path"]
    assert "test_bus_and_logs" in stack["stack"]
    assert "RuntimeError: gone" in foreign["exception"]
    assert all(dt.datetime.fromisoformat(line["timestamp"]) for line in (fault, odd, foreign))


class Mute:
    def __repr__(self) -> str:
        raise ReferenceError("gone")


def no_json(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (math.nan, None),
        (-math.inf, None),
        (b"\xff\x00", "/wA="),
        ("half\udce9", "half\udce9"),
        (["half\udce9", math.nan], "['half\\udce9', nan]"),
        (-1 << 80, -1 << 80),
        (10**5000, "<int that cannot be shown: ValueError>"),
        (Mute(), "<Mute that cannot be shown: ReferenceError>"),
        ([Mute()], ["<Mute that cannot be shown: ReferenceError>"]),
        (OSError("torn"), "OSError('torn')"),
    ],
    ids=range(10),
)
@pytest.mark.parametrize("beside", ["plain", "half \ud800"], ids=["plain", "half"])
def test_whatever_is_logged_makes_a_line_of_json(
    lines: io.StringIO, value: object, shown: object, beside: str
) -> None:
    set_up_logging("control", stream=lines, json=True)
    get_logger("daemon.test").info("odd", value=value, beside=beside, method="INVITE", steps=1)
    line = json.loads(lines.getvalue(), parse_constant=no_json)
    assert (line["value"], line["beside"], line["method"]) == (shown, beside, "INVITE")
    assert line["timestamp"].endswith("Z")


def test_what_holds_itself_is_logged_as_well(lines: io.StringIO) -> None:
    set_up_logging("control", stream=lines, json=True)
    own: list[object] = []
    own.append(own)
    get_logger("daemon.test").info("odd", value=own)
    assert json.loads(lines.getvalue())["value"] == "[[...]]"


def test_lines_can_be_read_along(lines: io.StringIO) -> None:
    set_up_logging("control", stream=lines, json=True)
    log = get_logger("daemon.test").bind(call="01HZX3M8Q2K4T")
    with structlog.testing.capture_logs() as seen:
        log.warning("line down", line="board/3")
    log.info("line up", line="board/3")
    assert [line["event"] for line in seen] == ["line down"]
    shown = json.loads(lines.getvalue())
    assert (shown["event"], shown["line"], shown["call"]) == (
        "line up",
        "board/3",
        log._context["call"],
    )


def test_a_terminal_gets_readable_lines(lines: io.StringIO) -> None:
    set_up_logging("control", stream=lines, json=False)
    get_logger("daemon.test").warning("line down", line="board/3")
    assert "line down" in lines.getvalue()
    assert "board/3" in lines.getvalue()
