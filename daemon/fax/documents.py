"""Faxes as files: TIFF class F as the terminal reads and writes it, PDF as people do."""

import struct
import subprocess
from itertools import islice
from pathlib import Path
from typing import Final

from PIL import Image, ImageSequence

MOST_PAGES: Final = 1000
PAGES_AT_ONCE: Final = 16  # in memory while a PDF is written
MOST_PIXELS: Final = 1 << 26  # a page; the longest that machines send is far below
CONVERT_S: Final = 120.0  # s that ghostscript may take
FINE: Final = "204x196"  # dots per inch, T.4 fine resolution
A4_PIXELS: Final = "1728x2292"
FAX_WIDTH: Final = 1728  # dots, T.4
FINE_DOTS: Final = (204, 196)  # per inch, across and down
SAME_HEIGHT: Final = 0.02  # share by which resolutions are called the same: 196 is also 200
TIFF_SUBFILE: Final = 254  # tag NewSubfileType
TIFF_PAGE: Final = 2  # one page of several
FINE_DPI: Final = 204.0  # of the PDFs, across and down
STANDARD_DPI: Final = (204.0, 98.0)  # where a file does not say
BROKEN: Final = (
    *(OSError, SyntaxError, ValueError, TypeError, KeyError, EOFError, struct.error),
    Image.DecompressionBombError,
)
"""What Pillow raises for files that are no TIFF, or cut ones."""


class DocumentError(ValueError):
    """A file is no fax, or cannot be made one; the text says which and why."""


def count_pages(tiff: Path) -> int:
    """Count the whole pages of a TIFF; 0 for what is not there or cannot be read."""
    try:
        with Image.open(tiff, formats=("TIFF",)) as image:
            return int(getattr(image, "n_frames", 1))
    except BROKEN:
        return 0


def tiff_to_pdf(tiff: Path, pdf: Path) -> int:
    """Write the pages of a fax as PDF, each in its own size; how many; DocumentError."""
    # Whoever looks meanwhile finds no half a file.
    part = pdf.with_name(pdf.name + ".part")
    try:
        with Image.open(tiff, formats=("TIFF",)) as image:
            count = int(getattr(image, "n_frames", 1))
            if count > MOST_PAGES:
                raise DocumentError(f"{tiff} has {count} pages; 1 to {MOST_PAGES} are a fax")
            frames = map(_page, ImageSequence.Iterator(image))
            # A page in memory is some megabytes: not all of them at once.
            for at in range(0, count, PAGES_AT_ONCE):
                first, *others = islice(frames, PAGES_AT_ONCE)
                first.save(
                    part,
                    "PDF",
                    append=at > 0,
                    save_all=True,
                    append_images=others,
                    resolution=FINE_DPI,
                )
    except DocumentError:
        part.unlink(missing_ok=True)
        raise
    except BROKEN as error:
        part.unlink(missing_ok=True)
        raise DocumentError(f"{tiff} is no fax that can be read: {error}") from error
    part.replace(pdf)
    return count


def tiff_to_fax(source: Path, tiff: Path) -> int:
    """Make any TIFF sendable: 1728 dots across, fine resolution, Group 4; how many pages.

    Pages that are a fax already keep each dot; DocumentError for what is no TIFF.
    """
    try:
        with Image.open(source, formats=("TIFF",)) as image:
            pages = [_sendable(frame) for frame in ImageSequence.Iterator(image)]
    except BROKEN as error:
        raise DocumentError(f"it is no TIFF that can be read: {error}") from error
    if not 0 < len(pages) <= MOST_PAGES:
        raise DocumentError(f"it has {len(pages)} pages; 1 to {MOST_PAGES} are a fax")
    first, *others = pages
    first.save(
        tiff,
        "TIFF",
        save_all=True,
        append_images=others,
        compression="group4",
        dpi=FINE_DOTS,
        tiffinfo={TIFF_SUBFILE: TIFF_PAGE},
    )
    return len(pages)


def _sendable(frame: Image.Image) -> Image.Image:
    """A page of a fax's width in fine resolution."""
    if frame.width * frame.height > MOST_PIXELS:
        raise DocumentError(f"a page of {frame.width} by {frame.height} dots is no fax")
    across, down = frame.info.get("dpi") or STANDARD_DPI
    if not across or not down:
        across, down = STANDARD_DPI
    # A page keeps the shape that it has on paper.
    height = frame.height * FINE_DOTS[1] / float(down)
    if frame.width != FAX_WIDTH:
        height *= FAX_WIDTH / (frame.width * FINE_DOTS[0] / float(across))
    size = (FAX_WIDTH, max(round(height), 1))
    if abs(size[1] - frame.height) <= SAME_HEIGHT * frame.height:
        size = (FAX_WIDTH, frame.height)
    if size[0] * size[1] > MOST_PIXELS:
        raise DocumentError(f"a page of {size[0]} by {size[1]} dots is no fax")
    if size == frame.size:
        return frame.convert("1")
    return frame.convert("L").resize(size).convert("1")


def _page(frame: Image.Image) -> Image.Image:
    """A page with square dots: PDF pages here know one resolution."""
    if frame.width * frame.height > MOST_PIXELS:
        raise DocumentError(f"a page of {frame.width} by {frame.height} dots is no fax")
    across, down = frame.info.get("dpi") or STANDARD_DPI
    page = frame.convert("1")
    if not across or not down:
        across, down = STANDARD_DPI
    width = round(frame.width * FINE_DPI / float(across))
    height = round(frame.height * FINE_DPI / float(down))
    return page if (width, height) == page.size else page.resize((width, height))


def pdf_to_tiff(pdf: Path, tiff: Path) -> int:
    """Make a PDF sendable: A4, fine resolution, Group 4; how many pages; DocumentError.

    Ghostscript runs as a process without access to other files (``-dSAFER``).
    """
    command = (
        "gs",
        "-q",
        "-dSAFER",
        "-dBATCH",
        "-dNOPAUSE",
        "-sDEVICE=tiffg4",
        f"-r{FINE}",
        f"-g{A4_PIXELS}",
        "-dPDFFitPage",
        "-dFIXEDMEDIA",
        f"-dLastPage={MOST_PAGES}",
        f"-sOutputFile={tiff}",
        "-f",
        str(pdf.resolve()),
    )
    try:
        done = subprocess.run(command, capture_output=True, timeout=CONVERT_S, check=False)
    except FileNotFoundError as error:
        raise DocumentError("ghostscript is not installed; install ghostscript") from error
    except subprocess.TimeoutExpired as error:
        raise DocumentError(f"{pdf} took longer than {CONVERT_S:.0f} s to convert") from error
    pages = count_pages(tiff)
    if done.returncode or not pages:
        why = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[-300:]
        raise DocumentError(f"{pdf} cannot be made a fax: {why or 'it has no pages'}")
    return pages
