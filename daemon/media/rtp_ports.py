"""Audio ports of RTP: which UDP port is theirs, and how control's words set their streams."""

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from cython_ext.media import EngineError
from daemon.link import commands as ask
from daemon.link import messages as told
from daemon.link.errors import MediaRefused
from daemon.logs import get_logger
from daemon.media.options import MediaOptions

if TYPE_CHECKING:  # in pure mode there is no engine
    from cython_ext.media import Engine, Srtp

FULL_LOAD: Final = 0.7  # of a tick; above it new ports are refused, not served late
MOST_GRANTED: Final = 32
LAWS: Final = {"PCMA": "A", "PCMU": "U", "G722": "G722", "L16": "L16", "OPUS": "OPUS"}

log = get_logger(__name__)


class RtpRange:
    """Gives even ports of a range in turn, so that a port rests after a call."""

    def __init__(self, first: int, last: int) -> None:
        self.is_any = not first
        self._ports = range(first, last + 1, 2) if first else range(1)
        self._next = 0

    @classmethod
    def only(cls, port: int) -> "RtpRange":
        """A range of one port."""
        return cls(port, port)

    def bind(self, bind: Callable[[int], int]) -> int:
        """Try ports until one can be bound; MediaRefused ``no-port`` when none can."""
        for _ in range(len(self._ports)):
            port = self._ports[self._next]
            self._next = (self._next + 1) % len(self._ports)
            try:
                return bind(port)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise MediaRefused("no-port", str(error)) from error
        raise MediaRefused("no-port", "every port that may be used for RTP is taken")


class RtpPorts:
    """Opens RTP ports and sets their streams."""

    def __init__(self, engine: "Engine", options: MediaOptions) -> None:
        self._engine = engine
        self._host = options.rtp_address
        self._told_host = options.rtp_advertise or options.rtp_address
        self._range = RtpRange(options.rtp_port_min, options.rtp_port_max)
        self._most_granted = min(MOST_GRANTED, options.resting_ports // 2)
        self.shed = 0
        """Ports that were refused because there was no time for them."""

    def open(self, command: ask.OpenRtp) -> told.RtpOpened:
        """Open a port, with its stream when that is known; what fails leaves nothing open."""
        stream, engine = command.stream, self._engine
        if stream is not None and stream.port != command.port:
            raise MediaRefused(
                "bad-command", f"port {command.port} with port {stream.port}'s stream"
            )
        granted = command.rtp_port if command.granted else 0
        if not granted and engine.load > FULL_LOAD:
            self.shed += 1
            raise MediaRefused("overload", "the media engine has no time for another port")
        if stream is not None and command.rtp_port == granted and not stream.srtp_suite:
            how = _stream_of(stream)
            bound = engine.open_stream(
                command.port, self._host, stream.host, stream.rtp_port, granted=granted, **how
            )
            if bound:
                return told.RtpOpened(host=self._told_host, rtp_port=bound)
        bound = self._bound(command)
        if stream is not None:
            try:
                self.connect(stream)
            except (EngineError, MediaRefused, OSError):
                engine.close(command.port)
                raise
        return told.RtpOpened(host=self._told_host, rtp_port=bound)

    def grant(self, count: int) -> told.PortsGranted:
        """Keep ports for legs to come, fewer than ``count`` when there are fewer."""
        engine, granted = self._engine, list[int]()
        room = min(count, self._most_granted - len(engine.granted_rtp()))
        for _ in range(2 * room):  # the port beside one may be taken, for its reports
            if len(granted) == room or engine.load > FULL_LOAD:
                break
            try:
                granted.append(self._granted())
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    log.warning("no more ports can be granted", why=str(error))
                    break
            except (EngineError, MediaRefused) as error:  # who asks for one later is told
                log.info("fewer ports granted than asked for", why=str(error))
                break
        return told.PortsGranted(host=self._told_host, ports=tuple(granted))

    def _granted(self) -> int:
        engine, host = self._engine, self._host
        rested = engine.rested_rtp(host)
        if rested or self._range.is_any:
            return engine.grant_rtp(host, rested)
        return self._range.bind(lambda port: engine.grant_rtp(host, port))

    def withdraw(self) -> tuple[int, ...]:
        """Take back grants of ports to which somebody sends, or all when there is no time.

        Who was told one of them before has it: its sockets rest, and are had by their number.
        """
        engine, full = self._engine, self._engine.load > FULL_LOAD
        back = [at for at in engine.granted_rtp() if full or not engine.granted_quiet(*at)]
        for at in back:
            engine.give_back_rtp(*at)
        return tuple(port for _, port in back)

    def end_grants(self) -> None:
        """Control is away: nobody opens what was granted."""
        for at in self._engine.granted_rtp():
            self._engine.give_back_rtp(*at)

    def _bound(self, command: ask.OpenRtp) -> int:
        engine, host = self._engine, self._host
        rested = 0 if command.rtp_port else engine.rested_rtp(host)
        if rested:
            return engine.open_rtp(command.port, host, rested)
        ports = RtpRange.only(command.rtp_port) if command.rtp_port else self._range
        return ports.bind(lambda port: engine.open_rtp(command.port, host, port))

    def connect(self, command: ask.ConnectRtp) -> None:
        """Start or change a stream."""
        self._engine.connect_rtp(
            command.port,
            command.host,
            command.rtp_port,
            srtp=_keys_of(command),
            transcode=command.transcode,
            **_stream_of(command),
        )


def _stream_of(command: ask.ConnectRtp) -> dict[str, Any]:
    """What ``connect_rtp`` and ``open_stream`` of an engine are told alike."""
    law = LAWS.get(command.codec) or LAWS.get(command.codec.upper())
    if law is None:
        raise MediaRefused("codec", f"there is no codec {command.codec!r}")
    keys = command.dtmf_payload_type
    return {
        "payload_type": command.payload_type,
        "law": law,
        "dtmf_payload_type": -1 if keys == ask.NO_PAYLOAD_TYPE else keys,
        "ptime_ms": command.ptime_ms,
        "send": command.send,
        "receive": command.receive,
        "rtcp_mux": command.rtcp_mux,
    }


def _keys_of(command: ask.ConnectRtp) -> "Srtp | None":
    if not command.srtp_suite:
        return None
    from cython_ext.media import Srtp

    return Srtp(command.srtp_suite, command.srtp_inward, command.srtp_outward)
