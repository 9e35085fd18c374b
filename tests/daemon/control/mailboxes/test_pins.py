"""Attempts at PINs: who is refused by them, and who is not."""

from argon2 import PasswordHasher

from daemon.control.mailboxes.pins import (
    DAY_S,
    FAILURES_A_DAY,
    LIMITED,
    MOST_NAMES,
    OPEN,
    WRONG,
    Pins,
)
from daemon.service.credentials import FAILURES_A_LOGIN, WINDOW_S
from tests.daemon.control.mailboxes.voicemail import Voicemail

PIN = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("4711")
STRANGER, OWNER = "5550000", "2001"


class Clock:
    """Stands still unless a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_a_stranger_closes_no_mailbox_to_its_own_telephone(voicemail: Voicemail) -> None:
    await voicemail.pin("2001", PIN)
    clock = Clock()
    pins = Pins(clock)
    for _ in range(FAILURES_A_LOGIN):
        # With the number of the owner, which anybody may show.
        assert await pins.refusal("2001", "0000", OWNER) == WRONG
    assert await pins.refusal("2001", "4711", STRANGER) == LIMITED
    assert await pins.refusal("2001", "4711", OWNER, at_home=True) == OPEN
    # What opened at home gives the stranger no new attempts.
    assert await pins.refusal("2001", "4711", STRANGER) == LIMITED
    clock.now += WINDOW_S
    assert await pins.refusal("2001", "4711", STRANGER) == OPEN


async def test_attempts_at_the_own_telephone_are_limited_too(voicemail: Voicemail) -> None:
    await voicemail.pin("2001", PIN)
    pins = Pins(Clock())
    for _ in range(FAILURES_A_LOGIN):
        assert await pins.refusal("2001", "0000", OWNER, at_home=True) == WRONG
    assert await pins.refusal("2001", "4711", OWNER, at_home=True) == LIMITED
    assert await pins.refusal("2001", "4711", STRANGER) == OPEN


async def test_who_guesses_slowly_has_a_few_attempts_a_day(voicemail: Voicemail) -> None:
    await voicemail.pin("2001", PIN)
    clock = Clock()
    pins = Pins(clock)
    for number in range(FAILURES_A_DAY):
        # From another number each time, and never too often within five minutes.
        assert await pins.refusal("2001", "0000", f"555{number:04}") == WRONG
        clock.now += WINDOW_S
        if number < FAILURES_A_DAY - 1:
            # A right PIN does not open the way for more guesses.
            assert await pins.refusal("2001", "4711", STRANGER) == OPEN
    assert await pins.refusal("2001", "4711", STRANGER) == LIMITED
    assert await pins.refusal("2001", "4711", OWNER, at_home=True) == OPEN
    assert await pins.refusal("2002", "4711", STRANGER) == WRONG
    clock.now = 1000.0 + DAY_S
    assert await pins.refusal("2001", "4711", STRANGER) == OPEN


async def test_who_tries_many_names_fills_no_memory_and_opens_no_closed_mailbox(
    voicemail: Voicemail,
) -> None:
    await voicemail.pin("2001", PIN)
    clock = Clock()
    pins = Pins(clock)
    for _ in range(FAILURES_A_DAY):
        pins._count("2001", clock.now)
    for name in range(MOST_NAMES + 50):
        pins._count(f"name {name}", clock.now)
    assert len(pins._days) == MOST_NAMES
    assert await pins.refusal("2001", "4711", STRANGER) == LIMITED
    clock.now += DAY_S
    pins._count("3", clock.now)
    assert len(pins._days) == 1


async def test_a_database_that_is_away_counts_as_no_attempt(voicemail: Voicemail) -> None:
    await voicemail.pin("2001", PIN)
    pins = Pins(Clock())
    run = voicemail.store.connection.execute_script
    await run("ALTER TABLE station RENAME TO away")
    for _ in range(FAILURES_A_LOGIN):
        assert await pins.refusal("2001", "4711", STRANGER) == LIMITED
    assert not await pins.is_known("2001")
    await run("ALTER TABLE away RENAME TO station")
    assert await pins.refusal("2001", "4711", STRANGER) == OPEN
    assert await pins.is_known("2001")
