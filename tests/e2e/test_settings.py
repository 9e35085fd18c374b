"""Settings of a whole hotline changed in its console, from site files to the exported ones."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest
from console_visitor import visitor
from running_site import PYTHON, RunningSite

from daemon.site_files.site_tables import FILES, SiteTables, read_tables
from tests.fakes.html_form import form_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "clinic"

pytestmark = pytest.mark.e2e


def take_example(site: RunningSite) -> None:
    """Put the example's tables into a fresh site, with its administrator."""
    people = (site.path / "people.toml").read_text()
    first = people.index("[[people]]")
    administrator = people[first : people.index("[[people]]", first + 1)]
    for name in FILES:
        shutil.copy(EXAMPLE / name, site.path / name)
    with (site.path / "people.toml").open("a") as file:
        file.write(f"\n{administrator}")
    shutil.copy(EXAMPLE / "flows" / "main.yaml", site.path / "flows" / "main.yaml")


def exported(site: RunningSite, folder: Path) -> SiteTables:
    command = [PYTHON, "-m", "daemon", "export", "--site", str(site.path), "--to", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    shutil.copytree(site.path / "flows", folder / "flows")
    return read_tables(folder)


@pytest.mark.timeout(150)
async def test_every_form_of_the_example_saves_what_it_shows(
    site: RunningSite, tmp_path: Path
) -> None:
    told = site.init()
    take_example(site)
    before = read_tables(site.path)
    site.start()
    client = await visitor(site, told["login"], told["password"])
    paths = [
        *(f"/queues/{queue.slug}" for queue in before.queues.queues),
        *(f"/agents/{person.login}" for person in before.people.people),
        *(f"/tiers/{tier.slug}" for tier in before.callers.tiers),
        *(f"/calendars/{calendar.name}" for calendar in before.calendars.calendars),
        *(f"/stations/{station.name}" for station in before.people.stations),
    ]
    for path in paths:
        saved = await client.post(path, form_of((await client.get(path)).text))
        assert saved.status == 302, (path, saved.text)
    assert (await client.post("/queues/pharmacy/unattended")).status == 302
    async with asyncio.timeout(10):
        while "unattended" not in (await client.get("/live/parts")).text:
            await asyncio.sleep(0.1)
    assert (await client.post("/queues/pharmacy/attended")).status == 302
    after = await asyncio.to_thread(exported, site, tmp_path / "out")
    assert (after.queues, after.callers) == (before.queues, before.callers)
    assert after.calendars == before.calendars
    for old, new in zip(before.people.people, after.people.people, strict=True):
        assert (old.skills, old.reserve, old.queues) == (new.skills, new.reserve, new.queues)
        assert (old.capacity, old.interruptible) == (new.capacity, new.interruptible)
