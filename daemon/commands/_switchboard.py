"""The console of the simulated exchange: one command a line, for trying a site by hand."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from daemon.command_line import WRONG_USAGE
from daemon.config import DriverSection
from daemon.errors import CommandError
from daemon.language import pick
from daemon.site_directory import SiteDirectory
from drivers.ctilink.details import TerminalKey
from drivers.ctilink.options import CtiLinkOptions
from drivers.ctilink.simulator import SimulatedSwitch
from drivers.errors import DriverError
from drivers.tones import TONES
from drivers.voiceboard.options import VoiceBoardOptions
from drivers.voiceboard.simulator import (
    SimulatedBoard,
    SimulatedPort,
    SimulatedTelephone,
    SimulatedTrunk,
)

KINDS: Final = {"direct": "D", "cfu": "A", "cfb": "B", "cfna": "N"}


class Switchboard:
    """Obeys typed commands on the ports of a simulated board and the serial link."""

    def __init__(
        self,
        ports: Mapping[int, SimulatedPort],
        terminals: Mapping[int, TerminalKey],
        switch: SimulatedSwitch | None = None,
    ) -> None:
        self._ports = ports
        self._terminals = terminals
        self._switch = switch
        self._words: dict[str, tuple[Callable[..., str], str]] = {
            "call": (self._call, "CHANNEL [ANI [FORWARDED_FROM [cfu|cfb|cfna]]]"),
            "hangup": (self._hang_up, "CHANNEL"),
            "busy": (self._busy, "CHANNEL"),
            "lift": (self._lift, "CHANNEL"),
            "flash": (self._flash, "CHANNEL"),
            "alarm": (self._alarm, "CHANNEL on|off"),
            "ports": (self._list, ""),
            "lamps": (self._lamps, ""),
        }

    def obey(self, line: str) -> str:
        """Carry out one line and return what to show; faults are shown, not raised."""
        word, *arguments = line.split() or [""]
        found = self._words.get(word)
        if found is None:
            return self.help()
        try:
            return found[0](*arguments)
        except TypeError:
            return f"{word} {found[1]}"
        except (DriverError, ValueError) as error:
            return str(error)

    def help(self) -> str:
        """Every command with its arguments."""
        return "\n".join(f"{word} {usage}".rstrip() for word, (_, usage) in self._words.items())

    def _port(self, channel: str) -> SimulatedPort:
        port = self._ports.get(int(channel)) if channel.isdecimal() else None
        if port is None:
            raise ValueError(pick(f"no channel {channel}", f"没有通道 {channel}"))
        return port

    def _trunk(self, channel: str) -> SimulatedTrunk:
        port = self._port(channel)
        if not isinstance(port, SimulatedTrunk):
            raise ValueError(pick(f"{channel} is a telephone", f"{channel} 是电话机"))
        return port

    def _telephone(self, channel: str) -> SimulatedTelephone:
        port = self._port(channel)
        if not isinstance(port, SimulatedTelephone):
            raise ValueError(pick(f"{channel} is a trunk", f"{channel} 是中继线"))
        return port

    def _call(self, channel: str, ani: str = "", forwarded_from: str = "", reason: str = "") -> str:
        trunk = self._trunk(channel)
        kind = KINDS.get(reason or ("cfu" if forwarded_from else "direct"))
        if kind is None:
            raise ValueError(" ".join(KINDS))
        terminal = self._terminals.get(trunk.channel)
        trunk.ring()
        if self._switch is not None and terminal is not None:
            desk, number = int(terminal.desk), int(terminal.terminal)
            self._switch.call(desk, number, kind, forwarded_from=forwarded_from, ani=ani)
        return pick(f"channel {channel} rings", f"通道 {channel} 正在振铃")

    def _hang_up(self, channel: str) -> str:
        port = self._port(channel)
        if isinstance(port, SimulatedTrunk | SimulatedTelephone):
            port.hang_up()
        return pick(f"channel {channel} hung up", f"通道 {channel} 已挂断")

    def _busy(self, channel: str) -> str:
        self._trunk(channel).play("busy")
        return pick(f"channel {channel} hears busy tone", f"通道 {channel} 听到忙音")

    def _lift(self, channel: str) -> str:
        self._telephone(channel).lift()
        return pick(f"telephone {channel} lifted", f"电话机 {channel} 已摘机")

    def _flash(self, channel: str) -> str:
        self._telephone(channel).flash()
        return pick(f"telephone {channel} flashed", f"电话机 {channel} 已拍叉")

    def _alarm(self, channel: str, state: str) -> str:
        self._port(channel).alarm(on=state == "on")
        return pick(f"channel {channel}: alarm {state}", f"通道 {channel}：告警 {state}")

    def _list(self) -> str:
        return "\n".join(_describe(port) for port in self._ports.values())

    def _lamps(self) -> str:
        lamps = self._switch.lamps if self._switch is not None else {}
        shown = (f"{station} {pick('on', '亮') if on else pick('off', '灭')}"
                 for station, on in sorted(lamps.items()))  # fmt: skip
        return "\n".join(shown) or pick("no lamp was set", "没有设置过留言灯")


def sections(site: SiteDirectory, kind: str, name: str) -> list[DriverSection]:
    """The site's drivers of a kind, or the one that is named."""
    return [
        section
        for section in site.config.drivers
        if section.kind == kind and name in ("", section.name)
    ]


