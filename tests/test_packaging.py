"""Our seven names are ours alone, and no licence we must not link is linked."""

import subprocess
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parent.parent
NAMES = ("acd_core", "admin", "cython_ext", "daemon", "drivers", "ivr", "speech")


def test_nobody_else_owns_one_of_our_names() -> None:
    owners = packages_distributions()
    assert {name: owners[name] for name in NAMES if set(owners.get(name, [])) - {"hookflash"}} == {}


def test_compiled_kernels_link_nothing_but_system_libraries() -> None:
    kernels = [*ROOT.glob("cython_ext/*/_*.so"), *ROOT.glob("cython_ext/compiled/*/*.so")]
    assert kernels
    for kernel in kernels:
        linked = subprocess.run(["ldd", kernel], capture_output=True, text=True, check=True).stdout
        assert "espeak" not in linked
        assert "python" not in linked.replace(str(ROOT), "")


def test_only_speech_loads_the_synthesizer_library() -> None:
    users = subprocess.run(
        ["git", "grep", "-lE", r"espeak_[A-Z][a-z]+|CDLL\(.*espeak", "--", "*.py", "*.pyx", "*.c"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert users
    assert [name for name in users if not name.startswith(("speech/", "tests/"))] == []
