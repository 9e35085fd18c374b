"""One fax as a process of its own: ``python -m daemon.fax.worker``.

Audio comes and goes over a stream socket in chunks of 20 ms; the engine at its other end is
the clock. A fax by T.38 has a UDP socket instead, and its own clock; a gateway has both. Events
are lines on standard output. The stream socket's end is the end of the call.
"""

import argparse
import resource
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from daemon.fax.audio_line import CHUNK, AudioLine
from daemon.fax.documents import DocumentError, tiff_to_pdf
from daemon.fax.messages import (
    BAD_FILE,
    DROPPED,
    OK,
    FaxEnded,
    FaxProgress,
    WorkerReady,
    encode_line,
)
from daemon.fax.t38.packet_line import PacketLine, run_gateway, run_packets
from daemon.fax.t38.recovery import REDUNDANCY
from daemon.fax.t38.terminal import Gateway, T38Terminal
from daemon.fax.t38.udptl import MOST_DATAGRAM
from daemon.fax.terminal import T30, Terminal

AHEAD_CHUNKS: Final = 10  # written before the first is read: a moment without a processor costs
#                          200 ms of delay, which T.30 does not mind, and no lost samples
MEMORY: Final = 1 << 30  # bytes of address space: what is sent to us must not take the machine's
WRITTEN: Final = 256 << 20  # bytes of one file; an hour of 14,400 bit/s is 6 MB
LINGER_CHUNKS: Final = 25  # chunks after the end, so that the last tones are heard


def run(audio: socket.socket, terminal: Terminal) -> None:
    """Exchange audio until the fax or the call ends."""
    line = AudioLine(audio)
    left = LINGER_CHUNKS if line.say(bytes(CHUNK * AHEAD_CHUNKS)) else 0
    while left and (chunk := line.hear()):
        said = terminal.exchange(chunk)
        left -= terminal.code is not None
        if not line.say(said):
            break


def end(
    events: BinaryIO, terminal: T30, given: argparse.Namespace, line: PacketLine | None = None
) -> None:
    """Complete the files of a fax that is over, and tell its end."""
    terminal.hang_up()
    figures = terminal.figures()
    ended = FaxEnded(
        fax=given.fax,
        code=BAD_FILE if terminal.code is None else terminal.code,
        detail=terminal.detail(),
        pages=figures.sent if given.send else figures.received,
        rate=figures.rate,
        ecm=figures.ecm,
        station=terminal.other_station(),
        t38=line is not None,
        packets={} if line is None else dict(line.receiver.counts),
    )
    # The files are complete when the end is told.
    terminal.close()
    if not given.send and ended.pages:
        ended = _with_pdf(ended, given.file)
    _write(events, encode_line(ended))


def _with_pdf(ended: FaxEnded, tiff: Path) -> FaxEnded:
    """Write the PDF beside the TIFF; without it the fax is there all the same."""
    try:
        tiff_to_pdf(tiff, tiff.with_suffix(".pdf"))
    except (DocumentError, OSError, MemoryError) as error:
        return msgspec.structs.replace(ended, detail=f"{ended.detail}; no PDF: {error}")
    return ended


def main(arguments: list[str] | None = None, *, clock: Callable[[], float] = time.monotonic) -> int:
    """Run the worker as the media process started it; the clock is that of T.38 alone."""
    given = _arguments().parse_args(arguments)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (WRITTEN, WRITTEN))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    events = sys.stdout.buffer
    with socket.socket(fileno=given.audio) as audio:
        if given.gateway:
            _pass_on(audio, events, given)
        elif given.t38 >= 0:
            _by_packets(audio, events, given, clock)
        else:
            _by_audio(audio, events, given)
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="daemon.fax.worker")
    parser.add_argument(
        "--audio", type=int, required=True, help="descriptor of the audio; its end ends the fax"
    )
    parser.add_argument("--fax", type=int, required=True)
    parser.add_argument("--send", action="store_true")
    parser.add_argument("--gateway", action="store_true")
    parser.add_argument("--file", type=Path)
    parser.add_argument("--station", default="")
    parser.add_argument("--header", default="")
    parser.add_argument("--no-ecm", action="store_true")
    parser.add_argument("--t38", type=int, default=-1, help="descriptor of a UDP socket")
    parser.add_argument("--host", default="", help="where datagrams are sent")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--redundancy", type=int, default=REDUNDANCY)
    parser.add_argument("--parity", action="store_true", help="parity instead of redundancy")
    parser.add_argument("--most", type=int, default=MOST_DATAGRAM, help="octets of a datagram")
    return parser


def _by_audio(audio: socket.socket, events: BinaryIO, given: argparse.Namespace) -> None:
    terminal = Terminal(
        given.file,
        send=given.send,
        station=given.station,
        header=given.header,
        ecm=not given.no_ecm,
        progress=lambda terminal: _tell(events, terminal, given, t38=False),
    )
    with terminal:
        _write(events, encode_line(WorkerReady()))
        run(audio, terminal)
        end(events, terminal, given)


def _by_packets(
    leash: socket.socket,
    events: BinaryIO,
    given: argparse.Namespace,
    clock: Callable[[], float],
) -> None:
    with socket.socket(fileno=given.t38) as datagrams:
        line = _line(datagrams, given)
        terminal = T38Terminal(
            given.file,
            send=given.send,
            transmit=line.transmit,
            station=given.station,
            header=given.header,
            ecm=not given.no_ecm,
            progress=lambda terminal: _tell(events, terminal, given, t38=True),
        )
        with terminal:
            _write(events, encode_line(WorkerReady()))
            run_packets(line, leash, terminal, clock)
            end(events, terminal, given, line)


def _pass_on(audio: socket.socket, events: BinaryIO, given: argparse.Namespace) -> None:
    with socket.socket(fileno=given.t38) as datagrams:
        line = _line(datagrams, given)
        with Gateway(transmit=line.transmit, ecm=not given.no_ecm) as gateway:

            def page(pages: int) -> None:
                told = FaxProgress(fax=given.fax, pages=pages, rate=gateway.rate(), t38=True)
                _write(events, encode_line(told))

            _write(events, encode_line(WorkerReady()))
            heard = AudioLine(audio)
            heard.say(bytes(CHUNK * AHEAD_CHUNKS))
            run_gateway(line, heard, gateway, page)
            pages = gateway.pages()
            over = FaxEnded(
                fax=given.fax,
                code=OK if pages else DROPPED,
                pages=pages,
                rate=gateway.rate(),
                t38=True,
                packets=dict(line.receiver.counts),
                numbered=line.next_number,
            )
            _write(events, encode_line(over))


def _line(datagrams: socket.socket, given: argparse.Namespace) -> PacketLine:
    remote = given.host, given.port
    return PacketLine(
        datagrams,
        remote,
        redundancy=given.redundancy,
        parity=given.parity,
        most=given.most,
    )


def _tell(events: BinaryIO, terminal: T30, given: argparse.Namespace, *, t38: bool) -> None:
    figures = terminal.figures()
    told = FaxProgress(
        fax=given.fax,
        pages=figures.sent if given.send else figures.received,
        rate=figures.rate,
        ecm=figures.ecm,
        station=terminal.other_station(),
        t38=t38,
    )
    _write(events, encode_line(told))


def _write(events: BinaryIO, line: bytes) -> None:
    events.write(line)
    events.flush()


if __name__ == "__main__":
    raise SystemExit(main())
