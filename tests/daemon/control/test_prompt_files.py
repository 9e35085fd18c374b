"""Uploaded files: found when they are there, looked for at most once a second."""

from pathlib import Path

from daemon.control.flows.prompts import LOOK_EVERY, MOST_TEXTS, MUSIC, Prompts
from ivr.actions import Speech


class Maker:
    """Speech that counts what it converts."""

    def __init__(self, site: Path) -> None:
        self.site = site
        self.converted: list[str] = []
        self.spoken: list[str] = []

    async def prompt(self, text: str, language: str, voice: str = "") -> str:
        self.spoken.append(text)
        return f"cache/{language}/{text}"

    async def convert(self, upload_path_relative: str, name: str) -> str:
        self.converted.append(upload_path_relative)
        made = self.site / "cache" / f"{name}.s16"
        made.parent.mkdir(exist_ok=True)
        made.write_bytes(b"\0\0")
        return str(made.relative_to(self.site))


async def test_file_is_noticed_within_a_second_and_made_again_when_it_is_gone(
    tmp_path: Path,
) -> None:
    now = [100.0]
    maker = Maker(tmp_path)
    prompts = Prompts(tmp_path, maker, monotonic=lambda: now[0])
    (tmp_path / "prompts").mkdir()
    assert await prompts.music() == ""
    (tmp_path / "prompts" / f"{MUSIC}.wav").write_bytes(b"RIFF")
    assert not prompts.has(MUSIC)
    now[0] += LOOK_EVERY
    assert prompts.has(MUSIC)
    made = await prompts.music()
    assert made == f"cache/{MUSIC}.s16"
    assert maker.converted == [f"prompts/{MUSIC}.wav"]
    (tmp_path / made).unlink()
    now[0] += LOOK_EVERY
    assert await prompts.path(Speech(file=MUSIC)) == made
    assert maker.converted == [f"prompts/{MUSIC}.wav"] * 2
    (tmp_path / "prompts" / f"{MUSIC}.wav").unlink()
    now[0] += LOOK_EVERY
    assert await prompts.music() == ""


async def test_text_is_asked_for_once_a_second_and_few_are_remembered(tmp_path: Path) -> None:
    now = [100.0]
    maker = Maker(tmp_path)
    prompts = Prompts(tmp_path, maker, monotonic=lambda: now[0])
    for language in ("en", "zh", "en", "zh"):
        said = Speech(text="welcome", language=language)
        assert await prompts.path(said) == f"cache/{language}/welcome"
    assert maker.spoken == ["welcome"] * 2
    now[0] += LOOK_EVERY
    assert await prompts.path(Speech(text="welcome", language="en")) == "cache/en/welcome"
    assert maker.spoken == ["welcome"] * 3
    for number in range(MOST_TEXTS):
        await prompts.path(Speech(text=f"place {number}", language="en"))
    await prompts.path(Speech(text="welcome", language="en"))
    assert len(maker.spoken) == 3 + MOST_TEXTS + 1
