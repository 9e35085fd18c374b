"""Packages and extension modules; everything else is in pyproject.toml."""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

ROOT = Path(__file__).parent
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": os.environ.get("HOOKFLASH_BOUNDSCHECK", "") == "1",
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "embedsignature": True,
}


def extensions() -> list[Extension]:
    """One extension a kernel folder; C files beside a .pyx are linked into it."""
    found = []
    for pyx in sorted(ROOT.glob("cython_ext/*/_*.pyx")):
        folder = pyx.parent
        c_sources = [
            str(path.relative_to(ROOT))
            for path in sorted(folder.glob("*.c"))
            if not path.name.startswith(("_", "test_"))
        ]
        headers = [str(path.relative_to(ROOT)) for path in sorted(folder.glob("*.[hp][x]*[di]*"))]
        headers += [str(path.relative_to(ROOT)) for path in sorted(folder.glob("*.h"))]
        found.append(
            Extension(
                ".".join(pyx.relative_to(ROOT).with_suffix("").parts),
                [str(pyx.relative_to(ROOT)), *c_sources],
                depends=headers,
                include_dirs=[str(folder.relative_to(ROOT))],
                libraries=["m", "pthread"] if c_sources else ["m"],
                extra_compile_args=[
                    "-O2",
                    "-g",
                    "-Wall",
                    "-Wno-unused-function",
                    "-Wno-sign-compare",
                ],
            )
        )
    return found


setup(ext_modules=cythonize(extensions(), compiler_directives=DIRECTIVES, nthreads=2))
