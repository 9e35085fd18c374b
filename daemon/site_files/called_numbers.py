"""``numbers.toml``: what each called number leads to."""

import re
from typing import Annotated, Final

import msgspec

from daemon.language import pick
from daemon.site_files.toml_table import TomlFile

FILE: Final = "numbers.toml"
_NUMBER: Final = re.compile(r"\+?[0-9A-Za-z._#-]*\*?")


class NumberEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``[[numbers]]``: one called number."""

    number: str
    """As the network sends it; ``*`` at the end stands for any rest."""
    name: str = ""
    flow: str = ""
    queue: str = ""
    """Used when ``flow`` is empty."""
    calendar: str = ""
    """Opening hours; empty means always open."""
    closed_flow: str = ""
    """Flow outside the opening hours; empty hangs up."""
    language: Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,3}$")] = "en"
    """Language the flow begins in; any that speech has a voice for."""
    enabled: bool = True


class NumbersFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All of ``numbers.toml``."""

    numbers: tuple[NumberEntry, ...] = ()


def read_numbers(toml: TomlFile) -> NumbersFile | None:
    """Check and convert; faults stay in ``toml``, None when there are any."""
    found = toml.table((), NumbersFile)
    if found is None:
        return None
    before = len(toml.faults)
    toml.repeated("numbers", "number")
    for index, entry in enumerate(found.numbers):
        if not entry.number or not _NUMBER.fullmatch(entry.number):
            toml.fault(
                ("numbers", index, "number"),
                pick(f"{entry.number!r} is not a number", f"{entry.number!r} 不是号码"),
                pick("write digits, with * at the end for any rest", "请写数字，末尾可用 *"),
            )
        if not entry.flow and not entry.queue:
            toml.fault(
                ("numbers", index, "flow"),
                pick("leads nowhere", "没有去向"),
                pick("set flow or queue", "请设 flow 或 queue"),
            )
    return found if len(toml.faults) == before else None
