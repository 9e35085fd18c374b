"""Makes a file sendable, as a process with limits: ``python -m daemon.fax.convert IN OUT``.

Files come from people and are not to be trusted: the process, and ghostscript below it, may
use so much memory, processor time and disk and no more. What is wrong is said on the standard
error; the number of pages on the standard output.
"""

import argparse
import resource
import subprocess
import sys
from pathlib import Path
from typing import Final

from daemon.fax.documents import (
    CONVERT_S,
    DocumentError,
    count_pages,
    pdf_to_tiff,
    tiff_to_fax,
    tiff_to_pdf,
)

MEMORY: Final = 1 << 30  # bytes of address space; a page of 600 dpi needs some 100 MB
WRITTEN: Final = 256 << 20  # bytes of one file; 1000 dense pages in Group 4
SPARE_S: Final = 10.0  # s beyond ghostscript's own limit
PDF_MARK: Final = b"%PDF-"
TIFF_MARKS: Final = (b"II*\0", b"MM\0*")


def convert(source: Path, tiff: Path) -> int:
    """Make a TIFF-F and, beside it, a PDF of a file; how many pages; DocumentError.

    Runs in a process of its own and waits for it, so never on an event loop.
    """
    command = (sys.executable, "-P", "-m", "daemon.fax.convert", str(source), str(tiff))
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=CONVERT_S + SPARE_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DocumentError(f"it took longer than {CONVERT_S:.0f} s to convert") from error
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise DocumentError(lines[-1][:300] if lines else "the converter was ended by its limits")
    pages = count_pages(tiff)
    if not pages:
        raise DocumentError("it has no pages")
    return pages


def _convert(source: Path, tiff: Path) -> int:
    with source.open("rb") as file:
        start = file.read(1024)
    if PDF_MARK in start:
        pages = pdf_to_tiff(source, tiff)
    elif start.startswith(TIFF_MARKS):
        pages = tiff_to_fax(source, tiff)
    else:
        raise DocumentError("it is neither PDF nor TIFF")
    tiff_to_pdf(tiff, tiff.with_suffix(".pdf"))
    return pages


def main(arguments: list[str] | None = None) -> int:
    """Convert one file under limits; 1 when it cannot be made a fax."""
    parser = argparse.ArgumentParser(prog="daemon.fax.convert")
    parser.add_argument("source", type=Path)
    parser.add_argument("tiff", type=Path)
    given = parser.parse_args(arguments)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (WRITTEN, WRITTEN))
    seconds = round(CONVERT_S)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        sys.stdout.write(f"{_convert(given.source, given.tiff)}\n")
    except (DocumentError, OSError, MemoryError) as error:
        sys.stderr.write(f"{str(error) or 'it needs too much memory'}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
