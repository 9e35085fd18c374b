"""The architecture sheet, held by tests: sizes, names, and the import contracts."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("acd_core", "admin", "cython_ext", "daemon", "drivers", "ivr", "speech")
MAX_LINES = 400
MAX_FILES = 12
SCANNED = {"daemon/commands", "ivr/nodes", "acd_core/routing", "admin/reports", "admin/api"}
FORBIDDEN_NAMES = {"util.py", "utils.py", "common.py", "helpers.py", "misc.py"}


def sources(*suffixes: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", *PACKAGES], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    return [ROOT / name for name in listed if name.endswith(suffixes) and "/vendor/" not in name]


def test_no_source_file_is_over_the_limit() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in sources(".py", ".pyx", ".c", ".h")
        if (lines := len(path.read_text().splitlines())) > MAX_LINES
    }
    assert long == {}


def test_no_folder_holds_more_files_than_the_limit() -> None:
    folders: dict[str, int] = {}
    for path in sources(".py"):
        folder = str(path.parent.relative_to(ROOT))
        if path.name == "__init__.py" or folder in SCANNED or folder.startswith("admin/pages"):
            continue
        if "migrations" in folder:
            continue
        folders[folder] = folders.get(folder, 0) + 1
    assert {name: count for name, count in folders.items() if count > MAX_FILES} == {}


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert [str(path) for path in sources(".py") if path.name in FORBIDDEN_NAMES] == []


def test_no_module_hides_a_standard_module() -> None:
    hidden = [
        str(path.relative_to(ROOT))
        for path in sources(".py")
        if path.stem in sys.stdlib_module_names and path.stem not in ("__init__", "__main__")
    ]
    assert hidden == []


@pytest.mark.parametrize("package", PACKAGES)
def test_package_init_holds_a_docstring_only(package: str) -> None:
    body = ast.parse((ROOT / package / "__init__.py").read_text()).body
    if package == "acd_core":
        # Decision 0017: before any of its modules is imported it is said where compiled ones are.
        install = [ast.unparse(line) for line in body[1:]]
        assert install == [
            "from cython_ext import compiled_modules",
            "compiled_modules.install(compiled_modules.ENGINE)",
        ]
        del body[1:]
    assert len(body) == 1
    assert isinstance(body[0], ast.Expr)


def test_import_contracts_are_kept() -> None:
    result = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout
