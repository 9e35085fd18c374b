"""What telephones hear of each other through the media process, over real UDP."""

import asyncio
import os
import wave
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from cython_ext import dsp
from daemon.link import messages as told
from daemon.link.client import MediaLink
from daemon.link.errors import MediaRefused
from drivers.api import PortId, RtpAddress, RtpFormat
from tests.fakes.rtp_phone import RtpPhone

Dial = Callable[..., Awaitable[tuple[PortId, RtpPhone]]]
Event = TypeVar("Event", bound=told.MediaEvent)

TONE = dsp.ToneGenerator([1000.0], -10.0).generate(8000)
OTHER = dsp.ToneGenerator([1600.0], -10.0).generate(8000)


async def until(link: MediaLink, kind: type[Event]) -> Event:
    """The next event of a kind."""
    async with asyncio.timeout(10):
        async for event in link.events():
            if isinstance(event, kind):
                return event
    raise AssertionError("the link was closed")


def sounds(pcm: bytes, hz: float) -> bool:
    """Whether the second half of the audio holds a tone of the level that was sent."""
    return -12 < dsp.goertzel(pcm[len(pcm) // 2 // 2 * 2 :], 8000, hz) < -8


async def test_a_bridge_carries_both_ways_and_transcodes(link: MediaLink, dial: Dial) -> None:
    a, alice = await dial("PCMA")
    b, bob = await dial("PCMU")
    await link.bridge(9, a, b)
    alice.say(TONE)
    bob.say(OTHER)
    at_bob, at_alice = await asyncio.gather(bob.hear(30), alice.hear(30))
    assert sounds(at_bob, 1000)
    assert sounds(at_alice, 1600)
    assert not sounds(at_bob, 1600)
    assert not sounds(at_alice, 1000)
    await link.unbridge(9)
    await bob.hear(3)
    assert dsp.level(await bob.hear(5)) < -60


async def test_stream_is_numbered_without_gaps(link: MediaLink, dial: Dial) -> None:
    _, phone = await dial()
    await phone.hear(20)
    first = phone.packets[0]
    assert first.marker
    assert not any(packet.marker for packet in phone.packets[1:])
    for number, packet in enumerate(phone.packets[:20]):
        assert packet.sequence == (first.sequence + number) & 0xFFFF
        assert packet.timestamp == (first.timestamp + 160 * number) & 0xFFFFFFFF
        assert (packet.ssrc, len(packet.payload)) == (first.ssrc, 160)


async def test_other_packet_times_are_kept(link: MediaLink, dial: Dial) -> None:
    _, phone = await dial(ptime_ms=30)
    await phone.hear(6)
    assert {len(packet.payload) for packet in phone.packets} == {240}
    steps = {
        (two.timestamp - one.timestamp) & 0xFFFFFFFF
        for one, two in zip(phone.packets, phone.packets[1:], strict=False)
    }
    assert steps == {240}


async def test_prompts_play_in_turn_and_say_when_they_end(
    link: MediaLink, dial: Dial, site: Path
) -> None:
    (site / "one.s16").write_bytes(TONE[:3200])
    (site / "two.s16").write_bytes(OTHER[:3200])
    port, phone = await dial()
    await phone.hear(1)
    await link.play(port, 5, ["one.s16", "two.s16"], repeat=2)
    finished = await until(link, told.PlayFinished)
    assert (finished.player, finished.port, finished.reason) == (5, port, "finished")
    heard = dsp.alaw_decode(b"".join(packet.payload for packet in phone.audio()))
    blocks = [heard[at : at + 640] for at in range(0, len(heard) - 639, 640)]
    loud = "".join(
        "1" if dsp.goertzel(block, 8000, 1000) > -14 else "2"
        for block in blocks
        if dsp.level(block) > -14
    )
    assert "111" in loud
    assert "222" in loud
    assert len(loud) >= 15


async def test_a_prompt_is_heard_over_the_lowered_bridge(
    link: MediaLink, dial: Dial, site: Path
) -> None:
    (site / "whisper.s16").write_bytes(OTHER)
    a, alice = await dial()
    b, bob = await dial()
    await link.bridge(1, a, b)
    alice.repeat([TONE[:320]] * 500)
    await bob.hear(10)
    await link.play(b, 2, ["whisper.s16"], repeat=0)
    await bob.hear(5)
    both = await bob.hear(10)
    assert sounds(both, 1600)
    assert -25 < dsp.goertzel(both, 8000, 1000) < -20
    await link.stop_play(2)
    assert (await until(link, told.PlayFinished)).reason == "stopped"
    await bob.hear(3)
    assert sounds(await bob.hear(10), 1000)


async def test_ringback_keeps_its_cadence(link: MediaLink, dial: Dial) -> None:
    port, phone = await dial()
    await link.play_tone(port, 1, [(440.0, 480.0)], [(200, 100)], 2)
    assert (await until(link, told.PlayFinished)).reason == "finished"
    heard = [dsp.level(dsp.alaw_decode(packet.payload)) > -20 for packet in phone.audio()]
    assert 19 <= sum(heard) <= 22


async def test_a_new_player_replaces_the_old_one(link: MediaLink, dial: Dial) -> None:
    port, _ = await dial()
    await link.play_tone(port, 1, [(440.0, 0.0)], [])
    await link.play_tone(port, 2, [(480.0, 0.0)], [])
    first = await until(link, told.PlayFinished)
    assert (first.player, first.reason) == (1, "replaced")
    await link.close(port)
    second = await until(link, told.PlayFinished)
    assert (second.player, second.reason) == (2, "closed")


async def test_keys_are_told_once_and_stop_a_prompt(
    link: MediaLink, dial: Dial, site: Path
) -> None:
    (site / "menu.s16").write_bytes(TONE)
    port, phone = await dial()
    await phone.hear(2)
    await link.play(port, 1, ["menu.s16"], repeat=0, stop_on_digit=True)
    phone.press("5")
    assert (await until(link, told.PlayFinished)).reason == "digit"
    digit = await until(link, told.DigitDetected)
    assert (digit.key, digit.duration_ms, digit.source) == ("5", 100, "rfc4733")
    phone.press("5")
    phone.press("#", ends=1)
    phone.press("0", ends=0)
    keys = [(await until(link, told.DigitDetected)).key for _ in range(3)]
    assert keys == ["5", "#", "0"]


async def test_keys_are_sent_as_events(link: MediaLink, dial: Dial) -> None:
    port, phone = await dial()
    await phone.hear(2)
    await link.send_digits(port, "5#")
    async with asyncio.timeout(5):
        while len(phone.events()) < 14:
            await phone.hear(1)
    events = phone.events()
    assert [packet.payload.hex() for packet in events[:7]] == [
        "050a00a0", "050a0140", "050a01e0", "050a0280", "058a0320", "058a0320", "058a0320",
    ]  # fmt: skip
    assert len({packet.timestamp for packet in events[:7]}) == 1
    assert [packet.marker for packet in events[:7]] == [True] + [False] * 6
    assert {packet.payload[0] for packet in events[7:]} == {11}
    assert (events[7].timestamp - events[0].timestamp) & 0xFFFFFFFF == 9 * 160


async def test_without_negotiated_events_keys_are_tones(link: MediaLink, dial: Dial) -> None:
    port, phone = await dial(keys=None)
    await phone.hear(2)
    phone.say(dsp.dtmf_generate("19D"))
    keys = [await until(link, told.DigitDetected) for _ in range(3)]
    assert [key.key for key in keys] == ["1", "9", "D"]
    assert {key.source for key in keys} == {"inband"}
    start = len(phone.audio())
    await link.send_digits(port, "42*")
    await phone.hear(32)
    sent = dsp.alaw_decode(b"".join(packet.payload for packet in phone.audio()[start:]))
    detector = dsp.DtmfDetector()
    assert detector.feed(sent) == "42*"


async def test_recording_has_both_sides_and_survives_the_bridge(
    link: MediaLink, dial: Dial, site: Path
) -> None:
    a, alice = await dial("PCMU")
    b, bob = await dial()
    alice.repeat([TONE[:320]] * 500)
    bob.repeat([OTHER[:320]] * 500)
    await link.record(77, a, "recordings/2026/11/21/call.wav", stereo=True)
    await link.bridge(1, a, b)
    await bob.hear(60)
    path = site / "recordings/2026/11/21/call.wav"
    with wave.open(str(path)) as begun:  # valid while it grows
        assert begun.getnchannels() == 2
    await link.unbridge(1)
    await bob.hear(10)
    await link.stop_record(77)
    done = await until(link, told.RecordFinished)
    assert (done.recording, done.port, done.reason) == (77, a, "stopped")
    assert done.path == "recordings/2026/11/21/call.wav"
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getsampwidth()) == (8000, 2)
        frames = file.readframes(file.getnframes())
        assert file.getnframes() == done.duration_ms * 8
    left = b"".join(frames[at : at + 2] for at in range(0, len(frames), 4))
    right = b"".join(frames[at + 2 : at + 4] for at in range(0, len(frames), 4))
    middle = slice(len(left) // 3 // 2 * 2, len(left) // 2 // 2 * 2)
    assert sounds(left[middle], 1000)
    assert sounds(right[middle], 1600)
    assert dsp.level(right[-1600:]) < -60


async def test_recording_ends_by_length_and_by_silence(link: MediaLink, dial: Dial) -> None:
    port, phone = await dial()
    await link.record(1, port, "voicemail/a.wav", stereo=False, max_s=0.3)
    done = await until(link, told.RecordFinished)
    assert (done.reason, done.duration_ms) == ("max", 300)
    phone.say(TONE[:3200])
    await link.record(2, port, "voicemail/b.wav", stereo=False, silence_s=0.4)
    assert (await until(link, told.RecordFinished)).reason == "silence"
    await link.record(3, port, "voicemail/c.wav", stereo=False)
    await link.close(port)
    assert (await until(link, told.RecordFinished)).reason == "closed"


async def test_tap_is_a_ring_that_wakes_its_reader(link: MediaLink, dial: Dial) -> None:
    port, phone = await dial()
    phone.repeat([TONE[:320]] * 500)
    tap = await link.tap(port)
    woken = asyncio.Event()

    def wake() -> None:
        os.eventfd_read(tap.eventfd)
        woken.set()

    asyncio.get_running_loop().add_reader(tap.eventfd, wake)
    try:
        async with asyncio.timeout(5):
            while int.from_bytes(os.pread(tap.memfd, 8, 16), "little") < 1600:
                await woken.wait()
                woken.clear()
        assert os.pread(tap.memfd, 16, 0) == b"HFTP" + b"".join(
            number.to_bytes(4, "little") for number in (1, 8000, tap.capacity)
        )
        await phone.hear(20)
        written = int.from_bytes(os.pread(tap.memfd, 8, 16), "little")
        assert sounds(os.pread(tap.memfd, 3200, 64 + 2 * (written - 1600)), 1000)
        await link.close(port)
        async with asyncio.timeout(5):
            while os.pread(tap.memfd, 4, 24) != b"\1\0\0\0":
                await woken.wait()
                woken.clear()
    finally:
        asyncio.get_running_loop().remove_reader(tap.eventfd)
        os.close(tap.memfd)
        os.close(tap.eventfd)


async def test_conference_with_a_member_that_only_listens(link: MediaLink, dial: Dial) -> None:
    legs = [await dial() for _ in range(3)]
    for port, _ in legs:
        await link.join(4, port)
    (_, alice), (_, bob), (boss, carol) = legs
    alice.repeat([TONE[:320]] * 500)
    carol.repeat([OTHER[:320]] * 500)
    for port, _ in legs[:2]:
        await link.set_gain(4, boss, port, -100.0)
    await bob.hear(20)
    at_bob, at_carol = await asyncio.gather(bob.hear(10), carol.hear(10))
    assert sounds(at_bob, 1000)
    assert dsp.goertzel(at_bob, 8000, 1600) < -50
    assert sounds(at_carol, 1000)


async def test_only_the_negotiated_peer_is_heard(link: MediaLink, dial: Dial) -> None:
    port, phone = await dial()
    with RtpPhone(ssrc=99) as stranger:
        await phone.hear(3)
        address = RtpAddress("127.0.0.1", (await link.snapshot()).ports[0].rtp_port)
        stranger.call(address)
        for _ in range(5):
            stranger.send(bytes(160), 8)
        await phone.hear(3)
        assert stranger.packets == []
    counts = await link.counters(port)
    assert counts["foreign"] == 5
    assert counts["lost"] == 0


async def test_without_a_host_the_first_sender_is_answered(link: MediaLink) -> None:
    port, address = await link.open_rtp()
    await link.connect_rtp(port, RtpAddress("", 0), RtpFormat())
    with RtpPhone() as phone:
        phone.call(address)
        phone.send(bytes(160), 8)
        await phone.hear(3)


async def test_a_changed_stream_goes_on(link: MediaLink, dial: Dial) -> None:
    port, phone = await dial()
    phone.repeat([TONE[:320]] * 30)
    await phone.hear(10)
    phone.ssrc, phone.sequence = 1234, 17
    await phone.hear(10)
    counts = await link.counters(port)
    assert counts["ssrc_changes"] == 1
    assert counts["bad"] == 0


async def test_hold_stops_sending_and_retrieve_starts_again(link: MediaLink, dial: Dial) -> None:
    port, phone = await dial()
    await phone.hear(3)
    await link.connect_rtp(port, phone.address, RtpFormat(send=False))
    await link.counters(port)
    sent = (await link.counters(port))["packets_out"]
    await link.connect_rtp(port, phone.address, RtpFormat())
    await phone.hear(3)
    assert phone.packets[-3].marker or phone.packets[-4].marker or phone.packets[-2].marker
    assert (await link.counters(port))["packets_out"] > sent


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("../secret.s16", "path"),
        ("/etc/passwd", "path"),
        ("", "path"),
        ("missing.s16", "missing-file"),
    ],
)
async def test_prompts_lie_below_the_site(
    link: MediaLink, dial: Dial, path: str, code: str
) -> None:
    port, _ = await dial()
    with pytest.raises(MediaRefused) as refused:
        await link.play(port, 1, [path])
    assert refused.value.code == code


