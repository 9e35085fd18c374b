"""What media was told to hold, so that another media process can be told the same.

No I/O: commands that were carried out go in, those that bring everything back come out.
Recordings and taps are not among it: their files and descriptors are of the old process.
"""

from collections.abc import Iterator

import msgspec

from daemon.link import commands as ask
from daemon.link import messages as told
from daemon.link.messages import Command, MediaEvent, Reply
from drivers.api import PortId

_Switch = ask.ArmBargeIn | ask.WatchFax | ask.HearCaller | ask.Attend


class _Held:
    """One port."""

    __slots__ = ("connect", "dtls", "member", "open", "plays", "switches")

    def __init__(self) -> None:
        self.open: ask.OpenRtp | None = None
        """None: nobody said where it is, so it cannot be opened again."""
        self.dtls: ask.OpenDtls | None = None
        self.connect: ask.ConnectRtp | None = None
        self.member: ask.Join | None = None
        self.plays: ask.Play | ask.PlayTone | None = None
        self.switches: dict[type[Command], _Switch] = {}


class Scene:
    """The ports, streams, bridges, players and detectors of media, as control asked for them."""

    def __init__(self) -> None:
        self._ports: dict[PortId, _Held] = {}
        self._players: dict[int, PortId] = {}
        self._members: dict[int, set[PortId]] = {}
        """By bridge."""
        self._gains: dict[tuple[int, PortId, PortId], ask.SetGain] = {}
        self._while_away: ask.SayWhileAway | None = None

    @property
    def rtp_ports(self) -> frozenset[PortId]:
        """Ports that can be opened again."""
        return frozenset(port for port, held in self._ports.items() if held.open is not None)

    def holds(self, port: PortId) -> bool:
        """Whether a port is open, as far as anybody asked."""
        held = self._ports.get(port)
        return held is not None and held.open is not None

    def note(self, command: Command, reply: Reply) -> None:
        """A command was carried out."""
        match command:
            case ask.OpenRtp(port=port) if isinstance(reply, told.RtpOpened):
                self._held(port).open = ask.OpenRtp(port=port, rtp_port=reply.rtp_port)
            case ask.OpenDtls(port=port) if isinstance(reply, told.DtlsOpened):
                self._held(port).dtls = msgspec.structs.replace(
                    command, ufrag=reply.ufrag, password=reply.password
                )
            case ask.ConnectRtp(port=port):
                self._held(port).connect = command
            case ask.SayWhileAway():
                self._while_away = command
            case ask.ClosePort(port=port):
                self._close(port)
            case ask.Play(port=port, player=player) | ask.PlayTone(port=port, player=player):
                self._silence(port)
                self._held(port).plays = command
                self._players[player] = port
            case ask.StopPlay(player=player):
                self._ended(player)
            case ask.SetSpeed(player=player, speed=speed):
                self._steered(player, speed=speed)
            case ask.SetRepeat(player=player, repeat=repeat):
                self._steered(player, repeat=repeat)
            case ask.SeekPlay(player=player, ms=ms, relative=False):
                self._steered(player, start_ms=max(ms, 0))
            case ask.Bridge(bridge=bridge, a=a, b=b):
                for port in (a, b):
                    self._join(ask.Join(bridge=bridge, port=port))
            case ask.Join():
                self._join(command)
            case ask.Leave(port=port):
                self._leave(port)
            case ask.SetGain(bridge=bridge, heard=heard, by=by):
                if {heard, by} <= self._members.get(bridge, set()):
                    self._gains[bridge, heard, by] = command
            case ask.Unbridge(bridge=bridge):
                for port in tuple(self._members.get(bridge, ())):
                    self._leave(port)
            case ask.ArmBargeIn(port=port) | ask.WatchFax(port=port) | ask.HearCaller(port=port):
                self._held(port).switches.pop(type(command), None)
                if command.on:
                    self._held(port).switches[type(command)] = command
            case ask.Attend(port=port):
                self._held(port).switches[ask.Attend] = command
            case _:
                pass

    def _steered(self, player: int, **changed: float) -> None:
        held = self._ports.get(self._players.get(player, PortId(0)))
        if held is not None and isinstance(held.plays, ask.Play):
            held.plays = msgspec.structs.replace(held.plays, **changed)

    def happened(self, event: MediaEvent) -> None:
        """Media reported something by which it holds less."""
        match event:
            case told.PlayFinished(player=player):
                self._ended(player)
            case told.PortClosed(port=port):
                self._close(port)
            case told.SpeechStarted(port=port) if port in self._ports:
                self._ports[port].switches.pop(ask.ArmBargeIn, None)
            case told.FaxTone(port=port) if port in self._ports:
                self._ports[port].switches.pop(ask.WatchFax, None)
            case _:
                pass

    def recall(self, snapshot: told.Snapshot) -> None:
        """Know what media holds since before this process; what is known already counts."""
        for state in snapshot.ports:
            held = self._held(state.port)
            if state.kind == "rtp" and held.open is None:
                held.open = ask.OpenRtp(port=state.port, rtp_port=state.rtp_port)
        for bridge in snapshot.bridges:
            for port in bridge.ports:
                if self._held(port).member is None:
                    self._join(ask.Join(bridge=bridge.bridge, port=port))

    def openings(self) -> Iterator[Command]:
        """Bring the ports back, first of all."""
        for held in self._ports.values():
            if held.open is not None:
                yield held.open

    def settings(self) -> Iterator[Command]:
        """Bring back what the ports do, when those are open that can be.

        DTLS begins anew: its keys went with the process, and the peer must be told.
        """
        ports = self._ports.values()
        if self._while_away is not None:
            yield self._while_away
        for held in ports:
            if held.dtls is not None:
                yield held.dtls
            if held.connect is not None:
                yield held.connect
        members = [held.member for held in ports if held.member is not None]
        # Whoever is whispered to must be there first.
        yield from sorted(members, key=lambda join: join.part == "whispers")
        yield from self._gains.values()
        for held in ports:
            if held.plays is not None:
                yield held.plays
            yield from held.switches.values()

    def _held(self, port: PortId) -> _Held:
        return self._ports.setdefault(port, _Held())

    def _join(self, command: ask.Join) -> None:
        held = self._held(command.port)
        if held.member is not None and held.member.bridge != command.bridge:
            self._leave(command.port)
        held.member = command
        self._members.setdefault(command.bridge, set()).add(command.port)

    def _leave(self, port: PortId) -> None:
        held = self._ports.get(port)
        if held is None or held.member is None:
            return
        bridge, held.member = held.member.bridge, None
        members = self._members[bridge]
        members.discard(port)
        if not members:
            del self._members[bridge]
        if self._gains:
            self._gains = {key: gain for key, gain in self._gains.items() if port not in key[1:]}

    def _close(self, port: PortId) -> None:
        self._leave(port)
        self._silence(port)
        self._ports.pop(port, None)

    def _silence(self, port: PortId) -> None:
        held = self._ports.get(port)
        if held is not None and held.plays is not None:
            self._players.pop(held.plays.player, None)
            held.plays = None

    def _ended(self, player: int) -> None:
        port = self._players.get(player)
        if port is not None:
            self._silence(port)
