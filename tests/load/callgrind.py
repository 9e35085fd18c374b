"""How many instructions a run of a Python module takes, which hardly depends on what else runs."""

import os
import re
import subprocess
import sys
import tempfile
from typing import Final

_COLLECTED: Final = re.compile(r"Collected : (\d+)")


def instructions(module: str, *words: str) -> int:
    """Instructions of ``python -m module words`` under callgrind, the start included."""
    with tempfile.TemporaryDirectory() as folder:
        tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out"]
        done = subprocess.run(
            [*tool, sys.executable, "-m", module, *words],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": "1"},
        )
    found = _COLLECTED.search(done.stderr)
    assert found is not None, done.stderr
    return int(found[1])
