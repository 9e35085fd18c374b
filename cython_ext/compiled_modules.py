"""Compiled twins of plain Python modules, found only while they are made of the present sources.

The distribution engine is plain Python that mypyc can compile. What it makes lies in
``cython_ext/compiled/DIGEST/``, and DIGEST says of which sources: after a change in one of
them the plain modules run, until the next ``make build``. ``HOOKFLASH_PURE_PYTHON=1`` lets the
plain ones run in any case. Both decide the same; see ``docs/decisions``, "The engine is
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
from typing import Final

from cython_ext.implementation import PURE_PYTHON

MODULES: Final = (
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
)
SOURCES: Final = "acd_core"
LIBRARY: Final = "hookflash_acd__mypyc"
"""The module that holds the code of all of them; each other file only names its part."""
ROOT: Final = Path(__file__).parent.parent
FOLDER: Final = Path("cython_ext", "compiled")


class CompiledFinder(MetaPathFinder):
    """Finds compiled modules by their names."""

    def __init__(self, folder: Path) -> None:
        self.files = {
            name: file
            for name in (*MODULES, LIBRARY)
            for suffix in EXTENSION_SUFFIXES[:1]
            if (file := folder / f"{name.replace('.', '_')}{suffix}").is_file()
        }

    @property
    def complete(self) -> bool:
        """Whether every module is there; some alone would not fit the plain others."""
        return len(self.files) == len(MODULES) + 1

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a compiled module is; None for any other."""
        file = self.files.get(name)
        if file is None:
            return None
        return spec_from_file_location(name, file, loader=ExtensionFileLoader(name, str(file)))


def digest(root: Path) -> str:
    """Name the state of the sources under a root."""
    seen = sha256()
    for source in sorted((root / SOURCES).rglob("*.py")):
        seen.update(source.relative_to(root).as_posix().encode() + b"\0")
        seen.update(source.read_bytes() + b"\0")
    return f"acd_{seen.hexdigest()[:20]}"


def install() -> None:
    """Let the compiled modules be imported from now on, if they are of these sources."""
    if PURE_PYTHON or not (ROOT / FOLDER).is_dir():
        return
    finder = CompiledFinder(ROOT / FOLDER / digest(ROOT))
    if finder.complete:
        sys.meta_path.insert(0, finder)


def installed() -> bool:
    """Whether compiled modules are in use."""
    return any(isinstance(finder, CompiledFinder) for finder in sys.meta_path)
