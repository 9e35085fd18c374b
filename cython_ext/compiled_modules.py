"""Compiled twins of plain Python modules, found only while they are made of the present sources.

The distribution engine and the SIP driver are plain Python that mypyc can compile, each as a
group of its own. What it makes lies in ``cython_ext/compiled/NAME_DIGEST/``, and DIGEST says of
which sources: after a change in one of them the plain modules of that group run, until the next
``make build``. ``HOOKFLASH_PURE_PYTHON=1`` lets the plain ones run in any case. Both decide the
same; see ``docs/decisions``, "The engine is compiled from its Python" and "The SIP driver is
compiled from its Python".
"""

import sys
from collections.abc import Sequence
from hashlib import sha256
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

from cython_ext.implementation import PURE_PYTHON

ROOT: Final = Path(__file__).parent.parent
FOLDER: Final = Path("cython_ext", "compiled")


class Group(NamedTuple):
    """Modules that are compiled together."""

    name: str
    library: str
    """The module that holds the code of all of them; each other file only names its part."""
    sources: tuple[str, ...]
    """Patterns of the files whose digest counts: the modules, and what they are built upon."""
    apart: tuple[str, ...]
    """Beginnings of paths that nothing in the group imports."""
    modules: tuple[str, ...]

    @property
    def source_files(self) -> list[str]:
        """What is compiled."""
        return [f"{name.replace('.', '/')}.py" for name in self.modules]


ENGINE: Final = Group(
    name="acd",
    library="hookflash_acd__mypyc",
    sources=("acd_core/**/*.py",),
    apart=(),
    modules=(
        "acd_core.engine",
        "acd_core.eligibility.capacity",
        "acd_core.eligibility.demands",
        "acd_core.eligibility.filters",
        "acd_core.eligibility.reserves",
        "acd_core.eligibility.tiers",
        "acd_core.eligibility.widening",
        "acd_core.floor.agent_events",
        "acd_core.floor.call_events",
        "acd_core.floor.contact",
        "acd_core.floor.lines",
        "acd_core.floor.offers",
        "acd_core.floor.records",
        "acd_core.floor.roster",
        "acd_core.floor.urgency",
        "acd_core.floor.weighing",
        "acd_core.ids",
        "acd_core.queue_life.admission",
        "acd_core.queue_life.announcements",
        "acd_core.queue_life.callback_events",
        "acd_core.queue_life.callbacks",
        "acd_core.queue_life.desertion",
        "acd_core.queue_life.kept_place",
        "acd_core.queue_life.life",
        "acd_core.queue_life.opening",
        "acd_core.queue_life.overflow",
        "acd_core.stats.estimates",
        "acd_core.stats.occupancy",
        "acd_core.stats.visits",
    ),
)

SIP: Final = Group(
    name="sip",
    library="hookflash_sip__mypyc",
    sources=("drivers/*.py", "drivers/sip/**/*.py", "cython_ext/sip_wire/*.py*"),
    apart=("drivers/sip/bench/", "drivers/sip/simulator/"),
    modules=(
        "drivers.sip.audio.side",
        "drivers.sip.auth",
        "drivers.sip.border",
        "drivers.sip.core.call",
        "drivers.sip.core.calls",
        "drivers.sip.core.causes",
        "drivers.sip.core.endpoint",
        "drivers.sip.core.in_dialog",
        "drivers.sip.core.inbound",
        "drivers.sip.core.incoming",
        "drivers.sip.core.outbound",
        "drivers.sip.core.request",
        "drivers.sip.core.services",
        "drivers.sip.core.timers",
        "drivers.sip.dialog",
        "drivers.sip.fax.described",
        "drivers.sip.fax.description",
        "drivers.sip.fax.line",
        "drivers.sip.fax.switching",
        "drivers.sip.finished.transactions",
        "drivers.sip.in_call.ending",
        "drivers.sip.in_call.failover",
        "drivers.sip.in_call.offers",
        "drivers.sip.in_call.parallel",
        "drivers.sip.in_call.reliable",
        "drivers.sip.in_call.requests",
        "drivers.sip.in_call.retries",
        "drivers.sip.in_call.session_timer",
        "drivers.sip.in_call.strays",
        "drivers.sip.in_call.transfers",
        "drivers.sip.in_call.unanswered",
        "drivers.sip.line",
        "drivers.sip.line_events",
        "drivers.sip.machines",
        "drivers.sip.negotiation.crypto",
        "drivers.sip.negotiation.dtls",
        "drivers.sip.negotiation.formats",
        "drivers.sip.negotiation.offer",
        "drivers.sip.negotiation.session",
        "drivers.sip.negotiation.wording",
        "drivers.sip.sdp",
        "drivers.sip.stations.registrar",
        "drivers.sip.switchboard",
        "drivers.sip.transaction",
        "drivers.sip.transport.guard",
        "drivers.sip.transport.transports",
        "drivers.sip.trunks.gateways",
        "drivers.sip.trunks.guards",
        "drivers.sip.trunks.identity",
        "drivers.sip.trunks.sources",
        "drivers.sip.trunks.trunk",
    ),
)

GROUPS: Final = (ENGINE, SIP)


class CompiledFinder(MetaPathFinder):
    """Finds the compiled modules of a group by their names."""

    def __init__(self, group: Group, folder: Path) -> None:
        self.group = group
        self.files = {
            name: file
            for name in (*group.modules, group.library)
            for suffix in EXTENSION_SUFFIXES[:1]
            if (file := folder / f"{name.replace('.', '_')}{suffix}").is_file()
        }

    @property
    def complete(self) -> bool:
        """Whether every module is there; some alone would not fit the plain others."""
        return len(self.files) == len(self.group.modules) + 1

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a compiled module is; None for any other."""
        file = self.files.get(name)
        if file is None:
            return None
        return spec_from_file_location(name, file, loader=ExtensionFileLoader(name, str(file)))


def digest(group: Group, root: Path) -> str:
    """Name the state of a group's sources under a root."""
    seen = sha256()
    for source in sorted({path for pattern in group.sources for path in root.glob(pattern)}):
        name = source.relative_to(root).as_posix()
        if not name.startswith(group.apart):
            seen.update(name.encode() + b"\0")
            seen.update(source.read_bytes() + b"\0")
    return f"{group.name}_{seen.hexdigest()[:20]}"


def install(group: Group) -> None:
    """Let a group's compiled modules be imported from now on, if they are of these sources."""
    if PURE_PYTHON or not (ROOT / FOLDER).is_dir():
        return
    finder = _finder(group)
    if finder.complete:
        sys.meta_path.insert(0, finder)


def is_built(group: Group) -> bool:
    """Whether a group's compiled modules are there and of these sources."""
    return _finder(group).complete


def installed(group: Group) -> bool:
    """Whether a group's compiled modules are in use."""
    return any(
        isinstance(finder, CompiledFinder) and finder.group is group for finder in sys.meta_path
    )


def _finder(group: Group) -> CompiledFinder:
    return CompiledFinder(group, ROOT / FOLDER / digest(group, ROOT))
