"""Flows in force: drafts become versions, and calls keep the one they began with."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from daemon.control.facade.flow_settings import FlowSettings
from daemon.store.connection import opened_store
from speech.client import SpeechClient

DRAFT = """\
version: 1
title: {title}
languages: [en]
start: bye
nodes:
  bye:
    kind: hang_up
"""


@pytest.fixture
async def settings(tmp_path: Path, facade_database: Path | str) -> AsyncIterator[FlowSettings]:
    flows = tmp_path / "flows"
    flows.mkdir()
    site = SimpleNamespace(flows=flows, path=tmp_path)
    async with opened_store(facade_database):
        yield FlowSettings(site, SpeechClient(tmp_path / "none.sock"), lambda: 1.8e9)


def draft(settings: FlowSettings, title: str) -> None:
    (settings._site.flows / "main.yaml").write_text(DRAFT.format(title=title))


async def activated(settings: FlowSettings, title: str) -> int:
    draft(settings, title)
    await settings.activate_drafts()
    found = settings.get("main")
    assert found is not None
    assert found.flow.title == title
    return found.version


async def test_changed_draft_becomes_the_next_version(settings: FlowSettings) -> None:
    assert await activated(settings, "Day") == 1
    assert await activated(settings, "Day") == 1
    assert await activated(settings, "Night") == 2
    assert [(f.version, f.differs) for f in await settings.list_flows()] == [(2, False)]
    draft(settings, "Later")
    assert [(f.version, f.differs) for f in await settings.list_flows()] == [(2, True)]


async def test_call_of_before_keeps_the_version_it_began_with(settings: FlowSettings) -> None:
    await activated(settings, "Day")
    await activated(settings, "Night")
    await settings.keep_versions([("main", 1), ("main", 2), ("gone", 7)])
    titles = [settings.get("main", version) for version in (1, 2, 0)]
    assert [found.flow.title for found in titles if found] == ["Day", "Night", "Night"]
    assert settings.get("gone", 7) is None


async def test_draft_with_a_fault_leaves_the_version_before_in_force(
    settings: FlowSettings,
) -> None:
    await activated(settings, "Day")
    (settings._site.flows / "main.yaml").write_text("version: 1\nstart: nowhere\n")
    await settings.activate_drafts()
    found = settings.get("main")
    assert found is not None
    assert (found.version, found.flow.title) == (1, "Day")
