"""The text format of Prometheus, version 0.0.4: families of samples with their labels.

Source: "Exposition formats" of the Prometheus documentation, section "Text-based format".
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_UNFIT: Final = re.compile(r"[^a-zA-Z0-9_]")


class Sample(msgspec.Struct, frozen=True):
    """One value of a family."""

    value: float
    labels: Mapping[str, str] = {}


class Family(msgspec.Struct, frozen=True):
    """Samples of one name; counters end in ``_total``."""

    name: str
    kind: str
    """counter or gauge."""
    text: str
    """What it counts, in one line."""
    samples: tuple[Sample, ...]


def exposition(families: Iterable[Family]) -> str:
    """All families that have samples, each once, as one text."""
    lines: list[str] = []
    for family in families:
        if not family.samples:
            continue
        lines.append(f"# HELP {family.name} {_escaped(family.text)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        lines += [f"{family.name}{_labels(s.labels)} {_number(s.value)}" for s in family.samples]
    return "".join(f"{line}\n" for line in lines)


def fit(name: str) -> str:
    """A word as part of a family's name or as a label's."""
    return _UNFIT.sub("_", name)


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_quoted(value)}"' for name, value in labels.items())
    return "{" + ",".join(pairs) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"').replace("\r", " ")


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
