"""The core compiled and plain: the same history sends and writes the same, byte for byte."""

import os
import subprocess
import sys
from pathlib import Path

from cython_ext.compiled_modules import FOLDER, ROOT, SIP, CompiledFinder, digest

HISTORY = Path(__file__).parent / "any_calls.py"


def played(*, plain: bool) -> list[str]:
    # Tags without a transaction come from a hash, which must be the same in both processes.
    chosen = {"HOOKFLASH_PURE_PYTHON": "1" if plain else "", "PYTHONHASHSEED": "5"}
    done = subprocess.run(
        [sys.executable, str(HISTORY)],
        cwd=ROOT,
        env={**os.environ, **chosen, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_compiled_and_plain_core_send_and_write_the_same() -> None:
    plain, compiled = played(plain=True), played(plain=False)
    assert plain[-1] == "True"
    assert compiled[:-1] == plain[:-1]
    assert int(plain[1]) > 5000


def test_every_module_of_the_group_exists_and_defines_no_struct() -> None:
    for source in SIP.source_files:
        # Only plain classes can be compiled; msgspec makes its own.
        assert "(msgspec.Struct" not in (ROOT / source).read_text(), source


def test_the_digest_counts_what_the_modules_are_built_upon(tmp_path: Path) -> None:
    for name in ("drivers/api.py", "drivers/sip/dialog.py", "drivers/sip/bench/calls.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1\n")
    found = [digest(SIP, tmp_path)]
    for name in ("drivers/sip/bench/calls.py", "drivers/api.py", "drivers/sip/dialog.py"):
        (tmp_path / name).write_text("2\n")
        found.append(digest(SIP, tmp_path))
    assert found[0] == found[1]  # nothing imports the benchmark
    assert len(set(found)) == 3


def test_a_build_leaves_one_whole_set() -> None:
    folders = [folder for folder in (ROOT / FOLDER).glob("sip_*") if folder.is_dir()]
    assert [CompiledFinder(SIP, folder).complete for folder in folders] == [True]
