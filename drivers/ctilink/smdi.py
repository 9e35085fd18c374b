"""SMDI bytes: call records and lamp refusals in, lamp commands out. No I/O, no clock.

The link has no checksum and no length, and dialects differ in how they end a record, so
the receiver takes ``MD`` and ``MWI`` only at the start of a line and ends a record at a
line end, at EM (0x19), or as soon as the calling number is closed by a blank
(Telcordia GR-283-CORE; older TR-NWT-000283).
"""

import re
from collections import Counter
from enum import Enum, auto
from typing import Literal

import msgspec

from drivers.ctilink.details import CallDetail
from drivers.errors import DriverError

CR, LF, EM, EOT = 0x0D, 0x0A, 0x19, 0x04
LINE_ENDS = frozenset((CR, LF, EM))
FILLERS = frozenset((0x00, 0x7F))
"""Dropped anywhere; 0xFF becomes 0x7F when the parity bit is masked."""
DESK_DIGITS, TERMINAL_DIGITS, NUMBER_DIGITS = 3, 4, 10
LONGEST_TEXT = 80
"""No record is longer; more without a line end is noise."""

REASONS = {"D": "direct", "A": "cfu", "B": "cfb", "N": "cfna", "U": "cf-unknown"}
CAUSES = ("INV", "BLK")

_REFUSAL = re.compile(r"MWI ?([0-9]{1,20}) +(INV|BLK) *")
_STATION = re.compile(r"[0-9]{1,20}")


class StationError(DriverError):
    """A station that no lamp command can name."""


class LampRefused(msgspec.Struct, frozen=True):
    """The exchange did not carry out an earlier lamp command."""

    station: str
    cause: Literal["INV", "BLK"]
    """INV: no such station for this desk; BLK: not now, or already so."""


Received = CallDetail | LampRefused


class _Place(Enum):
    """Where the receiver is within the stream."""

    LINE_START = auto()
    NOISE = auto()
    """Nothing useful until the next line end."""
    FIRST = auto()
    """After an M at the start of a line."""
    CALL = auto()
    REFUSAL = auto()


