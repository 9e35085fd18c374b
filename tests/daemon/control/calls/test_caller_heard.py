"""Who calls by FSK: what a message says, and how it reaches the call that rings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.control.audio.caller_ears import PATIENCE_S
from daemon.control.audio.caller_message import Identity, read_identity
from daemon.link.errors import MediaRefused
from daemon.link.messages import CallerHeard
from drivers.api import PortId
from tests.fakes.control_rig import ControlRig
from tests.fakes.line import FakeLine


def message(kind: int, body: bytes) -> bytes:
    head = bytes([kind, len(body)]) + body
    return head + bytes([-sum(head) & 0xFF])


def parameters(**values: bytes) -> bytes:
    codes = {"date": 1, "number": 2, "absent": 4, "why": 5, "name": 7, "from": 0x1A, "odd": 0x55}
    parts = ((codes[name.strip("_")], value) for name, value in values.items())
    return message(0x80, b"".join(bytes([code, len(value)]) + value for code, value in parts))


WORKED = {  # of the reference sheet
    "80200108303332313134303502 0A323134353535313231320708444F45204A4F484E89": Identity(
        ani="2145551212", name="DOE JOHN"
    ),
    "80 10 01 08 30 33 32 31 31 34 30 35 04 01 50 08 01 50 29": Identity(restricted=True),
    "80 10 01 08 30 33 32 31 31 34 30 35 04 01 4F 08 01 4F 2B": Identity(),
    "04 12 30 33 32 31 31 34 30 35 32 31 34 35 35 35 31 32 31 32 5E": Identity(ani="2145551212"),
    "04 09 30 33 32 31 31 34 30 35 50 13": Identity(restricted=True),
    "82 03 0B 01 FF 70": None,
    "06 03 42 42 42 31": None,
}


@pytest.mark.parametrize(("octets", "identity"), WORKED.items())
def test_worked_messages_say_who_calls(octets: str, identity: Identity | None) -> None:
    assert read_identity(bytes.fromhex(octets)) == identity


def test_a_forwarded_call_says_from_whom_and_why() -> None:
    told = read_identity(parameters(number=b"5551234", from_=b"5559876", why=b"1", odd=b"\xff"))
    assert told == Identity(ani="5551234", redirecting="5559876", reason="cfb")


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"\x80\x00",
        parameters(number=b"55512x4"),
        parameters(number=b"\xff\xfe"),
        message(0x80, b"\x02\x0a5551234"),  # a parameter longer than the message
        message(0x80, b"\x02"),
        parameters(number=b"5551234")[:-1] + b"\x00",
        message(0x04, b"03211405" + b"55\x0034"),
    ],
)
def test_what_does_not_fit_is_nobody(wrong: bytes) -> None:
    assert read_identity(wrong) is None


def test_names_are_shown_as_they_may_be() -> None:
    assert read_identity(parameters(name="张伟".encode())) == Identity(name="张伟")
    assert read_identity(parameters(name=b"M\xfcller\x00\x1b[2J")) == Identity(name="Müller[2J")
    long = read_identity(parameters(number=b"1" * 30, name=b"x" * 80))
    assert long == Identity(ani="1" * 20, name="x" * 50)


@given(st.binary(max_size=80))
def test_no_octets_are_raised_past_the_border(octets: bytes) -> None:
    told = read_identity(octets)
    assert told is None or set(told.ani) <= set("0123456789*#+")


@given(st.binary(max_size=60), st.sampled_from([0x04, 0x80]))
def test_no_body_with_a_right_checksum_is_raised_either(body: bytes, kind: int) -> None:
    told = read_identity(message(kind, body))
    assert told is None or len(told.name) <= 50


JOHN = parameters(number=b"2145551212", name=b"DOE JOHN")


async def ring(rig: ControlRig, *, ani: str = "") -> FakeLine:
    """A board's port whose audio is the engine's while it rings."""
    line = rig.driver.line(rig.driver.trunks[0])
    line.port, _ = await rig.media.open_rtp()
    rig.driver.ring(ani=ani, line=line)
    await rig.settle()
    return line


async def tell(rig: ControlRig, port: PortId | None, octets: bytes = JOHN) -> None:
    assert port is not None
    rig.media._tell(CallerHeard(port=port, message=octets))
    await rig.settle()


async def test_number_and_name_are_the_calls_before_it_is_answered(rig: ControlRig) -> None:
    await rig.seat("ann")
    line = await ring(rig)
    assert rig.phase(line).value == "ringing"
    await tell(rig, line.port)
    call = rig.call_on(line)
    assert (call.ani, call.name) == ("2145551212", "DOE JOHN")
    await rig.hear_out(line)
    await rig.press(line, "1")
    [waiting] = [w for view in rig.controller.acd.floor().queues for w in view.waiting]
    assert waiting.ani == "2145551212"  # what the rules of the queue go by
    assert rig.driver.dialled[-1].ani == "2145551212"
    await rig.hang_up(line)
    assert [(row.ani, row.ani_verbatim, row.name) for row in rig.calls()] == [
        ("2145551212", "2145551212", "DOE JOHN")
    ]


async def test_without_a_message_the_call_is_answered_after_the_second_ring(
    rig: ControlRig,
) -> None:
    line = await ring(rig)
    await rig.later(PATIENCE_S - 0.5)
    assert rig.phase(line).value == "ringing"
    await rig.later(1)
    assert rig.phase(line).value == "ivr"
    await tell(rig, line.port)  # it comes all the same, and is shown
    assert rig.call_on(line).name == "DOE JOHN"
    assert rig.calls()[-1].ani == "2145551212"


async def test_a_withheld_number_is_withheld(rig: ControlRig) -> None:
    line = await ring(rig)
    await tell(rig, line.port, parameters(absent=b"P"))
    call = rig.call_on(line)
    assert (call.ani, call.restricted) == ("", True)


async def test_a_number_that_is_known_is_not_waited_for(rig: ControlRig) -> None:
    line = await ring(rig, ani="5550100")
    assert rig.phase(line).value == "ivr"
    await tell(rig, line.port)
    call = rig.call_on(line)
    assert (call.ani, call.name) == ("5550100", "DOE JOHN")


async def test_garbage_and_deaf_media_let_the_call_go_on(rig: ControlRig) -> None:
    rig.media.faults["hear_caller"] = MediaRefused("unknown-port", "no such port")
    line = await ring(rig)
    assert rig.phase(line).value == "ivr"
    await tell(rig, line.port, b"\x80\x00\x00")
    assert rig.call_on(line).ani == ""


async def test_a_caller_who_gives_up_meanwhile_is_not_answered(rig: ControlRig) -> None:
    line = await ring(rig)
    await rig.hang_up(line)
    await rig.later(PATIENCE_S + 1)
    assert rig.controller.calls == {}
