"""What people ask of faxes: rights, files, guards, the list and the audit."""

import asyncio

import pytest

from acd_core.ids import to_text
from daemon.config import TelephoneOptions
from daemon.control.dial_plan import DialPlan, NumberEntry
from daemon.control.faxes.spool import FaxJob
from daemon.fax import messages as fax
from daemon.fax.options import FaxOptions
from daemon.service.errors import ServiceError
from daemon.service.fax.faxes import Fax, FaxState
from daemon.service.messages import Actor
from tests.fakes.facade_rig import ANN, BOB, ROOT, SUE, TINA, FacadeRig
from tests.fakes.fax_pages import write_pages


def drop_file(facade: FacadeRig, name: str = "letter.tif") -> str:
    """A file that the console has put into ``incoming/``."""
    write_pages(facade.site.path / "incoming" / name, ["a page"])
    return f"incoming/{name}"


async def refused(request: object, code: str) -> None:
    with pytest.raises(ServiceError) as error:
        await request  # type: ignore[misc]
    assert error.value.code == code


@pytest.fixture
def allowed(hotline: FacadeRig) -> FacadeRig:
    hotline.rig.controller.telephones = TelephoneOptions(allowed=("0",))
    return hotline


async def listed(
    hotline: FacadeRig, who: Actor, *, limit: int = 10, offset: int = 0
) -> tuple[Fax, ...]:
    return (await hotline.service.list_faxes(who, limit, offset)).faxes


async def test_who_may_send_sees_his_own_and_watchers_see_all(allowed: FacadeRig) -> None:
    service = allowed.service
    one = await service.send_fax(ANN, drop_file(allowed), "letter.tif", "030 5551")
    assert (one.state, one.number, one.by) == (FaxState.PREPARING, "0305551", "ann")
    two = await service.send_fax(SUE, drop_file(allowed, "b.tif"), "b.tif", "0305552")
    assert [each.fax for each in await listed(allowed, SUE)] == [two.fax, one.fax]
    assert [each.fax for each in await listed(allowed, ANN)] == [one.fax]
    assert await listed(allowed, BOB) == ()
    await refused(service.fax(BOB, one.fax), "not-found")
    await refused(service.cancel_fax(BOB, one.fax), "not-found")
    await refused(service.list_faxes(TINA, 10), "forbidden")
    await refused(service.send_fax(TINA, drop_file(allowed), "x", "0305551"), "forbidden")
    assert await service.fax(ROOT, one.fax) == one
    acts = [(who, what) for who, what, _ in await allowed.acts() if what.startswith("fax")]
    assert acts == [("ann", "fax.send"), ("sue", "fax.send")]


async def test_numbers_and_files_that_may_not_be_are_refused(allowed: FacadeRig) -> None:
    service = allowed.service
    await refused(service.send_fax(ANN, drop_file(allowed), "x", "nobody"), "invalid")
    await refused(service.send_fax(ANN, drop_file(allowed), "x", "1234567"), "conflict")
    for path in ("incoming/none.tif", "../x.tif", "hookflash.toml", "incoming"):
        await refused(service.send_fax(ANN, path, "x", "0305551"), "invalid")
    (allowed.site.path / "incoming" / "empty.pdf").touch()
    await refused(service.send_fax(ANN, "incoming/empty.pdf", "x", "0305551"), "invalid")
    await refused(service.fax(ANN, "nonsense"), "not-found")
    assert await listed(allowed, SUE) == ()


async def test_without_allowed_numbers_nobody_sends(hotline: FacadeRig) -> None:
    await refused(hotline.service.send_fax(ROOT, drop_file(hotline), "x", "0305551"), "conflict")


async def test_names_command_no_terminal(allowed: FacadeRig) -> None:
    name = "let\x1b[2Jter\n传真.tif"
    sent = await allowed.service.send_fax(ANN, drop_file(allowed), name, "0305551")
    assert sent.name == "let[2Jter传真.tif"
    assert ("ann", "fax.send", "0305551 let[2Jter传真.tif") in await allowed.acts()


async def test_fax_is_cancelled_once(allowed: FacadeRig) -> None:
    service = allowed.service
    sent = await service.send_fax(ANN, drop_file(allowed), "letter.tif", "0305551")
    assert (await service.cancel_fax(ANN, sent.fax)).state is FaxState.CANCELLED
    await refused(service.cancel_fax(ANN, sent.fax), "wrong-state")


