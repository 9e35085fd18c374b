"""Frames, operations, the live feed and the guards of log-in."""

from hypothesis import given
from hypothesis import strategies as st

from daemon.service.credentials import (
    FAILURES_A_LOGIN,
    WINDOW_S,
    LoginLimiter,
    PasswordKeeper,
    password_fault,
)
from daemon.service.live import CallChanged, Gone, LiveCall, LiveQueue, QueueCounters, Reset
from daemon.service.live_feed import LiveFeed
from daemon.service.wire import OPERATIONS, FrameReader, FrameTooLongError, Request, frame

NOW = 1_790_000_000.0


@given(st.lists(st.text(max_size=40), max_size=8), st.data())
def test_frames_are_found_however_they_are_cut(names: list[str], data: st.DataObject) -> None:
    stream = b"".join(frame(Request(i, name)) for i, name in enumerate(names))
    whole = FrameReader(1 << 20).feed(stream)
    reader = FrameReader(1 << 20)
    pieces = []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        pieces += reader.feed(stream[:cut])
        stream = stream[cut:]
    assert pieces == whole
    assert len(whole) == len(names)


@given(st.binary(max_size=200))
def test_any_bytes_are_frames_or_too_long(data: bytes) -> None:
    try:
        for body in FrameReader(64).feed(data):
            assert len(body) <= 64
    except FrameTooLongError:
        assert len(data) >= 4


def test_every_public_method_of_the_protocol_is_an_operation() -> None:
    assert {"log_in", "my_desk", "why", "put_queue", "status", "subscribe"} <= set(OPERATIONS)
    streams = {name for name, operation in OPERATIONS.items() if operation.streams}
    assert streams == {"capture", "listen", "subscribe"}


def call(key: str, state: str = "waiting") -> LiveCall:
    return LiveCall(call=key, ani="1", dnis="2", state=state, since=NOW, started=NOW)


async def test_reader_gets_only_what_it_missed() -> None:
    feed = LiveFeed(NOW)
    feed.publish(CallChanged(call("A")), NOW)
    seen = feed.state().seq
    feed.publish(CallChanged(call("B")), NOW)
    feed.publish(Gone("call", "A"), NOW)
    updates = feed.subscribe(seen)
    assert (await anext(updates)).change == CallChanged(call("B"))
    assert (await anext(updates)).change == Gone("call", "A")


async def test_reader_that_is_too_old_or_from_another_run_starts_again() -> None:
    feed = LiveFeed(NOW, keep=2)
    for key in "ABCD":
        feed.publish(CallChanged(call(key)), NOW)
    for after in (0, feed.state().seq - 3, feed.state().seq + 1):
        first = await anext(feed.subscribe(after))
        assert isinstance(first.change, Reset)
        assert [c.call for c in first.change.state.calls] == list("ABCD")


async def test_copy_of_a_feed_has_its_picture_and_its_numbers() -> None:
    feed, copy = LiveFeed(NOW), LiveFeed(0.0)
    feed.publish(CallChanged(call("A")), NOW)
    updates = feed.subscribe(0)
    copy.take(await anext(updates))
    feed.publish(CallChanged(call("B")), NOW + 1)
    copy.take(await anext(updates))
    assert copy.state() == feed.state()


def test_only_what_differs_is_published() -> None:
    feed = LiveFeed(NOW)
    queue = LiveQueue(slug="sales", name="Sales")
    assert feed.show(NOW, queues=[queue], calls=[call("A"), call("B")]) == 3
    assert feed.show(NOW, queues=[queue], calls=[call("A"), call("B")]) == 0
    assert feed.show(NOW, calls=[call("A", "talking")]) == 2
    assert feed.state().queues == (queue,)


def test_counters_know_whether_they_add_up() -> None:
    counters = QueueCounters(offered=3, answered=1, abandoned=1, in_system=1, answered_in_time=1)
    assert counters.balanced()
    assert not QueueCounters(offered=1).balanced()
    assert counters.service_level() == 1 / 3
    assert QueueCounters().service_level() is None
    assert QueueCounters().asa_s() is None


def test_guessing_is_slowed_down_a_person_and_forgotten_later() -> None:
    limiter = LoginLimiter()
    for second in range(FAILURES_A_LOGIN):
        assert limiter.retry_s("anna", "10.0.0.1", NOW + second) == 0
        limiter.failed("anna", "10.0.0.1", NOW + second)
    assert limiter.retry_s("anna", "10.0.0.2", NOW + 10) == WINDOW_S - 10
    assert limiter.retry_s("bo", "10.0.0.1", NOW + 10) == 0
    assert limiter.retry_s("anna", "10.0.0.1", NOW + WINDOW_S) == 0


def test_an_address_that_tries_many_names_is_slowed_down() -> None:
    limiter = LoginLimiter()
    for number in range(20):
        limiter.failed(f"name{number}", "10.0.0.1", NOW)
    assert limiter.retry_s("anna", "10.0.0.1", NOW + 1) > 0
    assert limiter.retry_s("anna", "10.0.0.2", NOW + 1) == 0


def test_password_is_checked_against_its_hash_only() -> None:
    keeper = PasswordKeeper(time_cost=1, memory_kib=64)
    stored = keeper.hash("correct horse")
    assert keeper.check(stored, "correct horse")
    assert not keeper.check(stored, "correct horsf")
    assert not keeper.check(None, "correct horse")
    assert not keeper.check("not a hash", "correct horse")
    assert not keeper.outdated(stored)


def test_unfit_passwords_are_named() -> None:
    assert password_fault("short", "anna") == "password-too-short"
    assert password_fault("x" * 300, "anna") == "password-too-long"
    assert password_fault("my-name-is-Anna", "anna") == "password-has-login"
    assert password_fault("correct horse", "anna") == ""
