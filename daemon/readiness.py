"""A process says that it is ready, to systemd or to our supervisor, and where it listens.

The message is the one systemd defines (sd_notify(3)): a datagram to ``NOTIFY_SOCKET``.
Bound addresses go to ``<run_dir>/<process>.json``, because a port of 0 in the
configuration is only known once it is bound.
"""

import json
import os
import socket
import time
from pathlib import Path

Endpoints = dict[str, str | int | float | bool | list[str]]


def announce(
    run_dir: Path, process: str, **endpoints: str | int | float | bool | list[str]
) -> None:
    """Write where ``process`` listens and report READY=1."""
    path = run_dir / f"{process}.json"
    fresh = path.with_suffix(".json.new")
    fresh.write_text(
        json.dumps({"pid": os.getpid(), "since": time.time(), **endpoints}, sort_keys=True)
    )
    fresh.replace(path)
    notify("READY=1")


def endpoints(run_dir: Path, process: str) -> Endpoints:
    """Read what ``process`` announced; empty while it never was ready."""
    try:
        found = json.loads((run_dir / f"{process}.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def notify(state: str) -> bool:
    """Send one state line; False when nobody asked for it or nobody listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    target = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        try:
            out.sendto(state.encode(), target)
        except OSError:
            # The process that started us may be gone; being ready does not depend on it.
            return False
    return True
