"""Control's end of the link: what nobody waits for, because media has promised it."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from daemon.link import commands as ask
from daemon.link import messages as told
from daemon.link.asking.stock import Stock, is_plain, is_promised
from daemon.link.channel import Channel, unexpected
from daemon.link.errors import LinkClosed, LinkError
from daemon.link.messages import Reply
from daemon.link.playing import Playing
from daemon.logs import get_logger
from drivers.api import PortId, RtpAddress, RtpFormat, RtpStream
from drivers.errors import DriverError

SILENCE_S: Final = 0.1  # that media may leave a command unanswered and still be trusted

log = get_logger(__name__)

Kind = TypeVar("Kind", bound=Reply)
Refused = Callable[[DriverError], None]


class Granting(Playing):
    """The part of a link that opens and connects ports without waiting for media."""

    def __init__(self, channel: Channel, ids: Callable[[], int]) -> None:
        self._channel = channel
        self._ids = ids

    def open_granted(
        self, to: RtpStream | None, refused: Refused
    ) -> tuple[PortId, RtpAddress] | None:
        """Open an RTP port that media has granted, with its stream when that is known.

        None without a grant, and for a stream that might be refused: ``open_rtp`` tells then.
        ``refused`` hears of a port that does not come about, because media has ended meanwhile.
        """
        stock = self._channel.stock
        if stock.wanted:
            self._ask_for_more(stock)
        address = stock.take() if self._is_trusted() and is_promised(to) else None
        if address is None:
            return None
        port = PortId(self._ids())
        stream = None if to is None else stream_of(port, to.remote, to.fmt)
        command = ask.OpenRtp(port=port, rtp_port=address.port, stream=stream, granted=True)
        self._channel.tell(command, partial(self._soon, refused))
        return port, address

    def connect_unwaited(self, port: PortId, to: RtpStream, refused: Refused) -> bool:
        """Start (or change) a stream that cannot be refused while its port is open.

        False, and nothing is done, for another one: ``connect_rtp`` tells then.
        """
        if not (self._is_trusted() and is_plain(to)):
            return False
        command = stream_of(port, to.remote, to.fmt)
        self._channel.tell(command, partial(self._soon, refused), hurried=False)
        return True

    def close_unwaited(self, port: PortId, refused: Refused) -> None:
        """``close`` that nobody waits for."""
        self._channel.tell(ask.ClosePort(port=port), partial(self._soon, refused))

    def send_now(self) -> None:
        """Send what was asked so far before anything else leaves this process."""
        self._channel.send_now()

    @staticmethod
    def _soon(refused: Refused, error: DriverError) -> None:
        """Tell of it in a turn of its own: who hears it may ask for more.

        A link that we close ourselves refuses nothing: media goes on with what it was asked.
        """
        if not isinstance(error, LinkClosed):
            asyncio.get_running_loop().call_soon(refused, error)

    def _is_trusted(self) -> bool:
        """Whether media is there and answers in time, so that its promises count."""
        return self._channel.silence_s < SILENCE_S

    def _ask_for_more(self, stock: Stock) -> None:
        if not self._channel.connected:
            return
        command = ask.GrantPorts(count=stock.wanted)
        stock.asked = True

        def came(reply: Reply, _descriptors: list[int]) -> None:
            """At once: what media withdraws comes behind it, perhaps in the same packet."""
            stock.came(expect(reply, told.PortsGranted))

        def asked(done: "asyncio.Future[None]") -> None:
            try:
                done.result()
            except LinkError as error:
                stock.asked = False
                log.info("media grants no ports", why=str(error))

        self._channel.ask(command, came).add_done_callback(asked)


def stream_of(port: PortId, remote: RtpAddress, fmt: RtpFormat) -> ask.ConnectRtp:
    """The command that starts a stream."""
    key_type = fmt.dtmf_payload_type
    return ask.ConnectRtp(
        port=port,
        host=remote.host,
        rtp_port=remote.port,
        payload_type=fmt.payload_type,
        codec=fmt.codec,
        dtmf_payload_type=ask.NO_PAYLOAD_TYPE if key_type is None else key_type,
        ptime_ms=fmt.ptime_ms,
        send=fmt.send,
        receive=fmt.receive,
        rtcp_mux=fmt.rtcp_mux,
        srtp_suite=fmt.srtp.suite if fmt.srtp else "",
        srtp_inward=fmt.srtp.inward if fmt.srtp else b"",
        srtp_outward=fmt.srtp.outward if fmt.srtp else b"",
        transcode=fmt.transcode,
    )


def expect(reply: Reply, kind: type[Kind]) -> Kind:
    """The reply, MessageError when it is of another kind."""
    if not isinstance(reply, kind):
        raise unexpected(reply, kind)
    return reply
