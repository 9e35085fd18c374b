"""The console reads from PostgreSQL what it reads from SQLite, and says when it is away."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from admin.records import CallFilter, Records
from daemon.store.postgresql.copying import copy_records
from tests.fakes.console_rig import PASSWORD, ZONE, make_hotline, make_site, running_console
from tests.fakes.postgresql_cluster import PostgresqlCluster

NOW = 1_795_300_000.0
CALLS = 24
DAY = datetime.fromtimestamp(NOW, UTC).astimezone(ZONE).date().isoformat()
FILTERS = (
    CallFilter(),
    CallFilter(first=DAY, last=DAY),
    CallFilter(last="2020-01-01"),
    CallFilter(agent="li"),
    CallFilter(agent="nobody"),
    CallFilter(number="0755 2000"),
    CallFilter(number="%"),
    CallFilter(outcome="open"),
    *(
        CallFilter(queue=queue, outcome=outcome)
        for queue, outcome in itertools.product(("", "sales"), ("answered", "refused", "open"))
    ),
)


def nobody(table: str, there: int, total: int) -> None:
    """Nobody looks on."""


@pytest.fixture
def url(postgresql: PostgresqlCluster) -> Iterator[str]:
    with postgresql.database(filled=True) as made:
        yield made


async def told(database: Path | str) -> list[object]:
    records = Records(database, ZONE)
    try:
        found: list[object] = [await records.calls(wanted) for wanted in FILTERS]
        found += [await records.calls(CallFilter(), offset=7, limit=11)]
        lines, _ = await records.calls(CallFilter(), limit=9)
        return found + [await records.call(line.call) for line in lines]
    finally:
        await records.close()


async def test_lists_and_calls_are_the_same_from_both(tmp_path: Path, url: str) -> None:
    await make_site(tmp_path / "site", NOW, CALLS)
    source = tmp_path / "site" / "hookflash.db"
    await copy_records(source, url, nobody)
    there, here = await told(source), await told(url)
    assert msgspec.to_builtins(here) == msgspec.to_builtins(there)
    assert here[0][1] == CALLS  # type: ignore[index]


async def test_pages_say_that_the_records_are_away_until_the_server_is_back(
    tmp_path: Path, url: str, postgresql: PostgresqlCluster
) -> None:
    await make_site(tmp_path / "site", NOW, 4)
    await copy_records(tmp_path / "site" / "hookflash.db", url, nobody)
    hotline = make_hotline(lambda: NOW)
    async with running_console(tmp_path, hotline, tmp_path / "site", database=url) as console:
        client = console.client()
        await client.log_in("sam", PASSWORD)
        assert (await client.get("/calls")).status == 200
        postgresql.stop()
        reply = await client.get("/calls")
        assert (reply.status, "not available yet" in reply.text) == (503, True)
        assert (await client.get("/live")).status == 200
        postgresql.start()
        assert (await client.get("/calls")).status == 200