async def test_pages_that_are_there_can_be_read(allowed: FacadeRig) -> None:
    service, outbox = allowed.service, allowed.rig.controller.faxes.outbox
    sent = await service.send_fax(ANN, drop_file(allowed), "letter.tif", "0305551")
    await refused(service.fax_read(ANN, sent.fax), "not-found")
    running = asyncio.create_task(outbox.run())
    [job] = outbox.jobs.values()
    await prepared(job)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    path = await service.fax_read(SUE, sent.fax)
    assert (allowed.site.path / path).read_bytes().startswith(b"%PDF")
    assert ("sue", "fax.read", sent.fax) in await allowed.acts()


async def prepared(job: FaxJob) -> None:
    """Its file has been made a fax."""
    async with asyncio.timeout(20):
        while job.state is FaxState.PREPARING:
            await asyncio.sleep(0.02)


async def test_faxes_that_come_in_are_listed_with_how_they_go(allowed: FacadeRig) -> None:
    rig = allowed.rig
    rig.controller.dial_plan = DialPlan((NumberEntry(number="700", flow="faxes"),), {})
    line = await rig.call("700", ani="0305550100")
    rig.media.faxes.progress(1)
    await rig.settle()
    await allowed.to_database()
    [coming] = await listed(allowed, SUE)
    assert (coming.direction, coming.state, coming.pages) == ("in", FaxState.RECEIVING, 1)
    assert (coming.rate, coming.ecm, coming.slips, coming.gaps) == (14400, True, 1, 2)
    assert (coming.number, coming.name, coming.station) == ("0305550100", "2001", "5550100")
    assert not coming.readable
    assert await listed(allowed, ANN) == ()
    rig.media.faxes.end(code=fax.OK, pages=2)
    await rig.settle()
    await rig.hear_out(line)
    await allowed.to_database()
    [came] = await listed(allowed, SUE)
    assert (came.state, came.pages, came.readable) == (FaxState.RECEIVED, 2, True)
    line = await rig.call("700")
    rig.media.faxes.end(code=28, pages=0)
    await rig.settle()
    await rig.hear_out(line)
    await allowed.to_database()
    [failed] = await listed(allowed, Actor(login="root"), limit=1)
    assert (failed.state, failed.why_en) == (FaxState.FAILED, "the line is too poor for a fax")
    assert not failed.readable
    assert failed.call == to_text(rig.calls()[-1].id)


async def test_list_is_read_in_pages_of_both_kinds(allowed: FacadeRig) -> None:
    rig = allowed.rig
    rig.controller.dial_plan = DialPlan((NumberEntry(number="700", flow="faxes"),), {})
    order = []
    for number in range(3):
        sent = await allowed.service.send_fax(ANN, drop_file(allowed), "a.tif", "0305551")
        line = await rig.call("700", ani=f"030555{number}")
        rig.media.faxes.end(pages=1)
        await rig.settle()
        await rig.hear_out(line)
        order = [f"030555{number}", sent.fax, *order]
    await allowed.to_database()
    found = await listed(allowed, SUE)
    assert [each.fax if each.direction == "out" else each.number for each in found] == order
    parts = [await allowed.service.list_faxes(SUE, 2, offset) for offset in (0, 2, 4, 6)]
    assert tuple(fax for part in parts for fax in part.faxes) == found
    assert {part.total for part in parts} == {6}
    assert [part.offset for part in parts] == [0, 2, 4, 6]
    own = await allowed.service.list_faxes(ANN, 2, 1)
    assert (own.total, [each.fax for each in own.faxes]) == (3, [order[3], order[5]])
    assert (await allowed.service.list_faxes(SUE, 10, 10**9)).faxes == ()
    assert (await allowed.service.list_faxes(SUE, -1, -1)).faxes == found[:1]


async def test_more_faxes_than_may_wait_are_refused(allowed: FacadeRig) -> None:
    service, outbox = allowed.service, allowed.rig.controller.faxes.outbox
    outbox.options = FaxOptions(waiting=3, waiting_each=2)
    sent = [await service.send_fax(ANN, drop_file(allowed), "a.tif", "0305551") for _ in range(2)]
    with pytest.raises(ServiceError) as full:
        await service.send_fax(ANN, drop_file(allowed), "a.tif", "0305551")
    assert (full.value.code, "waiting_each" in full.value.en) == ("rate-limited", True)
    await service.send_fax(SUE, drop_file(allowed), "a.tif", "0305551")
    with pytest.raises(ServiceError) as full:
        await service.send_fax(SUE, drop_file(allowed), "a.tif", "0305551")
    assert (full.value.code, "waiting_each" in full.value.en) == ("rate-limited", False)
    await service.cancel_fax(ANN, sent[0].fax)
    await service.send_fax(ANN, drop_file(allowed), "a.tif", "0305551")
