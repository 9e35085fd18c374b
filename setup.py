"""Packages and extension modules; everything else is in pyproject.toml."""

import os
import shutil
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))  # not there when a wheel is built

from cython_ext import compiled_modules  # noqa: E402

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": os.environ.get("HOOKFLASH_BOUNDSCHECK", "") == "1",
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "embedsignature": True,
}
LIBRARIES = {"media": ("pthread", "dl", "ssl", "crypto"), "media_floor": ("pthread",)}


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
                libraries=["m", *LIBRARIES.get(folder.name, ())],
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


# `make types` checks. Here the libraries of the product may not be installed yet.
MYPY = ("--config-file=", "--ignore-missing-imports", "--follow-imports=silent")


def compiled(group: compiled_modules.Group, folder: Path) -> list[Extension]:
    """A group of modules compiled from their Python; see cython_ext/compiled_modules.py."""
    from mypyc.build import mypycify

    found = mypycify(
        [*MYPY, *group.source_files],
        group_name=group.library.removesuffix("__mypyc"),
        opt_level="2",
        target_dir=f"build/{group.name}",
    )
    # Beside the sources they would be found even when they are older than these.
    for extension in found:
        extension.name = ".".join((*folder.parts, extension.name.replace(".", "_")))
    return found


class BuildExtensions(build_ext):
    """Builds the kernels, and each group of compiled modules unless it is built already."""

    def finalize_options(self) -> None:
        self.parallel = self.parallel or min(os.cpu_count() or 1, 4)
        self.folders = {
            group: compiled_modules.FOLDER / compiled_modules.digest(group, ROOT)
            for group in compiled_modules.GROUPS
        }
        for group, folder in self.folders.items():
            there = compiled_modules.CompiledFinder(group, ROOT / folder).complete
            if not ((self.inplace or self.editable_mode) and there):
                self.distribution.ext_modules += compiled(group, folder)
        super().finalize_options()

    def run(self) -> None:
        super().run()
        for group, folder in self.folders.items():
            if compiled_modules.digest(group, ROOT) != folder.name:
                self.warn(
                    f"{group.name} changed while it was compiled, so it runs plain: build again"
                )
                shutil.rmtree(ROOT / folder, ignore_errors=True)

    def copy_extensions_to_source(self) -> None:
        names = {folder.name for folder in self.folders.values()}
        for name in names:
            (ROOT / compiled_modules.FOLDER / name).mkdir(parents=True, exist_ok=True)
        super().copy_extensions_to_source()
        for older in (ROOT / compiled_modules.FOLDER).iterdir():
            if older.name not in names:
                shutil.rmtree(older)


setup(
    ext_modules=cythonize(extensions(), compiler_directives=DIRECTIVES, nthreads=2),
    cmdclass={"build_ext": BuildExtensions},
)
