"""Which drivers exist: each registers itself beside its code; one that cannot load is listed.

A folder ``drivers/<kind>/`` with a ``driver.py`` is found by scanning; other distributions
add theirs through the entry point group ``hookflash.drivers``.
"""

import importlib
import pkgutil
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, TypeVar

import msgspec

import drivers

Factory = TypeVar("Factory", bound=Callable[..., Any])


class Registration(msgspec.Struct, frozen=True):
    """A driver kind: its options struct and what makes it."""

    kind: str
    options: type[msgspec.Struct]
    factory: Callable[..., Any]
    host: str
    """``control`` for pure signalling, ``media`` for drivers that own audio devices."""


_registered: dict[str, Registration] = {}
_unavailable: dict[str, str] = {}


def register(
    kind: str, *, options: type[msgspec.Struct], host: str = "control"
) -> Callable[[Factory], Factory]:
    """Register the decorated class as the driver of ``kind``."""

    def keep(factory: Factory) -> Factory:
        _registered[kind] = Registration(kind, options, factory, host)
        return factory

    return keep


def available() -> dict[str, Registration]:
    """Load every driver once and return those that work, by kind."""
    for module in pkgutil.iter_modules(drivers.__path__):
        if module.ispkg:
            _load(module.name, f"drivers.{module.name}.driver")
    for entry in entry_points(group="hookflash.drivers"):
        _load(entry.name, entry.value)
    return dict(_registered)


def unavailable() -> dict[str, str]:
    """Kinds whose code could not be imported, with the reason."""
    available()
    return dict(_unavailable)


def _load(kind: str, module: str) -> None:
    if kind in _registered or kind in _unavailable:
        return
    try:
        importlib.import_module(module)
    except ImportError as error:
        _unavailable[kind] = str(error)
