"""Faxes as TIFF and as PDF."""

from pathlib import Path

import pytest

from daemon.fax.documents import DocumentError, count_pages, pdf_to_tiff, tiff_to_pdf
from tests.fakes.fax_pages import dots, write_pages


def test_fax_becomes_a_pdf_and_a_fax_again(tmp_path: Path) -> None:
    fax = write_pages(tmp_path / "fax.tif", ["first", "second", "third"], height=2292)
    pdf = tmp_path / "fax.pdf"
    assert tiff_to_pdf(fax, pdf) == 3
    assert pdf.read_bytes().startswith(b"%PDF")
    again = tmp_path / "again.tif"
    assert pdf_to_tiff(pdf, again) == 3
    pages = dots(again)
    assert [size for size, _ in pages] == [(1728, 2292)] * 3
    black = sum(8 - byte.bit_count() for byte in pages[0][1])
    assert black / 8 > 100 or black > 15_000  # the bar is 801 by 31 dots


def test_files_that_are_no_documents_are_refused(tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.write_bytes(b"nothing of the kind")
    assert count_pages(bad) == 0
    assert count_pages(tmp_path / "none.tif") == 0
    with pytest.raises(DocumentError, match="no fax that can be read"):
        tiff_to_pdf(bad, tmp_path / "out.pdf")
    with pytest.raises(DocumentError, match="cannot be made a fax"):
        pdf_to_tiff(bad, tmp_path / "out.tif")
    assert not (tmp_path / "out.pdf").exists()


def test_cut_file_is_no_fax(tmp_path: Path) -> None:
    whole = write_pages(tmp_path / "fax.tif", ["first", "second"]).read_bytes()
    for length in (0, 4, 10, len(whole) // 2):
        cut = tmp_path / "cut.tif"
        cut.write_bytes(whole[:length])
        count_pages(cut)
        with pytest.raises(DocumentError):
            tiff_to_pdf(cut, tmp_path / "out.pdf")


def test_long_fax_is_written_in_parts(tmp_path: Path) -> None:
    fax = write_pages(tmp_path / "fax.tif", [f"page {each}" for each in range(35)])
    pdf = tmp_path / "fax.pdf"
    assert tiff_to_pdf(fax, pdf) == 35
    assert pdf_to_tiff(pdf, tmp_path / "again.tif") == 35
    assert not list(tmp_path.glob("*.part"))
