"""Run in a network namespace of its own: what the loaded bans let through, as JSON lines.

Arguments: a bans file, and the chain that drops what the sets hold.
"""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

SOURCES: Final = {
    "banned": "203.0.113.9",
    "banned over IPv6": "2001:db8::7",
    "somebody else": "203.0.113.10",
    "somebody else over IPv6": "2001:db8::8",
}
PATIENCE_S: Final = 30.0


def family_of(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def comes_through(source: str) -> bool:
    """Whether a datagram from an address arrives; on a loopback at once, or never."""
    family = family_of(source)
    with (
        socket.socket(family, socket.SOCK_DGRAM) as ear,
        socket.socket(family, socket.SOCK_DGRAM) as mouth,
    ):
        ear.bind(("::1" if ":" in source else "127.0.0.1", 0))
        mouth.bind((source, 0))
        mouth.sendto(b"?", ear.getsockname())
        ear.setblocking(False)
        try:
            return ear.recv(1) == b"?"
        except BlockingIOError:
            return False


def connects(source: str) -> bool:
    """Whether a TCP connection from an address is accepted."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as caller:
        caller.settimeout(0.3)
        caller.bind((source, 0))
        try:
            caller.connect(server.getsockname())
        except TimeoutError:
            return False
        return True


def look(when: str) -> None:
    through = {who: comes_through(source) for who, source in SOURCES.items()}
    sys.stdout.write(json.dumps({"when": when, "through": through}) + "\n")


def main(bans: Path, chain: Path) -> None:
    for address in SOURCES.values():
        length = 128 if ":" in address else 32
        ip("address", "add", f"{address}/{length}", "dev", "lo")
    ip("link", "set", "lo", "up")
    subprocess.run(["nft", "-f", str(chain)], check=True)
    look("before")
    load = [sys.executable, "-m", "daemon", "sip", "firewall", str(bans)]
    subprocess.run(load, check=True)
    look("banned")
    tcp = {who: connects(SOURCES[who]) for who in ("banned", "somebody else")}
    sys.stdout.write(json.dumps({"when": "by TCP", "through": tcp}) + "\n")
    subprocess.run(load, check=True)
    look("loaded twice")
    deadline = time.monotonic() + PATIENCE_S
    while not comes_through(SOURCES["banned"]) and time.monotonic() < deadline:
        time.sleep(0.05)
    look("over")


def ip(*command: str) -> None:
    subprocess.run(["ip", *command], check=True)


main(Path(sys.argv[1]), Path(sys.argv[2]))
