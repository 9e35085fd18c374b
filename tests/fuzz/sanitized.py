"""Builds leaf kernels under the sanitizers into ``build/sanitized``: ``python -m tests.fuzz.sanitized``.

The same sources with bounds checks, address and undefined-behaviour sanitizers, beside a copy of
the plain modules, so that ``PYTHONPATH=build/sanitized`` takes the place of the usual build.
"""

import shutil
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Distribution, Extension

ROOT = Path(__file__).parents[2]
KERNELS = ("datagrams", "journal", "sip_wire")
TARGET = ROOT / "build" / "sanitized"
FLAGS = ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined"]
FLAGS += ["-fno-sanitize-recover=undefined"]
DIRECTIVES = {
    "language_level": 3, "boundscheck": True, "wraparound": False, "cdivision": True,
    "initializedcheck": True,
}  # fmt: skip


def build() -> None:
    """Copy the plain modules and compile the others."""
    shutil.copytree(
        ROOT / "cython_ext", TARGET / "cython_ext", dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("*.so", "*.c", "compiled", "__pycache__"),
    )  # fmt: skip
    extensions = [
        Extension(
            f"cython_ext.{kernel}.{source.stem}", [str(source.relative_to(ROOT))],
            extra_compile_args=FLAGS, extra_link_args=FLAGS,
        )
        for kernel in KERNELS
        for source in sorted((ROOT / "cython_ext" / kernel).glob("_*.pyx"))
    ]  # fmt: skip
    made = cythonize(
        extensions, compiler_directives=DIRECTIVES, build_dir="build/sanitized/c", quiet=True
    )
    command = Distribution({"name": "sanitized", "ext_modules": made}).get_command_obj("build_ext")
    command.build_lib, command.build_temp = str(TARGET), str(TARGET / "objects")
    command.ensure_finalized()
    command.run()


if __name__ == "__main__":
    if Path.cwd() != ROOT:
        sys.exit(f"run it in {ROOT}")
    build()
