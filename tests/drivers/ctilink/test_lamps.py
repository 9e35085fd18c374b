import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ctilink.lamps import BLOCKED_RETRIES_S, REFUSAL_WINDOW_S, LampQueue
from drivers.ctilink.smdi import LampRefused, StationError

INV, BLK = "INV", "BLK"


def drain(lamps: LampQueue, now: float) -> tuple[list[bytes], float]:
    """Send all that becomes due, moving time along; return it and the time after."""
    sent = []
    while (deadline := lamps.deadline()) is not None and deadline <= now + 1:
        now = max(now, deadline)
        while (command := lamps.due(now)) is not None:
            sent.append(command.data)
    return sent, now


def test_commands_keep_their_distance() -> None:
    lamps = LampQueue(pause_s=0.1)
    lamps.set("100", on=True, now=0.0)
    lamps.set("200", on=True, now=0.0)
    assert lamps.due(0.0) is not None
    assert lamps.due(0.05) is None
    assert lamps.deadline() == pytest.approx(0.1)
    second = lamps.due(0.1)
    assert second is not None
    assert second.data == b"OP:MWI 200!\x04"


def test_only_the_newest_wish_of_a_station_is_sent() -> None:
    lamps = LampQueue()
    lamps.set("100", on=True, now=0.0)
    lamps.set("100", on=False, now=0.0)
    sent, _ = drain(lamps, 0.0)
    assert sent == [b"RMV:MWI 100!\x04"]
    assert lamps.counts["coalesced"] == 1


def test_silence_means_that_it_worked() -> None:
    lamps = LampQueue()
    lamps.set("100", on=True, now=0.0)
    lamps.due(0.0)
    assert lamps.states() == {"100": "sent"}
    lamps.due(REFUSAL_WINDOW_S)
    assert lamps.states() == {"100": "reached"}


def test_blocked_is_tried_again_and_then_believed() -> None:
    lamps = LampQueue()
    now = 0.0
    lamps.set("100", on=True, now=now)
    assert lamps.due(now) is not None
    for pause in BLOCKED_RETRIES_S:
        assert lamps.refused(LampRefused("100", BLK), now + 1) is None
        assert lamps.due(now + pause) is None
        now = now + 1 + pause
        assert lamps.due(now) is not None
    assert lamps.refused(LampRefused("100", BLK), now + 1) is None
    assert lamps.states() == {"100": "reached"}
    assert lamps.deadline() is None


def test_other_wish_while_blocked_is_sent_at_once() -> None:
    lamps = LampQueue()
    lamps.set("100", on=True, now=0.0)
    lamps.due(0.0)
    lamps.refused(LampRefused("100", BLK), 1.0)
    lamps.set("100", on=False, now=2.0)
    command = lamps.due(2.0)
    assert command is not None
    assert command.data == b"RMV:MWI 100!\x04"


def test_invalid_station_raises_one_alarm_and_is_not_sent_again() -> None:
    lamps = LampQueue()
    lamps.set("100", on=True, now=0.0)
    lamps.due(0.0)
    lamps.set("200", on=True, now=10.0)
    lamps.due(10.0)
    alarm = lamps.refused(LampRefused("200", INV), 11.0)
    assert alarm is not None
    assert (alarm.station, alarm.whole_link) == ("200", False)
    lamps.set("200", on=False, now=20.0)
    assert lamps.due(20.0) is None
    assert lamps.states()["200"] == "refused"


def test_wrong_number_length_raises_one_alarm_for_the_link() -> None:
    lamps = LampQueue()
    alarms = []
    for index, station in enumerate(("100", "200", "300")):
        lamps.set(station, on=True, now=float(index))
        lamps.due(float(index))
        alarms.append(lamps.refused(LampRefused(station, INV), index + 0.5))
    assert [alarm.whole_link for alarm in alarms if alarm is not None] == [True]


def test_refusal_of_an_older_wish_leaves_the_newest() -> None:
    lamps = LampQueue()
    lamps.set("100", on=True, now=0.0)
    lamps.due(0.0)
    lamps.set("100", on=False, now=0.1)
    assert lamps.refused(LampRefused("100", INV), 0.2) is None
    assert lamps.due(0.3) is not None


def test_refusal_for_a_station_never_commanded_is_ignored() -> None:
    lamps = LampQueue()
    assert lamps.refused(LampRefused("999", INV), 0.0) is None
    assert lamps.counts["refusals_ignored"] == 1


def test_refusal_names_the_station_with_its_zeros() -> None:
    lamps = LampQueue(strip_digits=3)
    lamps.set("1234", on=True, now=0.0)
    command = lamps.due(0.0)
    assert command is not None
    assert command.data == b"OP:MWI 0001234!\x04"
    assert lamps.refused(LampRefused("0001234", INV), 0.5) is not None


def test_audit_sends_every_lamp_again() -> None:
    lamps = LampQueue()
    lamps.set("100", on=True, now=0.0)
    lamps.set("200", on=False, now=0.0)
    _, now = drain(lamps, 0.0)
    lamps.audit()
    sent, _ = drain(lamps, now + 60)
    assert sorted(sent) == [b"OP:MWI 100!\x04", b"RMV:MWI 200!\x04"]


def test_command_lost_with_the_link_is_due_again() -> None:
    lamps = LampQueue()
    lamps.set("100", on=True, now=0.0)
    command = lamps.due(0.0)
    assert command is not None
    lamps.not_sent(command)
    assert lamps.due(1.0) == command


def test_station_that_is_no_number_is_refused_at_once() -> None:
    with pytest.raises(StationError):
        LampQueue().set("reception", on=True, now=0.0)


@given(
    st.lists(
        st.tuples(st.sampled_from(("100", "200", "300")), st.booleans(), st.floats(0, 2)),
        max_size=30,
    )
)
def test_the_last_command_of_every_station_is_its_last_wish(
    wishes: list[tuple[str, bool, float]],
) -> None:
    lamps, now, last, sent = LampQueue(), 0.0, {}, {}
    for station, on, pause in wishes:
        now += pause
        lamps.set(station, on=on, now=now)
        last[station] = on
        while (command := lamps.due(now)) is not None:
            sent[command.station] = command.data.startswith(b"OP")
    while (deadline := lamps.deadline()) is not None:
        command = lamps.due(deadline)
        assert command is not None
        sent[command.station] = command.data.startswith(b"OP")
    assert sent == last
