"""The engine compiled and plain: the same history gives the same commands, byte for byte."""

import os
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from cython_ext.compiled_modules import ENGINE, FOLDER, ROOT, CompiledFinder, digest

HISTORY = Path(__file__).parent / "any_history.py"


def played(*, plain: bool) -> list[str]:
    pure = "1" if plain else ""
    environment = {**os.environ, "HOOKFLASH_PURE_PYTHON": pure, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(HISTORY)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_compiled_and_plain_engine_decide_the_same() -> None:
    plain, compiled = played(plain=True), played(plain=False)
    assert plain[-1] == "True"
    assert compiled[:-1] == plain[:-1]
    # It went through refusals and assignments in plenty.
    assert int(plain[1]) > 1000
    assert int(plain[2]) > 1000


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "acd_core", tmp_path / "acd_core")
    return tmp_path


def test_a_changed_source_has_another_digest(copied: Path) -> None:
    before = digest(ENGINE, copied)
    assert before == digest(ENGINE, copied) == digest(ENGINE, ROOT)
    source = copied / "acd_core" / "floor" / "lines.py"
    source.write_text(source.read_text() + "# changed\n")
    assert digest(ENGINE, copied) != before


def test_half_a_set_of_compiled_modules_is_not_used(tmp_path: Path) -> None:
    suffix = EXTENSION_SUFFIXES[0]
    for name in ENGINE.modules:
        (tmp_path / f"{name.replace('.', '_')}{suffix}").touch()
    assert not CompiledFinder(ENGINE, tmp_path).complete
    (tmp_path / f"{ENGINE.library}{suffix}").touch()
    finder = CompiledFinder(ENGINE, tmp_path)
    assert finder.complete
    found = finder.find_spec("acd_core.engine", None)
    assert found is not None
    assert found.origin == str(tmp_path / f"acd_core_engine{suffix}")
    assert finder.find_spec("acd_core.events", None) is None


def test_a_build_leaves_one_whole_set() -> None:
    folders = [folder for folder in (ROOT / FOLDER).glob("acd_*") if folder.is_dir()]
    assert [CompiledFinder(ENGINE, folder).complete for folder in folders] == [True]
