"""``hookflash fax`` over the facade's socket."""

import json
from pathlib import Path

import msgspec
import pytest

import daemon.commands.fax as command
from daemon.__main__ import main
from daemon.commands.fax import progress, table
from daemon.service.fax.faxes import Fax, FaxState
from daemon.service.messages import Actor
from tests.daemon.commands.test_why import english, site
from tests.fakes.fax_desk import FakeFaxes

__all__ = ["english", "site"]

SENT = Fax(
    fax="0FAX000000001",
    direction="out",
    state=FaxState.SENDING,
    number="0305551",
    name="letter.pdf",
    created=1_790_000_000.0,
    pages=1,
    of=3,
    rate=14400,
    attempts=2,
    t38=True,
)


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    path = tmp_path / "letter.PDF"
    path.write_bytes(b"%PDF-1.4")
    return path


def test_fax_is_queued_listed_and_cancelled(
    site: Path, letter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = ["--site", str(site)]
    assert main(["fax", "send", "0305551", str(letter), "--no-wait", "--json", *there]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["number"], made["name"], made["state"]) == ("0305551", "letter.PDF", "waiting")
    [kept] = (site / "incoming").iterdir()
    assert kept.read_bytes() == b"%PDF-1.4"
    assert main(["fax", "list", *there]) == 0
    assert "to 0305551  letter.PDF  waiting" in capsys.readouterr().out
    assert main(["fax", "list", "--json", *there]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["total"], found["faxes"][0]["fax"]) == (1, made["fax"])
    assert main(["fax", "list", "--offset", "1", *there]) == 0
    assert capsys.readouterr().out == "no faxes\n"
    assert main(["fax", "cancel", made["fax"], *there]) == 0
    assert "cancelled" in capsys.readouterr().out
    assert main(["fax", "cancel", "0FAX", *there]) == 1
    assert "no such fax" in capsys.readouterr().err


def test_fax_that_cannot_be_sent_is_told(
    site: Path, letter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = ["--site", str(site)]
    before = {*(site / "incoming").glob("*")}
    assert main(["fax", "send", "1234", str(letter), *there]) == 1
    assert "may not be called" in capsys.readouterr().err
    assert {*(site / "incoming").glob("*")} == before
    assert main(["fax", "send", "0305551", "none.pdf", *there]) == 2
    assert "no PDF or TIFF" in capsys.readouterr().err


def test_progress_says_page_rate_and_why() -> None:
    assert progress(SENT) == "being sent, page 2 of 3, 14400 bit/s, T.38, attempt 2"
    ecm = msgspec.structs.replace(SENT, ecm=True, station="+49 30 1", slips=1, gaps=2, attempts=1)
    assert progress(ecm) == (
        "being sent, page 2 of 3, 14400 bit/s, error correction, T.38,"
        " 1 slip of the audio, 2 gaps in the audio, with +49 30 1"
    )
    received = Fax(
        fax="0FAX000000002",
        direction="in",
        state=FaxState.FAILED,
        number="",
        name="2001",
        created=1_790_000_000.0,
        pages=2,
        why_en="the line is too poor for a fax",
    )
    assert progress(received) == "failed, 2 pages, the line is too poor for a fax"
    assert "from -  2001  failed" in table([received])
    assert table([]) == "no faxes\n"


async def test_fax_that_is_sent_is_followed_to_its_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], english: None
) -> None:
    monkeypatch.setattr(command, "LOOK_S", 0.0)
    faxes, ann = FakeFaxes(lambda: 1.0), Actor(login="ann")
    made = await faxes.send_fax(ann, "incoming/a.pdf", "a.pdf", "0305551")
    faxes.next = [
        {"state": FaxState.CALLING},
        {"state": FaxState.SENDING, "of": 2},
        {"pages": 1, "rate": 14400},
        {"state": FaxState.SENT, "pages": 2},
        {},
    ]
    over = await command._follow(faxes, ann, made, quiet=False)  # type: ignore[arg-type]
    assert over.state is FaxState.SENT
    told = [line.split("  ")[1] for line in capsys.readouterr().out.splitlines()]
    assert told == [
        "waiting",
        "calling",
        "being sent, the machines agree on a speed",
        "being sent, page 2 of 2, 14400 bit/s",
        "sent, 2 of 2 pages, 14400 bit/s",
    ]
