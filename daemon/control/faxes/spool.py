"""Faxes to be sent as files: one JSON beside each TIFF, so that they outlive any process.

The state of a fax is written before what it says happens; a process that is killed finds at
its next start each fax as it was, and tries again what was under way.
"""

import os
from pathlib import Path
from typing import Final

import msgspec
import structlog

from acd_core.ids import to_text
from daemon.fax.messages import FOLDER
from daemon.service.fax.faxes import FaxState

OUTGOING: Final = f"{FOLDER}/outgoing"
OVER: Final = (FaxState.SENT, FaxState.FAILED, FaxState.CANCELLED)
UNDER_WAY: Final = (FaxState.CALLING, FaxState.SENDING)

TABLE: Final[dict[FaxState, tuple[FaxState, ...]]] = {
    FaxState.PREPARING: (FaxState.WAITING, FaxState.FAILED, FaxState.CANCELLED),
    FaxState.WAITING: (FaxState.CALLING, FaxState.SENT, FaxState.FAILED, FaxState.CANCELLED),
    FaxState.CALLING: (FaxState.SENDING, FaxState.WAITING, FaxState.FAILED, FaxState.CANCELLED),
    FaxState.SENDING: (FaxState.SENT, FaxState.WAITING, FaxState.FAILED, FaxState.CANCELLED),
    FaxState.SENT: (),
    FaxState.FAILED: (FaxState.SENT,),
    FaxState.CANCELLED: (),
}
"""Which state may follow which. That a fax went over may be heard late, by a new process."""

log = structlog.get_logger()


class IllegalFaxState(Exception):
    """A fax was to be in a state that cannot follow the one that it is in."""


class FaxJob(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A fax to be sent; all that is known of it."""

    id: int
    number: str
    name: str
    by: str
    created: float
    state: FaxState = FaxState.PREPARING
    source: str = ""
    """The file that was given, relative to the site, until it is a fax."""
    pages: int = 0
    sent: int = 0
    """Pages over in the last attempt."""
    attempts: int = 0
    next_try: float = 0.0
    call: int = 0
    segment: int = 0
    """Number of the fax in media, of the last attempt; known before it begins."""
    confirmed: bool = False
    """The other machine has confirmed every page: it is never sent again, come what may."""
    ended: float = 0.0
    station: str = ""
    rate: int = 0
    ecm: bool = False
    t38: bool = False
    slips: int = 0
    gaps: int = 0
    code: int = 0
    why_en: str = ""
    why_zh: str = ""

    @property
    def file(self) -> str:
        """Its TIFF, relative to the site."""
        return f"{OUTGOING}/{to_text(self.id)}.tif"

    @property
    def over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in OVER

    def become(self, state: FaxState) -> None:
        """Be in the next state; IllegalFaxState where the table has none."""
        if state not in TABLE[self.state]:
            raise IllegalFaxState(f"a fax that is {self.state} cannot be {state}")
        self.state = state


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[FaxJob] = msgspec.json.Decoder(FaxJob)


class FaxSpool:
    """The folder of the faxes to be sent."""

    def __init__(self, site: Path) -> None:
        self.site = site
        self._folder = site / OUTGOING

    def load(self) -> list[FaxJob]:
        """Every fax there is, oldest first; what cannot be read is logged and left alone."""
        jobs = []
        for part in self._folder.glob("*.part"):
            part.unlink(missing_ok=True)  # a state that was being written: the one before counts
        for path in sorted(self._folder.glob("*.json")):
            try:
                jobs.append(_decoder.decode(path.read_bytes()))
            except (OSError, msgspec.MsgspecError) as error:
                log.error("fax job cannot be read", file=str(path), why=str(error))
        return sorted(jobs, key=lambda job: job.id)

    def keep(self, job: FaxJob) -> None:
        """Write a fax as it is now: whole, or as it was before; OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(job, ".json")
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            file.write(_encoder.encode(job))
            file.flush()
            os.fdatasync(file.fileno())
        part.replace(path)

    def remove(self, job: FaxJob) -> None:
        """Delete a fax and its files."""
        for ending in (".tif", ".pdf", ".json"):
            self._path(job, ending).unlink(missing_ok=True)

    def tiff(self, job: FaxJob) -> Path:
        """Where the pages of a fax are, or are to be."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._path(job, ".tif")

    def _path(self, job: FaxJob, ending: str) -> Path:
        return self._folder / f"{to_text(job.id)}{ending}"
