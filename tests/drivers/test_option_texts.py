"""Every fault of a driver's options is said in English and Chinese."""

import re

import pytest

from drivers.ctilink.details import TerminalKey
from drivers.ctilink.options import CtiLinkOptions
from drivers.errors import OptionsError
from drivers.sip.options import SipOptions, TimerOptions, TrunkOptions
from drivers.voiceboard.options import ChannelOptions, VoiceBoardOptions

CHINESE = re.compile("[\u4e00-\u9fff]")
QUOTED = re.compile(r"'[^']+'")

BROKEN: list[SipOptions | CtiLinkOptions | VoiceBoardOptions] = [
    SipOptions(
        listen="localhost",
        advertise="pbx",
        port=70000,
        realm='a"b',
        digest_algorithms=("MD4",),
        user_agent="a\r\nb",
        trunks=(
            TrunkOptions(name="a/b", max_calls=0),
            TrunkOptions(name="two", addresses=("x", "0.0.0.0/0"), target="x:1", codecs=("X",)),
            TrunkOptions(name="two", addresses=("192.0.2.1",)),
        ),
        station_codecs=(),
        expires_min_s=100,
        expires_max_s=50,
        max_contacts=0,
        timers=TimerOptions(t1=0.0),
    ),
    SipOptions(listen="0.0.0.0"),
    SipOptions(
        station_codecs=("OPUS", "PCMA"),
        station_srtp={"sctp": "off", "udp": "required", "tls": "sometimes"},
        trunks=(TrunkOptions(name="a", target="192.0.2.1", ptime_ms=25),),
    ),
    CtiLinkOptions(device="", audit_at="24:00", probe_station="abc"),
    VoiceBoardOptions(channels=(), simulated=True, country="xx"),
    VoiceBoardOptions(
        channels=(
            ChannelOptions(channel=1),
            ChannelOptions(channel=1, kind="fxs", terminal="desk two"),
        ),
    ),
]


def said_twice(fault: OptionsError) -> bool:
    """Whether both texts are there and name the same things."""
    names = QUOTED.findall(fault.message)
    written = bool(CHINESE.search(fault.zh)) and not CHINESE.search(fault.message)
    return written and all(name in fault.zh for name in names)


def test_every_fault_is_said_in_both_languages() -> None:
    found = [fault for options in BROKEN for fault in options.faults()]
    assert len({fault.message for fault in found}) == 32
    for fault in found:
        assert said_twice(fault), (fault.message, fault.zh)
        assert str(fault) == f"{fault.key}: {fault.text('en')}"
        assert fault.text("zh") == fault.zh


@pytest.mark.parametrize("text", ["1", "a/b", "1000/7", "1/10000"])
def test_a_terminal_that_cannot_be_read(text: str) -> None:
    with pytest.raises(OptionsError) as caught:
        TerminalKey.from_text(text)
    assert said_twice(caught.value)


def test_a_fault_without_chinese_is_said_in_english() -> None:
    assert OptionsError("speed", "must be 9600").text("zh") == "must be 9600"