class Receiver:
    """Turns the bytes of the link into records, however they are cut; never raises.

    ``counts`` says what was dropped and why.
    """

    def __init__(
        self, *, strip_digits: int = 0, long_numbers: Literal["first", "last"] = "last"
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._strip = strip_digits
        self._long_numbers = long_numbers
        self._place = _Place.LINE_START
        self._text = ""
        self._unclosed: CallDetail | None = None

    @property
    def unfinished(self) -> bool:
        """Whether a whole record waits only for the line to fall silent: see ``flush``."""
        return self._unclosed is not None or (
            self._place is _Place.CALL and _closed_by_silence(self._text)
        )

    @property
    def parity_suspect(self) -> bool:
        """Whether so many records fail that speed, size or parity must be set wrong."""
        failed = self.counts["truncated"] + self.counts["bad_fixed_field"]
        failed += self.counts["unknown_message"] + self.counts["overlong"]
        total = failed + self.counts["calls"] + self.counts["refusals"]
        return total >= 20 and failed * 20 > total

    def receive(self, data: bytes) -> list[Received]:
        """Take bytes as they came and return the records they complete."""
        found: list[Received] = []
        for byte in data:
            if byte >= 0x80:
                self.counts["parity_bits"] += 1
                byte &= 0x7F
            if byte in FILLERS:
                continue
            self._step(byte, found)
        return found

    def flush(self) -> list[Received]:
        """The line has been silent: end a record whose end was never marked."""
        found: list[Received] = []
        if self._place is _Place.CALL and _closed_by_silence(self._text):
            self._end_of_line(found)
        self._deliver_unclosed(found)
        return found

    def _step(self, byte: int, found: list[Received]) -> None:
        if byte in LINE_ENDS:
            self._end_of_line(found)
            if byte == EM:
                self._deliver_unclosed(found)
        elif self._place is _Place.LINE_START:
            self._place = _Place.FIRST if byte == ord("M") else _Place.NOISE
            if self._place is _Place.NOISE:
                self.counts["noise_lines"] += 1
        elif self._place is _Place.FIRST:
            self._second_letter(byte)
        elif self._place is not _Place.NOISE:
            self._append(byte, found)

    def _second_letter(self, byte: int) -> None:
        if byte == ord("D"):
            if self._unclosed is not None:
                self._unclosed = None
                self.counts["truncated"] += 1
            self._place, self._text = _Place.CALL, "MD"
        elif byte == ord("W"):
            self._place, self._text = _Place.REFUSAL, "MW"
        else:
            self.counts["unknown_message"] += 1
            self._place = _Place.NOISE

    def _append(self, byte: int, found: list[Received]) -> None:
        self._text += chr(byte)
        if len(self._text) > LONGEST_TEXT:
            self.counts["overlong"] += 1
            self._place = _Place.NOISE
        elif self._place is _Place.CALL:
            fields = _split(self._text)
            if fields is None:
                self.counts["bad_fixed_field"] += 1
                self._place = _Place.NOISE
            elif fields.closed:
                self._found_call(fields, found)
                self._place = _Place.NOISE

    def _end_of_line(self, found: list[Received]) -> None:
        place, self._place = self._place, _Place.LINE_START
        if place is _Place.CALL:
            fields = _split(self._text)
            if fields is None or fields.calling is None:
                self.counts["truncated"] += 1
            else:
                # Some exchanges omit the last blank: whole if EM or silence follows, cut
                # off if the next record does.
                self._deliver_unclosed(found)
                self._unclosed = self._detail(fields)
        elif place is _Place.REFUSAL:
            self._found_refusal(found)
        elif place is _Place.FIRST:
            self.counts["unknown_message"] += 1

    def _deliver_unclosed(self, found: list[Received]) -> None:
        if self._unclosed is not None:
            self.counts["calls"] += 1
            found.append(self._unclosed)
            self._unclosed = None

    def _found_call(self, fields: "_Fields", found: list[Received]) -> None:
        self._deliver_unclosed(found)
        self.counts["calls"] += 1
        found.append(self._detail(fields))

    def _found_refusal(self, found: list[Received]) -> None:
        match = _REFUSAL.fullmatch(self._text)
        if match is None:
            self.counts["bad_refusal"] += 1
            return
        self.counts["refusals"] += 1
        cause: Literal["INV", "BLK"] = "INV" if match[2] == "INV" else "BLK"
        found.append(LampRefused(match[1], cause))

    def _detail(self, fields: "_Fields") -> CallDetail:
        calling = fields.calling or ""
        restricted = bool(calling) and calling[0] == "P"
        return CallDetail(
            desk=fields.desk,
            terminal=fields.terminal,
            kind=fields.kind,
            reason=REASONS.get(fields.kind, "cf-unknown"),
            ani=self._number(calling),
            forwarded_from=self._number(fields.forwarding),
            restricted=restricted,
        )

    def _number(self, text: str) -> str:
        if not text.isdecimal():
            return ""
        if len(text) > NUMBER_DIGITS:
            self.counts["long_numbers"] += 1
            first = self._long_numbers == "first"
            text = text[:NUMBER_DIGITS] if first else text[-NUMBER_DIGITS:]
        return text[self._strip :]


class _Fields(msgspec.Struct, frozen=True):
    """The fields of a call record as far as it has come."""

    desk: str = ""
    terminal: str = ""
    kind: str = ""
    forwarding: str = ""
    calling: str | None = None
    """None while the blank before it has not come."""
    closed: bool = False
    """A character behind the calling number says that it is whole."""


def _split(text: str) -> _Fields | None:
    """Read as many fields as are there; None when a fixed field holds a wrong character."""
    position = 2
    fixed = []
    for width in (DESK_DIGITS, TERMINAL_DIGITS, 1):
        # Some manuals print blanks between the fixed fields; a few exchanges send them.
        while text[position : position + 1] == " ":
            position += 1
        field = text[position : position + width]
        if width > 1 and field and not field.isdecimal():
            return None
        if len(field) < width:
            return _Fields()
        fixed.append(field)
        position += width
    forwarding, blank, rest = text[position:].partition(" ")
    if not blank:
        return _Fields(fixed[0], fixed[1], fixed[2], forwarding)
    end = _end_of_calling(rest)
    calling = rest if end is None else rest[:end]
    return _Fields(fixed[0], fixed[1], fixed[2], forwarding, calling, end is not None)


def _end_of_calling(rest: str) -> int | None:
    """Where the calling number ends: at a blank, or at a non-digit behind digits."""
    digits = rest[:1].isdecimal()
    for index, character in enumerate(rest):
        if character == " " or (digits and not character.isdecimal()):
            return index
    return None


def _closed_by_silence(text: str) -> bool:
    fields = _split(text)
    return fields is not None and fields.calling is not None


def lamp_command(station: str, *, on: bool, strip_digits: int = 0) -> bytes:
    """Bytes that light or darken a station's lamp; StationError if it is no number.

    Zeros take the place of the digits that are stripped on receipt (``msdstrip``).
    """
    if not (_STATION.fullmatch(station) and station.isascii()):
        raise StationError(f"{station!r} is not a station number")
    word = "OP" if on else "RMV"
    return f"{word}:MWI {'0' * strip_digits}{station}!".encode("ascii") + bytes((EOT,))


def call_record(detail: CallDetail) -> bytes:
    """Bytes of a call record as an exchange sends it, for tests and for reading logs."""
    calling = "P" if detail.restricted and not detail.ani else detail.ani
    text = f"MD{detail.desk}{detail.terminal}{detail.kind}{detail.forwarded_from} {calling} "
    return b"\r\n" + text.encode("ascii") + b"\r\n" + bytes((EM,))
