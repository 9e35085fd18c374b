"""A process says that it is ready, to systemd or to our supervisor, and where it listens.

The message is the one systemd defines (sd_notify(3)): a datagram to ``NOTIFY_SOCKET``.
Bound addresses go to ``<run_dir>/<process>.json``, because a port of 0 in the
configuration is only known once it is bound. From then on the process says that it is alive,
as often as the one who started it wants to hear it (sd_watchdog_enabled(3)). Whoever may need long
to be ready says so before, too: a worker that goes on for a killed one is awaited like a ready one.
"""

import asyncio
import faulthandler
import json
import os
import socket
import time
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

Endpoints = dict[str, str | int | float | bool | list[str]]

SIGNS: Final = 3  # signs of life in the time after which a process counts as hanging
_next_sign: Final = WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.TimerHandle]()


def announce(
    run_dir: Path, process: str, **endpoints: str | int | float | bool | list[str]
) -> None:
    """Write where ``process`` listens, report READY=1, and show from this loop that it runs."""
    path = run_dir / f"{process}.json"
    fresh = path.with_suffix(".json.new")
    fresh.write_text(
        json.dumps({"pid": os.getpid(), "since": time.time(), **endpoints}, sort_keys=True)
    )
    fresh.replace(path)
    notify("READY=1")
    _show("WATCHDOG=1")


def starting() -> None:
    """Show from this loop that it runs, and ask for patience, until ``announce``."""
    # As long as a silence may last: each sign puts off the end of a start that takes too long.
    patience_us = round(sign_of_life_every() * SIGNS * 1e6)
    _show(f"WATCHDOG=1\nEXTEND_TIMEOUT_USEC={patience_us}")


def sign_of_life_every() -> float:
    """Seconds between two signs of life; 0 when nobody waits for any."""
    try:
        return int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6 / SIGNS
    except ValueError:
        return 0.0


def _show(state: str) -> None:
    """Say this again and again, and not what was said before."""
    every_s = sign_of_life_every()
    if not every_s:
        return
    # Whoever finds us hanging sends SIGABRT: then the log says where every thread was.
    faulthandler.enable()
    loop = asyncio.get_running_loop()
    if (before := _next_sign.get(loop)) is not None:
        before.cancel()
    _say(loop, state, every_s)


def _say(loop: asyncio.AbstractEventLoop, state: str, every_s: float) -> None:
    notify(state)
    _next_sign[loop] = loop.call_later(every_s, _say, loop, state, every_s)


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
