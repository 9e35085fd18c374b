"""Small fax pages made for tests, and what is on them."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageSequence

WIDTH, HEIGHT = 1728, 120


def write_pages(path: Path, texts: list[str], *, height: int = HEIGHT) -> Path:
    """A TIFF with one short page for each text."""
    pages = []
    for text in texts:
        page = Image.new("1", (WIDTH, height), 1)
        draw = ImageDraw.Draw(page)
        draw.text((100, 20), text, fill=0)
        draw.rectangle((100, 60, 900, 90), fill=0)
        pages.append(page)
    first, *others = pages
    path.parent.mkdir(parents=True, exist_ok=True)
    first.save(
        path,
        "TIFF",
        save_all=True,
        append_images=others,
        compression="group4",
        dpi=(204, 196),
        tiffinfo={254: 2},
    )
    return path


def dots(path: Path) -> list[tuple[tuple[int, int], bytes]]:
    """Size and dots of each page."""
    with Image.open(path) as image:
        return [
            (frame.size, frame.convert("1").tobytes()) for frame in ImageSequence.Iterator(image)
        ]
