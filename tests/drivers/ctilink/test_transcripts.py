"""Plays what goes over the wire through the driver's sans-IO half."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from drivers.ctilink.details import CallDetail, TerminalKey
from drivers.ctilink.lamps import LampAlarm, LampQueue
from drivers.ctilink.matching import DetailStore
from drivers.ctilink.smdi import Receiver

FOLDER = Path(__file__).parent.parent.parent / "transcripts" / "ctilink"
NAMES = sorted(path.stem for path in FOLDER.glob("*.txt") if path.stem != "messages")
Cut = Callable[[bytes], Iterable[bytes]]


def wire(text: str) -> bytes:
    return re.sub(r"\^(.)", lambda found: chr(ord(found[1]) ^ 0x40), text).encode("ascii")


class Player:
    def __init__(self, cut: Cut) -> None:
        self.cut = cut
        self.receiver, self.lamps, self.store = Receiver(), LampQueue(), DetailStore()
        self.alarms: list[LampAlarm] = []
        self.now = 0.0

    def play(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "@":
            self.now = float(rest)
        elif word == "<":
            self.receive(wire(rest))
        elif word == ">":
            # The queue paces its commands; the transcript does not count tenths.
            self.now += 0.2
            command = self.lamps.due(self.now)
            assert command is not None, line
            assert command.data == wire(rest)
        elif word == "quiet":
            assert self.lamps.due(self.now) is None
        elif word == "lamp":
            station, state = rest.split()
            self.lamps.set(station, on=state == "on", now=self.now)
        elif word == "state":
            station, state = rest.split()
            self.lamps.due(self.now)
            assert self.lamps.states()[station] == state
        elif word == "alarm":
            station, scope = rest.split()
            assert self.alarms.pop(0) == LampAlarm(station, whole_link=scope == "link")
        elif word == "none":
            assert self.store.take(TerminalKey.from_text(rest), self.now) is None
        elif word == "count":
            name, count = rest.split()
            assert self.receiver.counts[name] == int(count)
        else:
            assert word == "detail", line
            self.detail(rest)

    def receive(self, data: bytes) -> None:
        for piece in self.cut(data):
            for record in self.receiver.receive(piece):
                if isinstance(record, CallDetail):
                    self.store.add(record, self.now)
                elif (alarm := self.lamps.refused(record, self.now)) is not None:
                    self.alarms.append(alarm)

    def detail(self, rest: str) -> None:
        key, reason, _, forwarded_from, _, ani = rest.replace(" -", " ").split(" ")
        found = self.store.take(TerminalKey.from_text(key), self.now)
        assert found is not None, rest
        assert (found.reason, found.forwarded_from, found.ani) == (reason, forwarded_from, ani)


def play(name: str, cut: Cut) -> None:
    player = Player(cut)
    for line in (FOLDER / f"{name}.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            player.play(line)
    assert player.alarms == []


@pytest.mark.parametrize("name", NAMES)
def test_transcript(name: str) -> None:
    play(name, lambda data: [data])


@pytest.mark.parametrize("name", NAMES)
def test_transcript_byte_by_byte(name: str) -> None:
    play(name, lambda data: [bytes((byte,)) for byte in data])


@pytest.mark.parametrize("name", NAMES)
def test_transcript_cut_at_every_place(name: str) -> None:
    for place in range(60):
        play(name, lambda data, place=place: [data[:place], data[place:]])
