"""Libraries that only some options need: asked for, looked for, told where people look."""

from pathlib import Path

import pytest

from daemon.machine import libraries
from daemon.machine.condition import condition
from daemon.media.app import missing_libraries
from daemon.readiness import announce
from daemon.site_directory import SiteDirectory

NO_FAX = "[media]\nfax_terminals = 0\n"
PHONES = '[drivers.sip]\ndriver = "sip"\nlisten = "127.0.0.1"\n'
OPUS = PHONES + "station_transcode_opus = true\n"
TRUNK = PHONES + (
    '[[drivers.sip.trunks]]\nname = "carrier"\naddresses = ["192.0.2.1"]\ntranscode_opus = true\n'
)


def site_with(path: Path, text: str) -> SiteDirectory:
    (path / "site").mkdir()
    head = f'[site]\nrun_dir = "{path}/run"\n[recordings]\nalarm_free_mb = 0\n'
    (path / "site" / "hookflash.toml").write_text(head + text)
    return SiteDirectory.open(path / "site")


@pytest.fixture
def none_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "en")
    absent = {name: f"{name}-of-nobody.so.99" for name in libraries.FILES}
    monkeypatch.setattr(libraries, "FILES", absent)


@pytest.mark.usefixtures("none_installed")
@pytest.mark.parametrize(
    ("text", "missing"),
    [
        (NO_FAX, ()),
        ("", (libraries.SPANDSP,)),
        (NO_FAX + OPUS, (libraries.OPUS,)),
        (NO_FAX + TRUNK, (libraries.OPUS,)),
        (OPUS, (libraries.OPUS, libraries.SPANDSP)),
    ],
)
def test_only_what_options_ask_for_is_missed(
    tmp_path: Path, text: str, missing: tuple[str, ...]
) -> None:
    site = site_with(tmp_path, text)
    assert libraries.missing_for(site.config) == missing
    assert missing_libraries(site) == missing


def test_what_is_installed_is_not_missed(tmp_path: Path) -> None:
    assert libraries.missing_for(site_with(tmp_path, OPUS).config) == ()


@pytest.mark.usefixtures("none_installed")
def test_check_says_what_to_install_or_to_switch_off(tmp_path: Path) -> None:
    faults, notes = condition(site_with(tmp_path, OPUS))
    told = {note.key: note for note in notes}
    assert faults == []
    assert "transcoded" in told[libraries.OPUS].what
    assert "libopus0" in told[libraries.OPUS].todo
    assert "libspandsp2" in told[libraries.SPANDSP].todo


def test_check_tells_what_the_running_media_process_does_not_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "zh")
    site = site_with(tmp_path, OPUS)
    announce(site.run_dir, "media", missing=[libraries.OPUS])
    [note] = condition(site)[1]
    assert note.key == libraries.OPUS
    assert "libopus.so.0" in note.what
    assert "libopus0" in note.todo
