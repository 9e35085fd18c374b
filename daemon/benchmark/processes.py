"""What the processes of a site use, by the operating system's own accounts (proc(5))."""

import os
from pathlib import Path
from typing import Final

_TICK: Final = os.sysconf("SC_CLK_TCK")
_PROC: Final = Path("/proc")


def tree(root: int) -> list[int]:
    """A process and all that it started, directly or not."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (fields := _fields(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, unseen = [], [root]
    while unseen:
        process = unseen.pop()
        found.append(process)
        unseen += children.get(process, [])
    return found


def cpu_seconds(process: int) -> float:
    """User and system time so far, of its ended and awaited children too; 0.0 when it is gone."""
    fields = _fields(process)
    return sum(map(int, fields[11:15])) / _TICK if fields else 0.0


def private_bytes(process: int) -> int:
    """Memory that nobody else uses too; 0 when it is gone."""
    try:
        text = (_PROC / str(process) / "smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    rows = (line.split() for line in text.splitlines())
    return 1024 * sum(int(row[1]) for row in rows if row[0].startswith("Private_"))


def threads(process: int) -> int:
    """How many threads it has; 0 when it is gone."""
    fields = _fields(process)
    return int(fields[17]) if fields else 0


def _fields(process: int) -> list[str]:
    """The fields of ``stat`` behind the name, which may hold spaces; [0] is field 3."""
    try:
        return (_PROC / str(process) / "stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
