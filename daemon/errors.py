"""What can go wrong around a site, as a tree.

DaemonError
├── ConfigError     the site's files have faults; carries all of them
├── CommandError    a command cannot do what was asked; says what to do
├── JournalError    the journal cannot be read or written
└── StoreError      the database cannot be opened, migrated or written
    ├── StoreAwayError   its server cannot be reached now, and may be later
    └── StoreEmptyError  it has no tables yet
"""

from collections.abc import Iterable

import msgspec


class Fault(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One fault in a site: where it is, what it is and what to do about it."""

    file: str
    """Path relative to the site directory."""
    line: int = 0
    """Line in the file, from 1; 0 when the fault has no line."""
    section: str = ""
    """Table in the file, dotted: ``drivers.trunk``; empty at the top."""
    key: str = ""
    what: str
    todo: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        parts = [where]
        if self.section:
            parts.append(f"[{self.section}]")
        if self.key:
            parts.append(self.key)
        text = f"{' '.join(parts)}: {self.what}"
        return f"{text} ({self.todo})" if self.todo else text


class DaemonError(Exception):
    """Something around a site failed."""


class ConfigError(DaemonError):
    """The site's files have faults; ``faults`` holds all of them, in file order."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults))
        super().__init__("\n".join(str(fault) for fault in self.faults))


class CommandError(DaemonError):
    """A command cannot do what was asked; shown on stderr as what, where, what to do."""

    def __init__(self, what: str, *, todo: str = "", exit_code: int = 1) -> None:
        super().__init__(what)
        self.what = what
        self.todo = todo
        self.exit_code = exit_code


class JournalError(DaemonError):
    """The journal cannot be read or written."""


class StoreError(DaemonError):
    """The database cannot be opened, migrated or written."""


class StoreAwayError(StoreError):
    """The server of the database cannot be reached now, and may be later."""


class StoreEmptyError(StoreError):
    """The database has no tables yet: the hotline makes them when it first starts."""
