"""Options of a voice board: its ports, where the board is, its timing."""

import re
from typing import Annotated, Literal

import msgspec

from drivers.errors import OptionsError
from drivers.tones import RECOGNISED

_TERMINAL = re.compile(r"[0-9]{1,3}/[0-9]{1,4}")  # digits of desk and terminal, GR-283-CORE

Seconds = Annotated[float, msgspec.Meta(ge=0, le=3600)]


class ChannelOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One port of the board."""

    channel: Annotated[int, msgspec.Meta(ge=1, le=1024)]
    """Number of the port at the board's driver."""
    kind: Literal["fxo", "fxs"] = "fxo"
    """``fxo``: a trunk port, an exchange's line is plugged in; ``fxs``: a telephone is."""
    number: str = ""
    """Number that callers of this port have dialled (DNIS); the extension of a telephone."""
    terminal: str = ""
    """``DESK/TERMINAL``, the port's name on the exchange's serial link."""
    link: str = ""
    """Name of that link in the site's configuration; empty when the site has only one."""


class TimingOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Timing of the ports in seconds."""

    ring_merge: Seconds = 0.15
    """Two ring reports closer than this are one ring."""
    ring_gap: Seconds = 8.0
    """A ringing call without a ring for longer than this was abandoned."""
    dial_tone: Seconds = 3.0
    """Longest wait for dial tone before a call fails."""
    blind_dial: Seconds = 1.0
    """Pause before dialling when dial tone is not awaited."""
    answer: Seconds = 60.0
    """Longest ringing of an outgoing call."""
    assumed_answer: Seconds = 4.0
    """With ``answered_by = "time"``: a dialled call counts as answered after this."""
    guard: Seconds = 0.8
    """Rest of a port after going on-hook, so that the exchange notices."""
    flash: Seconds = 0.85
    """Longest wait for the end of a hook flash the board makes."""
    recall: Seconds = 1.0
    """Pause between a hook flash and the digits of a transfer."""
    handing: Seconds = 2.0
    """A transfer to a busy number is heard within this time and taken back."""
    glitch: Annotated[float, msgspec.Meta(ge=0, le=2)] = 0.0
    """A battery drop this soon after answering is ignored (some exchanges glitch)."""
    settle: Seconds = 5.0
    """A port whose cable came back is used after this."""


class VoiceBoardOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One board and its ports."""

    channels: tuple[ChannelOptions, ...]
    device: str = "/dev/dahdi"
    """Folder of the board's device nodes."""
    simulated: bool = False
    """The board is simulated: its server listens on ``socket``."""
    socket: str = ""
    """Unix socket of the simulated board; relative to the run directory."""
    law: Literal["alaw", "ulaw"] = "alaw"
    """Coding of the port's audio (ITU-T G.711)."""
    country: str = "cn"
    """Whose tones and ring cadence the exchange uses, as in ``cn``, ``us``, ``de``."""
    digits: Literal["inband", "device"] = "inband"
    """Where keys come from: tones heard by the media engine, or the board's detector."""
    caller_id: Literal["off", "dtmf", "fsk"] = "off"
    """How exchanges send the caller's number: by DTMF before they ring, or with a name by FSK
    (Bell 202 or V.23) between the first two rings. Tones are heard while a trunk port is idle,
    where ``digits`` says that keys come from; FSK is heard by the media engine while it rings."""
    station_caller_id: Literal["country", "off", "bell202", "v23", "dtmf"] = "country"
    """How telephones at station ports are told who calls: as their ``country`` does, by FSK (with
    the name) in Bell 202 or V.23, by DTMF (the number only), or not at all. The media engine makes
    the sound, behind the first burst of ringing or before it, as the form says."""
    answered_by: Literal["polarity", "time", "tone"] = "tone"
    """What tells that an outgoing call was answered: a line reversal, the end of ringback,
    or nothing but time."""
    wait_dial_tone: bool = True
    """Await dial tone before dialling; false: dial after ``timing.blind_dial``."""
    echo_taps: Literal[0, 32, 64, 128, 256, 512, 1024] = 128
    """Length of the board's echo canceller; 0: off."""
    timing: TimingOptions = TimingOptions()

    def faults(self) -> list[OptionsError]:
        """Everything that is wrong with these options."""
        found = []
        if not self.channels:
            en, zh = "name at least one port of the board", "请至少写板卡的一个端口"
            found.append(OptionsError("channels", en, zh))
        seen: set[int] = set()
        for index, item in enumerate(self.channels):
            if item.channel in seen:
                en = f"channel {item.channel} is named twice; remove one"
                zh = f"channel {item.channel} 写了两次；请删除一个"
                found.append(OptionsError(f"channels[{index}].channel", en, zh))
            seen.add(item.channel)
            if item.kind == "fxs" and not item.number:
                en, zh = "a telephone needs its extension", "话机需要分机号"
                found.append(OptionsError(f"channels[{index}].number", en, zh))
            if item.terminal and not _TERMINAL.fullmatch(item.terminal):
                en = f"{item.terminal!r} is not DESK/TERMINAL; write one like 1/7"
                zh = f"{item.terminal!r} 不是 台号/终端；请写如 1/7"
                found.append(OptionsError(f"channels[{index}].terminal", en, zh))
        if self.simulated and not self.socket:
            en = "name the socket the simulated board listens on"
            found.append(OptionsError("socket", en, "请写模拟板卡监听的套接字"))
        if self.country not in RECOGNISED:
            known = ", ".join(sorted(RECOGNISED))
            en = f"there are no tones of {self.country!r}; choose from {known}"
            zh = f"没有 {self.country!r} 的信号音；可选：{known}"
            found.append(OptionsError("country", en, zh))
        return found

    def check(self) -> None:
        """Raise the first fault as OptionsError, if there is one."""
        for fault in self.faults():
            raise fault
