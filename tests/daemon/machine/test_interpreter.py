"""A Python that was compiled without optimisation is told, and no other."""

from pathlib import Path

import pytest

from daemon.machine import condition
from daemon.machine.interpreter import why_slow
from daemon.site_directory import SiteDirectory

DEBIAN = "-Wsign-compare -DNDEBUG -g -fwrapv -O2 -Wall -g -fstack-protector-strong -O2"


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"CFLAGS": DEBIAN, "Py_DEBUG": 0}, ""),
        ({"CFLAGS": "-g -O0 -Wall -O3"}, ""),
        ({"CFLAGS": "-g -O3 -Wall -O0"}, "-O0"),
        ({"CFLAGS": "-Og -Wall"}, "-Og"),
        ({"CFLAGS": DEBIAN, "Py_DEBUG": 1}, "--with-pydebug"),
        ({"CFLAGS": "-Wall"}, ""),
        ({}, ""),
    ],
)
def test_only_what_is_certain_is_told(variables: dict[str, object], why: str) -> None:
    assert why_slow(variables.get) == why


def test_check_notes_a_slow_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "en")
    (tmp_path / "hookflash.toml").write_text(f'[site]\nrun_dir = "{tmp_path}/run"\n')
    site = SiteDirectory.open(tmp_path)
    assert "python" not in {note.key for note in condition.condition(site)[1]}
    monkeypatch.setattr(condition, "why_slow", lambda: "-O0")
    [note] = [note for note in condition.condition(site)[1] if note.key == "python"]
    assert "-O0" in note.what
