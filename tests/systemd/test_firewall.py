"""A scanner is banned, and the units bring the ban into the firewall."""

import re
import socket
from typing import Final

import pytest

from tests.systemd.hotline import HOTLINE, until
from tests.systemd.installation import SITE, STRANGER
from tests.systemd.machine import CHECKOUT, Machine

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(180)]

PAGE: Final = CHECKOUT / "docs/operate/sip-security.md"
LOADER: Final = "hookflash-bans@main.service"
SCAN: Final = """\
OPTIONS sip:100@127.0.0.1 SIP/2.0\r
Via: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bK-scan;rport\r
From: "sipvicious"<sip:100@1.1.1.1>;tag=1\r
To: "sipvicious"<sip:100@1.1.1.1>\r
Call-ID: scan\r
CSeq: 1 OPTIONS\r
User-Agent: friendly-scanner\r
Max-Forwards: 70\r
Content-Length: 0\r
\r
"""


def drops_of_the_page() -> str:
    """The chain that the page tells administrators to load."""
    found = re.search(r"```\n(table inet hookflash \{.*?\n\}\n)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def banned(machine: Machine) -> str:
    return machine.run("nft", "list", "set", "inet", "hookflash", "sip_banned_v4")


def comes_through(source: str) -> bool:
    """Whether a datagram from an address reaches a socket of this machine."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth,
    ):
        ear.bind(("127.0.0.1", 0))
        mouth.bind((source, 0))
        mouth.sendto(b"?", ear.getsockname())
        # On a loopback it is there when sendto returns, or never.
        ear.setblocking(False)
        try:
            return ear.recv(1) == b"?"
        except BlockingIOError:
            return False


def test_scanner_is_dropped_by_the_firewall_until_its_ban_is_over(machine: Machine) -> None:
    machine.run("nft", "-f", "-", said=drops_of_the_page())
    machine.run("systemctl", "enable", "--now", "hookflash-bans@main.path")
    assert comes_through(STRANGER)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as scanner:
        scanner.bind((STRANGER, 0))
        scanner.sendto(SCAN.encode(), HOTLINE)
    until(lambda: STRANGER in banned(machine), "the ban is not in the firewall")
    assert machine.show(LOADER, "Result") == "success"
    assert not comes_through(STRANGER)
    assert comes_through("127.0.0.1")
    until(lambda: STRANGER not in banned(machine), "the ban does not end")
    assert comes_through(STRANGER)


def test_ban_ended_by_hand_leaves_the_firewall(machine: Machine) -> None:
    file = f"{SITE}/sip-bans.nft"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as scanner:
        scanner.bind((STRANGER, 0))
        scanner.sendto(SCAN.encode(), HOTLINE)
    until(lambda: STRANGER in banned(machine), "the ban is not in the firewall")
    program = ("/opt/hookflash/.venv/bin/hookflash", "sip", "bans", "--site", SITE)
    loaded = machine.show(LOADER, "InvocationID")
    machine.run(*program, "--release", STRANGER, user="hookflash")
    assert STRANGER not in machine.read(file)
    until(lambda: machine.show(LOADER, "InvocationID") != loaded, "the file is not loaded")
    until(lambda: machine.show(LOADER, "ActiveState") == "inactive", "it is not loaded in time")
    assert machine.show(LOADER, "Result") == "success"
    assert STRANGER not in banned(machine)


def test_bans_of_a_busy_night_all_reach_the_firewall(machine: Machine) -> None:
    # Each comes while the one before is being loaded, which systemd alone would not notice, and
    # six loads in ten seconds are more than it allows a unit that says nothing of it.
    mark = machine.root / f"{SITE}/sip-bans.nft.changed".lstrip("/")
    sources = [f"203.0.113.{place}" for place in range(20, 27)]
    for source, before in zip(sources, ["", *sources], strict=False):
        machine.run("ip", "address", "add", f"{source}/32", "dev", "lo")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as scanner:
            scanner.bind((source, 0))
            scanner.sendto(SCAN.encode(), HOTLINE)
        until(mark.exists, "the change is not marked")
        until(lambda before=before: before in banned(machine), f"{before} is not in the firewall")
        until(lambda: not mark.exists(), "the ban is not being loaded")
        machine.run("ip", "address", "delete", f"{source}/32", "dev", "lo")
    until(lambda: sources[-1] in banned(machine), "the last one is not in the firewall")
