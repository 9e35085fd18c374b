"""One fax as a process of its own: ``python -m daemon.fax.worker``.

Audio comes and goes over a stream socket in chunks of 20 ms; the engine at its other end is
the clock. Events are lines on standard output. The socket's end is the end of the call.
"""

import argparse
import socket
import sys
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from daemon.fax.documents import DocumentError, tiff_to_pdf
from daemon.fax.messages import BAD_FILE, FaxEnded, FaxProgress, WorkerReady, encode_line
from daemon.fax.terminal import Terminal

CHUNK: Final = 320  # octets: 20 ms of 16-bit samples
AHEAD_CHUNKS: Final = 10  # written before the first is read: a moment without a processor costs
#                          200 ms of delay, which T.30 does not mind, and no lost samples
LINGER_CHUNKS: Final = 25  # chunks after the end, so that the last tones are heard


def run(
    audio: socket.socket, events: BinaryIO, terminal: Terminal, file: Path, *, fax: int, send: bool
) -> int:
    """Exchange audio until the fax or the call ends; the fax's code."""
    _write(events, encode_line(WorkerReady()))
    left = LINGER_CHUNKS if _said(audio, bytes(CHUNK * AHEAD_CHUNKS)) else 0
    with audio.makefile("rb", buffering=CHUNK) as heard:
        while left and len(chunk := heard.read(CHUNK)) == CHUNK:
            said = terminal.exchange(chunk)
            left -= terminal.code is not None
            if not _said(audio, said):
                break
    terminal.hang_up()
    figures = terminal.figures()
    ended = FaxEnded(
        fax=fax,
        code=BAD_FILE if terminal.code is None else terminal.code,
        detail=terminal.detail(),
        pages=figures.sent if send else figures.received,
        rate=figures.rate,
        ecm=figures.ecm,
        station=terminal.other_station(),
    )
    # The files are complete when the end is told.
    terminal.close()
    if not send and ended.pages:
        ended = _with_pdf(ended, file)
    _write(events, encode_line(ended))
    return ended.code


def _said(audio: socket.socket, samples: bytes) -> bool:
    """Whether the other end is still there to hear this."""
    try:
        audio.sendall(samples)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def _with_pdf(ended: FaxEnded, tiff: Path) -> FaxEnded:
    """Write the PDF beside the TIFF; without it the fax is there all the same."""
    try:
        tiff_to_pdf(tiff, tiff.with_suffix(".pdf"))
    except (DocumentError, OSError) as error:
        return msgspec.structs.replace(ended, detail=f"{ended.detail}; no PDF: {error}")
    return ended


def main(arguments: list[str] | None = None) -> int:
    """Run the worker as the media process started it."""
    parser = argparse.ArgumentParser(prog="daemon.fax.worker")
    parser.add_argument("--audio", type=int, required=True, help="descriptor of the audio")
    parser.add_argument("--fax", type=int, required=True)
    parser.add_argument("--send", action="store_true")
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--station", default="")
    parser.add_argument("--header", default="")
    parser.add_argument("--no-ecm", action="store_true")
    given = parser.parse_args(arguments)
    events = sys.stdout.buffer

    def progress(terminal: Terminal) -> None:
        figures = terminal.figures()
        told = FaxProgress(
            fax=given.fax,
            pages=figures.sent if given.send else figures.received,
            rate=figures.rate,
            ecm=figures.ecm,
            station=terminal.other_station(),
        )
        _write(events, encode_line(told))

    terminal = Terminal(
        given.file,
        send=given.send,
        station=given.station,
        header=given.header,
        ecm=not given.no_ecm,
        progress=progress,
    )
    with terminal, socket.socket(fileno=given.audio) as audio:
        run(audio, events, terminal, given.file, fax=given.fax, send=given.send)
    return 0


def _write(events: BinaryIO, line: bytes) -> None:
    events.write(line)
    events.flush()


if __name__ == "__main__":
    raise SystemExit(main())
