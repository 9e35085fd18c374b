"""The machine on which the units run, in whose network the tests are."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# People on telephones are those of the end-to-end tests.
sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

from tests.systemd.installation import install
from tests.systemd.machine import Machine, what_is_missing


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    if missing := what_is_missing():
        pytest.fail(missing)
    booted = Machine(tmp_path_factory.mktemp("m"))
    try:
        install(booted)
        with booted.network():
            yield booted
    finally:
        booted.end()
