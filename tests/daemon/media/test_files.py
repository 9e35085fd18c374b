"""Where the files of prompts lie: only below the site, and looked for again after a second."""

from pathlib import Path

import pytest

from daemon.link.errors import MediaRefused
from daemon.media import files as media_files
from daemon.media.files import SiteFiles


def test_a_prompt_whose_link_was_moved_is_found_anew_after_a_second(tmp_path: Path) -> None:
    now = 100.0
    files = SiteFiles(tmp_path, clock=lambda: now)
    link = tmp_path / "music"
    link.symlink_to(tmp_path / "a.8k.s16")
    assert files.prompt("music") == str(tmp_path / "a.8k.s16")
    link.unlink()
    link.symlink_to(tmp_path / "b.8k.s16")
    now += 0.9
    assert files.prompt("music") == str(tmp_path / "a.8k.s16")
    now += 0.2
    assert files.prompt("music") == str(tmp_path / "b.8k.s16")


def test_what_is_not_below_the_site_is_refused_each_time(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "out").symlink_to(tmp_path / "secret")
    files = SiteFiles(site, clock=lambda: 0.0)
    for relative in ("out", "../secret", "", "a\0b", ".") * 2:
        with pytest.raises(MediaRefused):
            files.prompt(relative)


def test_no_more_places_are_kept_than_there_is_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_files, "MOST_KNOWN", 3)
    files = SiteFiles(tmp_path, clock=lambda: 0.0)
    for number in range(20):
        assert files.prompt(f"{number}") == str(tmp_path / f"{number}")
        assert len(files._known) <= 4
