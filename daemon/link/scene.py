"""What media was told to hold, so that another media process can be told the same.

No I/O: commands that were carried out go in, those that bring everything back come out.
Recordings and taps are not among it: their files and descriptors are of the old process.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from msgspec.structs import replace

from daemon.link import commands as ask
from daemon.link import messages as told
from daemon.link.messages import Command, MediaEvent, Reply
from drivers.api import PortId

MOST_FORMS: Final = 512  # formats of streams that calls share; further ones are kept by each
_Switch = ask.ArmBargeIn | ask.WatchFax | ask.HearCaller | ask.Attend


class _Held:
    """One port."""

    __slots__ = (
        "bridge",
        "dtls",
        "form",
        "part",
        "peer",
        "peer_port",
        "plays",
        "rtp_port",
        "switches",
    )

    def __init__(self) -> None:
        self.rtp_port = 0
        """0: nobody said where it is, so it cannot be opened again."""
        self.dtls: ask.OpenDtls | None = None
        self.form: ask.ConnectRtp | None = None
        """Its stream, but for where it comes from and leads to: many calls share one."""
        self.peer = ""
        self.peer_port = 0
        self.bridge = 0
        """0: it is in none."""
        self.part: ask.Join | None = None
        """What it is there, unless it simply talks."""
        self.plays: ask.Play | ask.PlayTone | None = None
        self.switches: dict[type[Command], _Switch] | None = None

    def connecting(self, port: PortId) -> ask.ConnectRtp | None:
        """What starts its stream; None when it has none."""
        if self.form is None:
            return None
        return replace(self.form, port=port, host=self.peer, rtp_port=self.peer_port)

    def joining(self, port: PortId) -> ask.Join:
        """What makes it the member of its bridge that it is."""
        return self.part or ask.Join(bridge=self.bridge, port=port)


class Scene:
    """The ports, streams, bridges, players and detectors of media, as control asked for them."""

    def __init__(self) -> None:
        self._ports: dict[PortId, _Held] = {}
        self._players: dict[int, PortId] = {}
        self._members: dict[int, tuple[PortId, ...]] = {}
        """By bridge."""
        self._gains: dict[tuple[int, PortId, PortId], ask.SetGain] = {}
        self._while_away: ask.SayWhileAway | None = None
        self._forms: dict[ask.ConnectRtp, ask.ConnectRtp] = {}

    @property
    def rtp_ports(self) -> frozenset[PortId]:
        """Ports that can be opened again."""
        return frozenset(port for port, held in self._ports.items() if held.rtp_port)

    def holds(self, port: PortId) -> bool:
        """Whether a port is open, as far as anybody asked."""
        held = self._ports.get(port)
        return held is not None and bool(held.rtp_port)

    def note(self, command: Command, reply: Reply) -> None:
        """A command was carried out."""
        note = _NOTES.get(type(command))
        if note is not None:
            note(self, command, reply)

    def happened(self, event: MediaEvent) -> None:
        """Media reported something by which it holds less."""
        match event:
            case told.PlayFinished(player=player):
                self._ended(player)
            case told.PortClosed(port=port):
                self._close(port)
            case told.SpeechStarted(port=port) if port in self._ports:
                self._switch(port, ask.ArmBargeIn, None)
            case told.FaxTone(port=port) if port in self._ports:
                self._switch(port, ask.WatchFax, None)
            case _:
                pass

    def players(self) -> dict[int, PortId]:
        """Players that are known to run, with their ports."""
        return dict(self._players)

    def missing(
        self, ports: frozenset[PortId], players: dict[int, PortId], snapshot: told.Snapshot
    ) -> Iterator[MediaEvent]:
        """What must have ended unheard: held before a snapshot was asked for, and not in it."""
        there = {state.player for state in snapshot.players}
        for player, port in players.items():
            if player in self._players and player not in there:
                yield told.PlayFinished(player=player, port=port, reason="unknown")
        open_ports = {state.port for state in snapshot.ports}
        for port in sorted(ports - open_ports):
            if self.holds(port):
                yield told.PortClosed(port=port, reason="unknown")

    def recall(self, snapshot: told.Snapshot) -> None:
        """Know what media holds since before this process; what is known already counts."""
        for state in snapshot.ports:
            held = self._held(state.port)
            if state.kind == "rtp" and not held.rtp_port:
                held.rtp_port = state.rtp_port
        for bridge in snapshot.bridges:
            for port in bridge.ports:
                if not self._held(port).bridge:
                    self._join(port, bridge.bridge)

    def openings(self) -> Iterator[Command]:
        """Bring the ports back, first of all."""
        for port, held in self._ports.items():
            if held.rtp_port:
                yield ask.OpenRtp(port=port, rtp_port=held.rtp_port)

    def settings(self) -> Iterator[Command]:
        """Bring back what the ports do, when those are open that can be.

        DTLS begins anew: its keys went with the process, and the peer must be told.
        """
        ports = self._ports.values()
        if self._while_away is not None:
            yield self._while_away
        for port, held in self._ports.items():
            if held.dtls is not None:
                yield held.dtls
            connecting = held.connecting(port)
            if connecting is not None:
                yield connecting
        members = [held.joining(port) for port, held in self._ports.items() if held.bridge]
        # Whoever is whispered to must be there first.
        yield from sorted(members, key=lambda join: join.part == "whispers")
        yield from self._gains.values()
        for held in ports:
            if held.plays is not None:
                yield held.plays
            yield from (held.switches or {}).values()

    def _opened(self, command: ask.OpenRtp, reply: Reply) -> None:
        bound = reply.rtp_port if isinstance(reply, told.RtpOpened) else command.rtp_port
        if bound:
            held = self._held(command.port)
            held.rtp_port = bound
            if command.stream is not None:
                self._stream(held, command.stream)

    def _secured(self, command: ask.OpenDtls, reply: Reply) -> None:
        if isinstance(reply, told.DtlsOpened):
            self._held(command.port).dtls = replace(
                command, ufrag=reply.ufrag, password=reply.password
            )

    def _connected(self, command: ask.ConnectRtp, _reply: Reply) -> None:
        self._stream(self._held(command.port), command)

    def _stream(self, held: _Held, command: ask.ConnectRtp) -> None:
        form = replace(command, port=PortId(0), host="", rtp_port=0)
        known = self._forms.get(form)
        if known is None and len(self._forms) < MOST_FORMS and not form.srtp_suite:
            self._forms[form] = form  # keys are of one call alone
        held.form, held.peer, held.peer_port = known or form, command.host, command.rtp_port

    def _closed(self, command: ask.ClosePort, _reply: Reply) -> None:
        self._close(command.port)

    def _played(self, command: ask.Play | ask.PlayTone, _reply: Reply) -> None:
        self._silence(command.port)
        self._held(command.port).plays = command
        self._players[command.player] = command.port

    def _stopped(self, command: ask.StopPlay, _reply: Reply) -> None:
        self._ended(command.player)

    def _hastened(self, command: ask.SetSpeed, _reply: Reply) -> None:
        self._steered(command.player, speed=command.speed)

    def _repeated(self, command: ask.SetRepeat, _reply: Reply) -> None:
        self._steered(command.player, repeat=command.repeat)

    def _sought(self, command: ask.SeekPlay, _reply: Reply) -> None:
        if not command.relative:
            self._steered(command.player, start_ms=max(command.ms, 0))

    def _steered(self, player: int, **changed: float) -> None:
        held = self._ports.get(self._players.get(player, PortId(0)))
        if held is not None and isinstance(held.plays, ask.Play):
            held.plays = replace(held.plays, **changed)

    def _bridged(self, command: ask.Bridge, _reply: Reply) -> None:
        for port in (command.a, command.b):
            self._join(port, command.bridge)

    def _joined(self, command: ask.Join, _reply: Reply) -> None:
        plain = command.part == "talks" and not command.agent
        self._join(command.port, command.bridge, None if plain else command)

    def _left(self, command: ask.Leave, _reply: Reply) -> None:
        self._leave(command.port)

    def _weighed(self, command: ask.SetGain, _reply: Reply) -> None:
        heard, by = command.heard, command.by
        members = self._members.get(command.bridge, ())
        if heard in members and by in members:
            self._gains[command.bridge, heard, by] = command

    def _unbridged(self, command: ask.Unbridge, _reply: Reply) -> None:
        for port in self._members.get(command.bridge, ()):
            self._leave(port)

    def _switched(
        self, command: ask.ArmBargeIn | ask.WatchFax | ask.HearCaller, _reply: Reply
    ) -> None:
        self._switch(command.port, type(command), command if command.on else None)

    def _switch(self, port: PortId, kind: type[Command], to: _Switch | None) -> None:
        """The detector of this kind is on as ``to`` says, or off; most ports never have one."""
        held = self._held(port)
        held.switches = {key: on for key, on in (held.switches or {}).items() if key != kind}
        if to is not None:
            held.switches[kind] = to
        held.switches = held.switches or None

    def _attended(self, command: ask.Attend, _reply: Reply) -> None:
        self._switch(command.port, ask.Attend, command)

    def _said(self, command: ask.SayWhileAway, _reply: Reply) -> None:
        self._while_away = command

    def _held(self, port: PortId) -> _Held:
        return self._ports.setdefault(port, _Held())

    def _join(self, port: PortId, bridge: int, part: ask.Join | None = None) -> None:
        held = self._held(port)
        if held.bridge and held.bridge != bridge:
            self._leave(port)
        held.bridge, held.part = bridge, part
        members = self._members.get(bridge, ())
        if port not in members:
            self._members[bridge] = (*members, port)

    def _leave(self, port: PortId) -> None:
        held = self._ports.get(port)
        if held is None or not held.bridge:
            return
        bridge, held.bridge, held.part = held.bridge, 0, None
        members = tuple(other for other in self._members[bridge] if other != port)
        if members:
            self._members[bridge] = members
        else:
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


_NOTES: Final[dict[type[Command], Callable[[Scene, Any, Reply], None]]] = {
    ask.OpenRtp: Scene._opened,
    ask.OpenDtls: Scene._secured,
    ask.ConnectRtp: Scene._connected,
    ask.ClosePort: Scene._closed,
    ask.Play: Scene._played,
    ask.PlayTone: Scene._played,
    ask.StopPlay: Scene._stopped,
    ask.SetSpeed: Scene._hastened,
    ask.SetRepeat: Scene._repeated,
    ask.SeekPlay: Scene._sought,
    ask.Bridge: Scene._bridged,
    ask.Join: Scene._joined,
    ask.Leave: Scene._left,
    ask.SetGain: Scene._weighed,
    ask.Unbridge: Scene._unbridged,
    ask.ArmBargeIn: Scene._switched,
    ask.WatchFax: Scene._switched,
    ask.HearCaller: Scene._switched,
    ask.Attend: Scene._attended,
    ask.SayWhileAway: Scene._said,
}
