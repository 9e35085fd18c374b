"""What media is told to say while control is away."""

from collections.abc import Awaitable, Sequence

import pytest

from daemon.control.flows.preparation import ABSENT, prepare_absence
from daemon.control.flows.prompts import Prompts
from daemon.link.errors import MediaAway
from speech.errors import SpeechError
from tests.fakes.control_rig import ControlRig


class Told:
    """Media, as far as it is told what to say."""

    def __init__(self, *, away: bool = False) -> None:
        self.said: list[tuple[str, ...]] = []
        self._away = away

    def say_while_away(self, files: Sequence[str]) -> Awaitable[None]:
        return self._take(tuple(files))

    async def _take(self, files: tuple[str, ...]) -> None:
        if self._away:
            raise MediaAway("not there")
        self.said.append(files)


class Mute:
    """Speech that cannot speak."""

    async def prompt(self, text: str, language: str, voice: str = "") -> str:
        raise SpeechError("no voice")

    async def convert(self, upload_path_relative: str, name: str) -> str:
        raise SpeechError("no converter")


@pytest.mark.parametrize("language", sorted(ABSENT))
async def test_a_text_is_spoken_in_the_language_of_the_site(rig: ControlRig, language: str) -> None:
    media = Told()
    await prepare_absence(rig.controller.prompts, media, language)
    ((path,),) = media.said
    assert rig.speech.texts[path] == ABSENT[language]


async def test_an_uploaded_file_is_taken_instead(rig: ControlRig) -> None:
    (rig.site / "prompts").mkdir()
    (rig.site / "prompts" / "please_hold.wav").write_bytes(b"RIFF")
    media = Told()
    await prepare_absence(rig.controller.prompts, media, "en")
    assert media.said == [("cache/prompts/please_hold.8k.s16",)]


async def test_without_voice_or_media_it_is_left_at_the_beep(rig: ControlRig) -> None:
    media = Told()
    await prepare_absence(Prompts(rig.site, Mute()), media, "en")
    assert media.said == []
    await prepare_absence(rig.controller.prompts, Told(away=True), "en")