def simulated_boards(site: SiteDirectory, name: str = "") -> dict[str, SimulatedBoard]:
    """A board for each voice board of the site that says ``simulated = true``."""
    made: dict[str, SimulatedBoard] = {}
    for section in sections(site, "voiceboard", name):
        options: VoiceBoardOptions = section.options
        if options.simulated:
            made[section.name] = SimulatedBoard(site.run_dir / options.socket, _ports(options))
    return made


def terminals(site: SiteDirectory) -> dict[int, TerminalKey]:
    """Each board channel's name on the serial link."""
    found = {}
    for section in sections(site, "voiceboard", ""):
        for channel in section.options.channels:
            if channel.terminal:
                found[channel.channel] = TerminalKey.from_text(channel.terminal)
    return found


def simulated_switch(site: SiteDirectory, name: str = "") -> SimulatedSwitch:
    """The exchange's end of the site's serial link; CommandError when there is none."""
    for section in sections(site, "ctilink", name):
        options: CtiLinkOptions = section.options
        return SimulatedSwitch(link=Path(options.device), lamp_changed=_show_lamp)
    raise CommandError(
        pick("the site has no serial link", "站点没有串行链路"),
        todo=pick("add a driver of kind ctilink", "请添加 ctilink 类型的驱动"),
        exit_code=WRONG_USAGE,
    )


async def serve(boards: Mapping[str, SimulatedBoard], console: Switchboard) -> None:
    """Run the boards and obey standard input until SIGINT, SIGTERM or ``quit``."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    for name, board in boards.items():
        await board.start()
        sys.stdout.write(f"{name}: {board.path}\n")
    sys.stdout.write(console.help() + "\nquit\n")
    sys.stdout.flush()
    reader = asyncio.create_task(_obey(console, stop), name="switchboard")
    try:
        await stop.wait()
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        for board in boards.values():
            await board.stop()


async def _obey(console: Switchboard, stop: asyncio.Event) -> None:
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    try:
        # A duplicate, because closing the pipe would close the terminal's own descriptor.
        pipe = os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), pipe)
    except (OSError, ValueError):
        return
    while line := await lines.readline():
        text = line.decode("utf-8", "replace").strip()
        if text == "quit":
            stop.set()
            return
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.write(console.obey(text) + "\n")
            sys.stdout.flush()


def _ports(options: VoiceBoardOptions) -> list[SimulatedPort]:
    tones = {
        tone: (found.hertz, tuple(ms / 1000 for ms in found.cadence_ms))
        for tone in ("dial", "ringback", "busy", "congestion")
        for found in (getattr(TONES[options.country], tone),)
    }
    return [
        SimulatedTelephone(item.channel, law=options.law)
        if item.kind == "fxs"
        else SimulatedTrunk(
            item.channel, law=options.law, tones=tones, plan=lambda _number: "answer"
        )
        for item in options.channels
    ]


def _describe(port: SimulatedPort) -> str:
    kind = pick("telephone", "电话机") if isinstance(port, SimulatedTelephone) else "trunk"
    ringing = isinstance(port, SimulatedTrunk | SimulatedTelephone) and port.ringing
    state = pick("ringing", "振铃") if ringing else pick("off-hook", "摘机")
    if not ringing and not port.board_off_hook:
        state = pick("idle", "空闲") if port.attached else pick("not opened", "未打开")
    return f"{port.channel} {kind} {state}"


def _show_lamp(station: str, on: bool) -> None:  # noqa: FBT001 - the simulator's callback
    sys.stdout.write(f"{station} {pick('on', '亮') if on else pick('off', '灭')}\n")
    sys.stdout.flush()
