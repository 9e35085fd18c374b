"""Hotlines for end-to-end tests; every process they start is ended."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from running_site import RunningSite


@pytest.fixture
def site(tmp_path: Path) -> Iterator[RunningSite]:
    # A socket's path is short, and pytest's folders are not.
    hotline = RunningSite(tmp_path)
    yield hotline
    hotline.stop()
