"""The example sites are read without faults, and the engine takes what they say."""

from pathlib import Path

import pytest

from acd_core.call_queue import check_queue, check_tier
from daemon.self_check import _flow_references
from daemon.site_files.site_tables import flow_names, read_tables
from daemon.store.connection import opened_store
from daemon.store.first_import import export_tables, import_tables
from daemon.store.loader import load_agents, load_queues, load_tiers
from ivr.flow import load_flow

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.iterdir()))
async def test_example_is_a_site_that_starts(tmp_path: Path, name: str) -> None:
    site = EXAMPLES / name
    tables = read_tables(site)
    for flow_name in flow_names(site):
        flow = load_flow((site / "flows" / f"{flow_name}.yaml").read_bytes(), flow_name)
        assert list(_flow_references(f"{flow_name}.yaml", flow, tables)) == []
    async with opened_store(tmp_path / "hookflash.db"):
        await import_tables(tables, realm="clinic", now_ms=0)
        exported = await export_tables()
        queues = await load_queues(1)
        tiers = await load_tiers(1)
        agents = await load_agents(1)
    for told in queues:
        check_queue(told.config)
    for tier in tiers:
        check_tier(tier.config)
    assert exported.queues == tables.queues
    assert exported.callers == tables.callers
    assert len(queues) == len(tables.queues.queues)
    assert len(agents) == sum("agent" in person.roles for person in tables.people.people)
