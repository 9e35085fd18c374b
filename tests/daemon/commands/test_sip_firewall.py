"""Bans on their way into the firewall: nothing but addresses and times passes."""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.commands._sip_bans import run_firewall, table
from daemon.errors import CommandError
from daemon.service.messages import BanRow
from drivers.sip.transport.bans import banned_in, nftables

ROOT: Final = Path(__file__).parents[3]
ADDRESSES = st.ip_addresses().map(str)


@given(st.dictionaries(ADDRESSES, st.integers(1, 99_999), max_size=20))
def test_what_was_written_is_read_again(banned: dict[str, int]) -> None:
    assert dict(banned_in(nftables(banned.items()))) == banned


@given(st.text())
def test_nothing_else_of_a_file_is_believed(text: str) -> None:
    script = nftables(banned_in(text + "\nflush ruleset\nadd element x { 1.2.3.4 timeout 5s }\n"))
    assert "ruleset" not in script
    assert "1.2.3.4 timeout 5s" in script


@pytest.fixture
def nft(tmp_path: Path, monkeypatch) -> Path:
    """A program of that name which keeps what it was told to load."""
    program = tmp_path / "bin" / "nft"
    program.parent.mkdir()
    kept = tmp_path / "loaded"
    program.write_text(f'#!/bin/sh\ntest "$*" = "-f -" || exit 9\ncat > {kept}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return kept


def test_bans_file_is_loaded(nft: Path, tmp_path: Path) -> None:
    file = tmp_path / "sip-bans.nft"
    file.write_text(nftables([("203.0.113.9", 600.0), ("2001:db8::7", 60.0)]) + "flush ruleset\n")
    assert run_firewall(argparse.Namespace(file=str(file))) == 0
    loaded = nft.read_text()
    assert "add element inet hookflash sip_banned_v4 { 203.0.113.9 timeout 600s }" in loaded
    assert "add element inet hookflash sip_banned_v6 { 2001:db8::7 timeout 60s }" in loaded
    assert "ruleset" not in loaded


def test_missing_file_and_failing_program_are_told(nft: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        run_firewall(argparse.Namespace(file=str(tmp_path / "none")))
    (tmp_path / "bin" / "nft").write_text("#!/bin/sh\necho Operation not permitted >&2\nexit 1\n")
    file = tmp_path / "bans"
    file.write_text("")
    with pytest.raises(CommandError, match="not permitted"):
        run_firewall(argparse.Namespace(file=str(file)))


def test_table_names_each_ban() -> None:
    row = BanRow(driver="sip", kind="account", name="2001", since=0, until=60, times=2, reason="x")
    assert "2x  account  2001  x" in table([row])
    assert table([]) == "nobody is banned\n"


def test_real_firewall_drops_the_banned_until_their_time_is_over(tmp_path: Path) -> None:
    bans = [("203.0.113.9", 4.0), ("2001:db8::7", 600.0)]
    (tmp_path / "sip-bans.nft").write_text(nftables(bans))
    page = (ROOT / "docs/operate/sip-security.md").read_text()
    chain = re.search(r"```\n(table inet hookflash \{.*?\n\}\n)```", page, re.DOTALL)
    assert chain is not None
    (tmp_path / "chain.nft").write_text(chain[1])
    own_network = ("unshare", "--user", "--map-root-user", "--net")
    script = Path(__file__).with_name("dropped_sources.py")
    done = subprocess.run(
        [*own_network, sys.executable, script, tmp_path / "sip-bans.nft", tmp_path / "chain.nft"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    seen = {line["when"]: line["through"] for line in map(json.loads, done.stdout.splitlines())}
    all_four = dict.fromkeys(seen["before"], True)
    assert len(all_four) == 4
    assert seen["before"] == all_four
    dropped = {"banned": False, "banned over IPv6": False}
    assert seen["banned"] == seen["loaded twice"] == all_four | dropped
    assert seen["by TCP"] == {"banned": False, "somebody else": True}
    assert seen["over"] == all_four | {"banned over IPv6": False}
