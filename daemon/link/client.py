"""Control's end of the link: asks, waits across reconnects, hears every event once."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from sys import intern
from typing import Final, Self, TypeVar

import msgspec

from daemon.link import commands as ask
from daemon.link import messages as told
from daemon.link.asking.granting import Granting, expect, stream_of
from daemon.link.channel import Channel
from daemon.link.errors import MessageError
from daemon.link.messages import MediaEvent, Reply, Snapshot
from drivers.api import DtlsOffer, DtlsPeer, PortId, RtpAddress, RtpFormat, RtpStream

PATIENCE: Final = 5.0  # s, a command waits this long, reconnects included

Kind = TypeVar("Kind", bound=Reply)


class Tap(msgspec.Struct, frozen=True):
    """A ring of what a port hears; both descriptors belong to the receiver."""

    memfd: int
    eventfd: int
    capacity: int
    """Samples in the ring."""


class MediaLink(Granting):
    """Audio ports, players, recorders and bridges of the media process.

    A request is made when its method is called; awaiting what it returns tells its end.
    Requests of one turn of the loop travel together and are carried out in their order, so
    several may be made before the last is awaited. Each fails with MediaRefused when media
    says no, and with MediaAway when media does not answer within the patience, reconnects
    included.
    """

    def __init__(self, channel: Channel, ids: Callable[[], int]) -> None:
        self._channel = channel
        self._ids = ids

    @classmethod
    async def connect(
        cls,
        path: Path | str,
        ids: Callable[[], int],
        *,
        patience_s: float = PATIENCE,
        last_seen: tuple[int, int] = (0, 0),
    ) -> Self:
        """Connect to media's socket; MediaAway when it is not there within ``patience_s``.

        ``ids`` makes the ids of ports. ``last_seen`` is the ``last_seen`` of an earlier
        link: the events since then are delivered first.
        """
        channel = Channel(Path(path), patience_s=patience_s, last_seen=last_seen)
        await channel.open()
        return cls(channel, ids)

    async def disconnect(self) -> None:
        """Close the link; media keeps everything for its grace time."""
        await self._channel.close()

    @property
    def connected(self) -> bool:
        """Whether media is there at this moment."""
        return self._channel.connected

    @property
    def events_dropped(self) -> int:
        """Events that came faster than they were read; each time EventsLost stood for them."""
        return self._channel.events_dropped

    @property
    def last_seen(self) -> tuple[int, int]:
        """Media process and number of the event received last, for the journal."""
        return self._channel.last_seen

    def events(self) -> AsyncIterator[MediaEvent]:
        """Yield every event once and in order, until the link is closed; for one reader."""
        return self._channel.events()

    def open_rtp(self, to: RtpStream | None = None) -> Awaitable[tuple[PortId, RtpAddress]]:
        """Open an RTP port and return it with the address that peers must send to.

        With ``to`` its stream starts at once, as by ``connect_rtp``; both fail together.
        """
        port = PortId(self._ids())

        def read(reply: Reply, _descriptors: list[int]) -> tuple[PortId, RtpAddress]:
            opened = expect(reply, told.RtpOpened)
            return port, RtpAddress(intern(opened.host), opened.rtp_port)  # one for all calls

        stream = None if to is None else stream_of(port, to.remote, to.fmt)
        return self._channel.ask(ask.OpenRtp(port=port, stream=stream), read)

    async def reopen_rtp(self, port: PortId, address: RtpAddress) -> None:
        """Open a port again under its id and address, after media was started anew.

        MediaRefused ``no-port`` when the address is taken; the peer then needs a new offer.
        """
        await self._ask(ask.OpenRtp(port=port, rtp_port=address.port), told.RtpOpened)

    def connect_rtp(self, port: PortId, remote: RtpAddress, fmt: RtpFormat) -> Awaitable[None]:
        """Start (or change) the stream of a port towards a remote address."""
        return self._do(stream_of(port, remote, fmt))

    async def open_dtls(
        self, port: PortId, *, ice: bool = True, ufrag: str = "", password: str = ""
    ) -> DtlsOffer:
        """Take the keys of a port from DTLS, and find its peer by ICE; or restart its ICE.

        Asked between ``open_rtp`` and our description. IceSelected and DtlsChanged tell the rest.
        """
        command = ask.OpenDtls(port=port, ice=ice, ufrag=ufrag, password=password)
        reply = await self._ask(command, told.DtlsOpened)
        return DtlsOffer(reply.fingerprint, reply.ufrag, reply.password)

    def connect_dtls(self, port: PortId, peer: DtlsPeer) -> Awaitable[None]:
        """Tell a port what the peer's description says, so that the handshake may begin.

        The stream itself is set with ``connect_rtp``, before or after.
        """
        return self._do(
            ask.ConnectDtls(
                port=port,
                client=peer.client,
                fingerprints=peer.fingerprints,
                ufrag=peer.ufrag,
                host=peer.remote.host if peer.remote else "",
                rtp_port=peer.remote.port if peer.remote else 0,
            )
        )

    def close(self, port: PortId) -> Awaitable[None]:
        """Give a port back; its audio ends at once. Closing twice is harmless."""
        return self._do(ask.ClosePort(port=port))

    def send_digits(self, port: PortId, digits: str) -> Awaitable[None]:
        """Send keys as RFC 4733 events or tones, whichever the port negotiated."""
        return self._do(ask.SendDigits(port=port, digits=digits))

    def bridge(self, bridge: int, a: PortId, b: PortId) -> Awaitable[None]:
        """Join the audio of two ports; each leaves the bridge it was in."""
        return self._do(ask.Bridge(bridge=bridge, a=a, b=b))

    def unbridge(self, bridge: int) -> Awaitable[None]:
        """End a bridge; its ports stay. Ending it twice is harmless."""
        return self._do(ask.Unbridge(bridge=bridge))

    def join(
        self, bridge: int, port: PortId, *, part: str = "talks", agent: PortId | None = None
    ) -> Awaitable[None]:
        """Add a port to a bridge (made when new), at most 64 in one; or change its part.

        One who ``listens`` is heard by nobody, one who ``whispers`` by ``agent`` alone.
        """
        to = PortId(0) if agent is None else agent
        return self._do(ask.Join(bridge=bridge, port=port, part=part, agent=to))

    def leave(self, port: PortId) -> Awaitable[None]:
        """Take a port out of its bridge."""
        return self._do(ask.Leave(port=port))

    def set_gain(self, bridge: int, heard: PortId, by: PortId, gain_db: float) -> Awaitable[None]:
        """Set how loud ``by`` hears ``heard`` in a bridge; -90 dB or less is silence."""
        return self._do(ask.SetGain(bridge=bridge, heard=heard, by=by, gain_db=gain_db))

    def record(
        self,
        recording: int,
        port: PortId,
        path_relative: str,
        *,
        stereo: bool,
        max_s: float = 0.0,
        silence_s: float = 0.0,
        coding: str = "pcm16",
        chain: bool = False,
        tone_s: float = 0.0,
    ) -> Awaitable[None]:
        """Record a port into a new WAV file below the site; RecordFinished tells its end.

        Stereo is left what the port hears, right what it is sent; mono is what it hears.
        ``coding`` is pcm16, alaw or ulaw; ``chain`` keeps a SHA-256 link a second.
        All who hear the port, and its own end, hear a tone every ``tone_s``.
        """
        return self._do(
            ask.StartRecording(
                recording=recording,
                port=port,
                path=path_relative,
                stereo=stereo,
                max_s=max_s,
                silence_s=silence_s,
                coding=coding,
                chain=chain,
                tone_s=tone_s,
            )
        )

    def pause_record(self, recording: int, *, on: bool) -> Awaitable[None]:
        """Record silence instead of the call, or the call again."""
        return self._do(ask.PauseRecording(recording=recording, on=on))

    def stop_record(self, recording: int) -> Awaitable[None]:
        """Finish a recording; RecordFinished follows when it was running."""
        return self._do(ask.StopRecording(recording=recording))

    def tap(self, port: PortId, *, rate: int = 8000) -> Awaitable[Tap]:
        """Copy what a port hears into a ring for a recogniser, of 8000 or 16000 samples a second.

        Each rate has one ring a port. The one of 16000 holds the leg's own 16 kHz where it has
        them (G.722, Opus that is transcoded), of other legs the telephone band, to 3.4 kHz.
        ``rate`` 0 is 16000 for a leg that has them, else 8000, as the ring's header says.
        """
        return self._channel.ask(ask.OpenTap(port=port, rate=rate), _ring)

    def untap(self, port: PortId, *, rate: int = 8000) -> Awaitable[None]:
        """End a port's tap of this rate, 0 of both; its ring is marked closed."""
        return self._do(ask.CloseTap(port=port, rate=rate))

    def copy_packets(self, port: PortId) -> Awaitable[Tap]:
        """Copy what an RTP port sends and receives into a ring (cython_ext/media/copies.c)."""
        return self._channel.ask(ask.CopyPackets(port=port), _ring)

    def end_copies(self, port: PortId) -> Awaitable[None]:
        """Copy the packets of a port no longer; its ring is marked closed."""
        return self._do(ask.EndCopies(port=port))

    def watch_fax(self, port: PortId, *, on: bool) -> Awaitable[None]:
        """Report the first fax tone on a port by FaxTone, once; or stop watching for it."""
        return self._do(ask.WatchFax(port=port, on=on))

    def hear_caller(self, port: PortId, *, on: bool) -> Awaitable[None]:
        """Read caller identity sent by FSK, or stop doing so; CallerHeard tells of one."""
        return self._do(ask.HearCaller(port=port, on=on))

    def arm_barge_in(self, port: PortId, on: bool) -> Awaitable[None]:  # noqa: FBT001
        """Report the first speech on a port once (SpeechStarted), or stop listening."""
        return self._do(ask.ArmBargeIn(port=port, on=on))

    def attend(self, port: PortId, *, level: bool, speaker: bool = False) -> Awaitable[None]:
        """Level what a port says for the others in its bridge; tell when it speaks."""
        return self._do(ask.Attend(port=port, level=level, speaker=speaker))

    def claim(self, ports: Sequence[PortId]) -> Awaitable[None]:
        """Keep these ports of an earlier control process; any other command claims too."""
        return self._do(ask.Claim(ports=tuple(ports)))

    def say_while_away(self, files: Sequence[str]) -> Awaitable[None]:
        """Have these files said, once, to callers who would hear nothing while control is away."""
        return self._do(ask.SayWhileAway(files=tuple(files)))

    async def snapshot(self) -> Snapshot:
        """Tell what media holds now."""
        whole = await self._ask(ask.TakeSnapshot(), Snapshot)
        for page in range(1, whole.pages):
            part = await self._ask(ask.TakeSnapshot(page=page), Snapshot)
            whole = msgspec.structs.replace(
                whole,
                ports=whole.ports + part.ports,
                bridges=whole.bridges + part.bridges,
                players=whole.players + part.players,
                recordings=whole.recordings + part.recordings,
            )
        return whole

    async def counters(self, port: PortId | None = None) -> dict[str, float]:
        """Counts of a port, or of the engine: packets, losses, times per phase."""
        command = ask.ReadCounters() if port is None else ask.ReadCounters(port=port)
        return dict((await self._ask(command, told.Counters)).values)

    async def host(self, host: str, payload: bytes) -> bytes:
        """Ask a driver that runs in media."""
        command = ask.HostCommand(host=host, payload=payload)
        return (await self._ask(command, told.HostAnswer)).payload

    def _do(self, command: told.Command) -> Awaitable[None]:
        return self._channel.ask(command)

    def _ask(self, command: told.Command, kind: type[Kind]) -> Awaitable[Kind]:
        return self._channel.ask(command, lambda reply, _: expect(reply, kind))


def _ring(reply: Reply, descriptors: list[int]) -> Tap:
    opened = expect(reply, told.TapOpened)
    if len(descriptors) != 2:
        raise MessageError(f"media answered with {len(descriptors)} descriptors of a ring, not 2")
    return Tap(descriptors[0], descriptors[1], opened.capacity)
