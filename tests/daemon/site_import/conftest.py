from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data() -> Path:
    """Configurations written for these tests."""
    return Path(__file__).parents[2] / "data" / "site_import"
