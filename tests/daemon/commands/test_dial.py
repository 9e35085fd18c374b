"""``hookflash dial`` over the facade's socket."""

import json
from pathlib import Path

import pytest

from daemon.__main__ import main
from tests.daemon.commands.test_why import english, site

__all__ = ["english", "site"]


def test_agents_telephone_rings_first(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dial", "anna", "2002", "--site", str(site), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["login"] == "anna"
    assert main(["dial", "anna", "*51", "--site", str(site)]) == 0
    assert "rings first" in capsys.readouterr().out


def test_refusal_is_told(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dial", "anna", "nobody", "--site", str(site)]) == 1
    assert "nobody cannot be dialled." in capsys.readouterr().err


def test_unknown_person(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dial", "zoe", "2002", "--site", str(site)]) == 2
    assert "zoe" in capsys.readouterr().err