@pytest.mark.parametrize("path", ["../x.wav", "hookflash.db", "recordings/x.txt", "flows/x.wav"])
async def test_recordings_go_only_where_they_belong(link: MediaLink, dial: Dial, path: str) -> None:
    port, _ = await dial()
    with pytest.raises(MediaRefused) as refused:
        await link.record(1, port, path, stereo=True)
    assert refused.value.code == "path"


async def test_requests_that_cannot_be_are_refused_by_name(link: MediaLink, dial: Dial) -> None:
    port, _ = await dial()
    await link.record(1, port, "recordings/a.wav", stereo=True)
    wrong = {
        "unknown-port": link.play_tone(PortId(99), 1, [(440.0, 0.0)], []),
        "exists": link.record(2, port, "recordings/a.wav", stereo=True),
        "recording-exists": link.record(1, port, "recordings/b.wav", stereo=True),
        "bad-argument": link.send_digits(port, "12x"),
        "codec": link.connect_rtp(port, RtpAddress("127.0.0.1", 9), RtpFormat(codec="G729")),
        "unknown-host": link.host("board", b""),
    }
    for code, request in wrong.items():
        with pytest.raises(MediaRefused) as refused:
            await request
        assert refused.value.code == code
    with pytest.raises(MediaRefused, match="no IP address"):
        await link.connect_rtp(port, RtpAddress("phone.example", 9), RtpFormat())


async def test_closing_and_ending_twice_is_harmless(link: MediaLink, dial: Dial) -> None:
    port, _ = await dial()
    await link.close(port)
    await link.close(port)
    await link.unbridge(1)
    await link.stop_play(1)
    await link.stop_record(1)
    assert (await link.snapshot()).ports == ()
