from pathlib import Path

import pytest

from acd_core.events import AgentConfigured, QueueConfigured
from daemon.errors import ConfigError
from daemon.site_directory import SiteDirectory
from daemon.site_files.site_tables import parse_tables
from daemon.site_files.toml_writing import write_toml
from daemon.store.connection import open_database
from daemon.store.first_import import export_tables
from daemon.store.flows import FlowVersion
from daemon.store.loader import (
    load_agents,
    load_calendars,
    load_flows,
    load_queues,
    load_skills,
    load_stations,
)
from daemon.store.people import Station, User

FLOW = """\
version: 1
languages: [en]
start: bye
nodes:
  bye: {kind: hang_up}
"""
PEOPLE = """\
[[people]]
login = "admin"
roles = ["administrator"]
password_hash = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo"
must_change_password = true

[[people]]
login = "anna"
name = "Anna 安娜"
station = "2001"
skills = { sales = 8, english = 10 }

[[stations]]
name = "2001"
secret = "s3cret"

[[stations]]
name = "301"
line = "board/3"

[[pause_reasons]]
slug = "lunch"
en = "Lunch"
zh = "午餐"
"""
QUEUES = """\
[[queues]]
slug = "sales"
skills = { sales = 5 }
max_wait_s = 120
"""
NUMBERS = """\
[[numbers]]
number = "+49301*"
flow = "bye"
calendar = "office"
"""
CALENDARS = """\
[[calendars]]
name = "office"
week = { mon = ["09:00-12:30", "13:30-18:00"] }
days = { 2027-01-01 = [] }
"""


@pytest.fixture
def site(tmp_path: Path) -> SiteDirectory:
    directory = tmp_path / "site"
    (directory / "flows").mkdir(parents=True)
    (directory / "hookflash.toml").write_text(f'[site]\nrun_dir = "{tmp_path}/run"\n')
    (directory / "people.toml").write_text(PEOPLE)
    (directory / "queues.toml").write_text(QUEUES)
    (directory / "numbers.toml").write_text(NUMBERS)
    (directory / "calendars.toml").write_text(CALENDARS)
    (directory / "flows" / "bye.yaml").write_text(FLOW)
    (directory / "flows" / "draft.yaml").write_text("not a flow")
    return SiteDirectory.open(directory)


async def test_the_files_are_imported_once(site: SiteDirectory) -> None:
    for _ in range(2):
        store = await open_database(site)
        with store.current():
            assert await User.all().count() == 2
            assert await FlowVersion.all().values_list("name", "active") == [("bye", True)]
        await store.close()


async def test_engines_get_what_the_files_said(site: SiteDirectory) -> None:
    store = await open_database(site)
    with store.current():
        skills = await load_skills()
        (queue,) = await load_queues(version=7)
        (agent,) = await load_agents(version=7)
        calendars = await load_calendars("Europe/Berlin")
        assert isinstance(queue, QueueConfigured)
        assert isinstance(agent, AgentConfigured)
        assert queue.config.max_wait_s == 120
        assert [(r.skill, r.level) for r in queue.config.required] == [(skills["sales"], 5)]
        assert agent.config.skills == {skills["sales"]: 8, skills["english"]: 10}
        assert calendars["office"].zone == "Europe/Berlin"
        assert [station.name for station in await load_stations()] == ["2001", "301"]
        assert [flow.name for flow in await load_flows()] == ["bye"]
    await store.close()


async def test_only_digests_of_a_stations_secret_are_stored(site: SiteDirectory) -> None:
    store = await open_database(site)
    with store.current():
        station = await Station.get(name="2001")
    await store.close()
    # md5 and sha256 of "2001:hookflash:s3cret", computed with md5sum and sha256sum
    assert station.ha1_md5 == "a0fec5c50169fd203e9d6ad95df9bc89"
    assert station.ha1_sha256 == "fe20de2bab5085134054c7d4bb1a97a6dc40455bf7b3390d546ea9b4fe7b4f09"


async def test_what_is_exported_can_be_imported(site: SiteDirectory) -> None:
    store = await open_database(site)
    with store.current():
        tables = await export_tables()
    await store.close()
    contents = {
        "people.toml": write_toml(tables.people),
        "queues.toml": write_toml(tables.queues),
        "numbers.toml": write_toml(tables.numbers),
        "calendars.toml": write_toml(tables.calendars),
    }
    assert b"s3cret" not in contents["people.toml"]
    assert parse_tables(contents, {"bye"}) == tables


async def test_faults_in_the_files_leave_the_database_empty(site: SiteDirectory) -> None:
    (site.path / "numbers.toml").write_text('[[numbers]]\nnumber = "1"\nqueue = "salse"\n')
    with pytest.raises(ConfigError, match="did you mean 'sales'"):
        await open_database(site)
    (site.path / "numbers.toml").write_text("")
    store = await open_database(site)
    with store.current():
        assert await User.all().count() == 2
    await store.close()
