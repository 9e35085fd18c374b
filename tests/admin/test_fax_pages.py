"""Faxes in the console: on the page of their call, and as files."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from acd_core.ids import from_text, to_text
from admin.pages.supervisor.faxes import fax_file
from daemon.store.connection import opened_store
from daemon.store.history import Recording
from tests.fakes.console_rig import ConsoleRig, call_text, recording_text
from tests.fakes.http_client import HttpClient

SignIn = Callable[[str], Awaitable[HttpClient]]
NUMBER = from_text(call_text(0)) + 20
FAX = to_text(NUMBER)
PATH = f"faxes/2026/11/21/{call_text(0)}-{FAX}.tif"


async def add_fax(console: ConsoleRig, *, duration_ms: int = 30_000) -> None:
    """A fax in the records of the first call, with its two files."""
    call = from_text(call_text(0))
    async with opened_store(console.site / "hookflash.db"):
        await Recording.create(
            id=NUMBER,
            call_id=call,
            kind="fax",
            path=PATH,
            started_ms=1_790_000_000_000,
            ended_ms=1_790_000_000_000 + duration_ms,
            duration_ms=duration_ms,
        )
    tiff = console.site / PATH
    tiff.parent.mkdir(parents=True)
    tiff.write_bytes(b"II*\0 pages")
    tiff.with_suffix(".pdf").write_bytes(b"%PDF pages")


async def test_fax_is_read_on_the_page_of_its_call(console: ConsoleRig, sign_in: SignIn) -> None:
    await add_fax(console)
    client = await sign_in("sam")
    text = (await client.get(f"/calls/{call_text(0)}")).text
    assert f"/recordings/{FAX}/fax.pdf" in text
    assert f"/recordings/{FAX}/audio.wav" not in text
    pdf = await client.get(f"/recordings/{FAX}/fax.pdf")
    assert (pdf.status, pdf.headers["content-type"]) == (200, "application/pdf")
    assert pdf.body == b"%PDF pages"
    tiff = await client.get(f"/recordings/{FAX}/fax.tif?download=1")
    assert tiff.headers["content-disposition"].startswith("attachment")
    assert (await client.get(f"/recordings/{FAX}/fax.exe")).status == 404
    assert (await client.get(f"/recordings/{FAX}/audio.wav")).status == 404
    assert (await client.get(f"/recordings/{recording_text(0)}/fax.pdf")).status == 404


async def test_fax_without_a_page_says_so(console: ConsoleRig, sign_in: SignIn) -> None:
    await add_fax(console, duration_ms=0)
    text = (await (await sign_in("sam")).get(f"/calls/{call_text(0)}")).text
    assert "No whole page came." in text
    assert "fax.pdf" not in text


def test_files_elsewhere_are_no_faxes(tmp_path: Path) -> None:
    for name in ("faxes/a.tif", "recordings/a.tif", "faxes/a.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert fax_file(tmp_path, "faxes/a.tif", "tif") == (tmp_path / "faxes/a.tif").resolve()
    assert fax_file(tmp_path, "faxes/a.tif", "pdf") is None
    assert fax_file(tmp_path, "faxes/a.tif", "txt") is None
    for path in ("recordings/a.tif", "faxes/../recordings/a.tif"):
        assert fax_file(tmp_path, path, "tif") is None
