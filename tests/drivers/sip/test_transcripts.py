"""What goes over the wire, as text: each file is one conversation."""

from pathlib import Path

import pytest

from tests.fakes.sip_bench import Transcript

FOLDER = Path(__file__).parents[2] / "transcripts" / "sip"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_transcript_plays_as_written(path: Path) -> None:
    Transcript(path).play()
