"""The documentation holds: generated pages say what the code says, links lead somewhere."""

import importlib.util
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from daemon.command_line import all_commands

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
ANCHOR = re.compile(r'<a id="([^"]+)">')
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"hookflash ([a-z][a-z-]+)")


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = load_generator()


def pages() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    return [ROOT / name for name in listed if (ROOT / name).is_file() and "vendor" not in name]


def anchors(path: Path) -> set[str]:
    """Anchors of a page, as its readers on the web make them of headings."""
    text = FENCE.sub("", path.read_text())
    found = set(ANCHOR.findall(text))
    for heading in HEADING.findall(text):
        plain = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
        found.add(plain.replace(" ", "-"))
    return found


@pytest.mark.parametrize("name", sorted(GENERATOR.PAGES))
def test_generated_page_says_what_the_code_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "en")
    written = (ROOT / "docs" / "reference" / name).read_text()
    assert written == GENERATOR.PAGES[name](), "the code has changed; run: make docs"


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(path: Path) -> None:
    broken = []
    for target in LINK.findall(FENCE.sub("", path.read_text())):
        if "://" in target or target.startswith("mailto:"):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        if not found.exists() or (
            anchor and found.suffix == ".md" and anchor not in anchors(found)
        ):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_that_a_page_names_exist(path: Path) -> None:
    known = {command.name for command in all_commands()}
    quoted = " ".join(re.findall(r"`[^`]+`|```.*?```", path.read_text(), re.DOTALL))
    assert {name for name in COMMAND.findall(quoted) if name not in known} == set()


def test_error_texts_of_the_tables_are_those_of_the_code() -> None:
    packages = ("acd_core", "admin", "cython_ext", "daemon", "drivers", "ivr", "speech")
    code = "".join(p.read_text() for name in packages for p in (ROOT / name).rglob("*.py"))
    # A text may be written in pieces on several lines.
    code = re.sub(r'"\s*\n\s*f?"', "", code)
    missing = []
    for page in ("troubleshooting.md", "speech.md"):
        text = (ROOT / "docs" / "operate" / page).read_text()
        for row in re.findall(r"^\| ((?:counter )?`.*?) \|", text, re.MULTILINE):
            for quoted in re.findall(r"`([^`]{12,})`", row):
                pieces = re.split(r"\.\.\.|'[^']*'|\d+|[()]|\[[\w.]+\] \w+: ", quoted)
                longest = max((piece.strip(" :?;") for piece in pieces), key=len)
                if longest not in code:
                    missing.append(longest)
    assert missing == []


def test_readme_names_the_two_commands_and_shows_the_console() -> None:
    text = (ROOT / "README.md").read_text()
    assert "make demo" in text
    assert "make test" in text
    assert "docs/pictures/console.png" in text


def test_each_decision_has_a_number_of_its_own_and_says_it() -> None:
    found = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [path.name[:4] for path in found]
    assert len(set(numbers)) == len(numbers)
    assert all(path.read_text().startswith(f"# {path.name[:4]} ") for path in found)


def test_every_page_can_be_reached_from_the_index() -> None:
    docs = ROOT / "docs"
    seen, waiting = set(), [docs / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.is_file():
            continue
        seen.add(page)
        for target in LINK.findall(FENCE.sub("", page.read_text())):
            if "://" not in target:
                waiting.append((page.parent / target.partition("#")[0]).resolve())
    missed = {str(p.relative_to(ROOT)) for p in docs.rglob("*.md")} - {
        str(p.relative_to(ROOT)) for p in seen if p.is_relative_to(ROOT)
    }
    assert missed == set()
