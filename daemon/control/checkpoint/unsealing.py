"""Opens what drivers sealed in the journal, to see which call a record is about."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from drivers.sip.journal.sealing import SealBroken, Sealer

Unseal = Callable[[bytes], bytes]
"""Gives what was sealed; SealBroken for what it cannot open."""
KEY_FILE: Final = "journal.key"
"""Among the sockets; ``DriverSet`` makes it."""


def sealed_stays(_sealed: bytes) -> bytes:
    """Open nothing: who has no key leaves sealed records as they are."""
    raise SealBroken


def unsealing(run_dir: Path) -> Unseal:
    """With the key that lies there, if there is one."""
    try:
        return Sealer((run_dir / KEY_FILE).read_bytes(), os.urandom).open
    except FileNotFoundError:
        return sealed_stays
