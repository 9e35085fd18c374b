"""T.38 on lines of the driver: asked, accepted, refused, and calls that end meanwhile."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from cython_ext.sip_wire import parse
from drivers.api import RtpAddress
from drivers.events import Answered, Released, Replaced, Ringing
from drivers.sip.fax.line import ANSWER_S
from drivers.t38 import T38Asked, T38Left, T38Line, T38Terms, T38Told, T38Withdrawn
from tests.drivers.sip.test_driver import LOOPBACK_OFFER, Caller, tag_of
from tests.drivers.sip.test_t38 import IMAGE
from tests.fakes.sip_bench import response

LOCAL = RtpAddress("127.0.0.1", 7000)
LOOPBACK_IMAGE = IMAGE.replace(b"192.0.2.9", b"127.0.0.1")
TERMS = T38Terms(remote=RtpAddress("127.0.0.1", 4100), bit_rate=9600, most=72)


@pytest.fixture
def caller(running: Any) -> Iterator[Caller]:
    made = Caller(running)
    yield made
    made.sock.close()


async def talk(running: Any, caller: Caller) -> tuple[Any, str]:
    """A call that stands: its line, and our tag."""
    caller.send("INVITE", body=LOOPBACK_OFFER)
    ringing = await running.wait_for(Ringing)
    line = running.driver.line(ringing.line)
    assert isinstance(line, T38Line)
    await line.answer()
    tag = tag_of(await caller.until("SIP/2.0 200"))
    caller.send("ACK", branch="a", to_tag=tag)
    await running.wait_for(Answered)
    return line, tag


async def replace(running: Any, caller: Caller, tag: str) -> None:
    """A third one takes the place of the caller."""
    replaces = ("Replaces", f"c1;to-tag={tag};from-tag=peer")
    caller.send(
        "INVITE",
        call_id="c2",
        branch="r",
        from_tag="third",
        headers=(replaces,),
        body=LOOPBACK_OFFER,
    )
    await running.wait_for(Replaced)


async def test_far_end_asks_and_is_answered(running: Any, caller: Caller) -> None:
    line, tag = await talk(running, caller)
    assert not await line.accept_t38(LOCAL)
    caller.send("INVITE", branch="i", cseq=2, to_tag=tag, body=LOOPBACK_IMAGE)
    asked = await running.wait_for(T38Asked)
    assert asked.terms == TERMS
    assert await line.accept_t38(LOCAL)
    assert "m=image 7000 udptl t38" in await caller.until("SIP/2.0 200")
    # Our offer waits for the ACK of theirs.
    await line.leave_t38()
    caller.send("ACK", branch="b", cseq=2, to_tag=tag)
    assert "m=audio" in await caller.until("INVITE")


async def test_far_end_asks_in_vain(running: Any, caller: Caller) -> None:
    line, tag = await talk(running, caller)
    caller.send("INVITE", branch="i", cseq=2, to_tag=tag, body=LOOPBACK_IMAGE)
    await running.wait_for(T38Asked)
    await line.refuse_t38()
    await caller.until("SIP/2.0 488")


async def test_far_end_asks_too_early_and_takes_its_question_back(
    running: Any, caller: Caller
) -> None:
    line, tag = await talk(running, caller)
    caller.send("INVITE", branch="i", cseq=2, to_tag=tag, body=LOOPBACK_IMAGE)
    await running.wait_for(T38Asked)
    await line.refuse_t38(later=True)
    await caller.until("SIP/2.0 491")
    caller.send("ACK", branch="i", cseq=2, to_tag=tag)
    caller.send("INVITE", branch="j", cseq=3, to_tag=tag, body=LOOPBACK_IMAGE)
    await running.wait_for(T38Asked)
    caller.send("CANCEL", branch="j", cseq=3, to_tag=tag)
    assert (await running.wait_for(T38Withdrawn)).line == line.id
    assert not await line.accept_t38(LOCAL)


@pytest.mark.parametrize(("status", "terms"), [(200, TERMS), (488, None)])
async def test_we_ask(running: Any, caller: Caller, status: int, terms: T38Terms | None) -> None:
    line, _ = await talk(running, caller)
    asking = asyncio.create_task(line.offer_t38(LOCAL))
    invite = await caller.until("INVITE")
    assert "m=image 7000 udptl t38" in invite
    assert await line.offer_t38(LOCAL) is None  # one after the other
    body = LOOPBACK_IMAGE if status == 200 else b""
    contact = (("Contact", f"<sip:caller@{caller.place}>"),)
    caller.sock.sendto(
        response(parse(invite.encode()), status, headers=contact, body=body), caller.target
    )
    assert await asking == terms
    await caller.until("ACK")


@pytest.mark.parametrize(("status", "terms"), [(200, TERMS), (488, None)])
async def test_what_we_propose_is_answered_by_an_event(
    running: Any, caller: Caller, status: int, terms: T38Terms | None
) -> None:
    line, _ = await talk(running, caller)
    assert await line.propose_t38(LOCAL, like=TERMS)
    assert not await line.propose_t38(LOCAL, like=TERMS)  # one after the other
    assert await line.offer_t38(LOCAL) is None
    invite = await caller.until("INVITE")
    assert "a=T38FaxMaxDatagram:72" in invite
    body = LOOPBACK_IMAGE if status == 200 else b""
    contact = (("Contact", f"<sip:caller@{caller.place}>"),)
    caller.sock.sendto(
        response(parse(invite.encode()), status, headers=contact, body=body), caller.target
    )
    told = await running.wait_for(T38Told)
    assert (told.line, told.terms) == (line.id, terms)


async def test_call_that_ends_meanwhile_answers_everybody(running: Any, caller: Caller) -> None:
    line, tag = await talk(running, caller)
    asking = asyncio.create_task(line.offer_t38(LOCAL))
    await caller.until("INVITE")
    caller.send("BYE", branch="bye", cseq=2, to_tag=tag)
    await running.wait_for(Released)
    assert await asking is None
    assert await line.offer_t38(LOCAL) is None
    assert not await line.accept_t38(LOCAL)


async def test_call_that_ends_while_we_propose_is_told(running: Any, caller: Caller) -> None:
    line, tag = await talk(running, caller)
    assert await line.propose_t38(LOCAL, like=TERMS)
    caller.send("BYE", branch="bye", cseq=2, to_tag=tag)
    assert (await running.wait_for(T38Told)).over
    await running.wait_for(Released)


async def test_call_that_ends_while_we_decide_is_told(running: Any, caller: Caller) -> None:
    line, tag = await talk(running, caller)
    caller.send("INVITE", branch="i", cseq=2, to_tag=tag, body=LOOPBACK_IMAGE)
    await running.wait_for(T38Asked)
    await line.release()
    await caller.until("SIP/2.0 487")
    assert not await line.accept_t38(LOCAL)


def answer(caller: Caller, invite: str, body: bytes) -> None:
    """The far end's yes to our re-INVITE."""
    contact = (("Contact", f"<sip:caller@{caller.place}>"),)
    data = response(parse(invite.encode()), 200, headers=contact, body=body)
    caller.sock.sendto(data, caller.target)


async def test_yes_that_nobody_waits_for_any_longer_leads_back_to_audio(
    running: Any, caller: Caller
) -> None:
    line, _ = await talk(running, caller)
    asking = asyncio.create_task(line.offer_t38(LOCAL))
    invite = await caller.until("INVITE")
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    answer(caller, invite, LOOPBACK_IMAGE)
    assert "m=audio" in await caller.until("INVITE")


async def test_who_does_not_answer_a_proposal_in_time_stays_with_audio(
    running: Any, caller: Caller
) -> None:
    line, _ = await talk(running, caller)
    assert await line.propose_t38(LOCAL, like=TERMS)
    invite = await caller.until("INVITE")
    loop = asyncio.get_running_loop()
    assert 0 < line._proposed.when() - loop.time() <= ANSWER_S
    line._tell_answer(None)  # as when that time is over
    assert (await running.wait_for(T38Told)).terms is None
    answer(caller, invite, LOOPBACK_IMAGE)
    assert "m=audio" in await caller.until("INVITE")
    assert len([each for each in running.told if isinstance(each, T38Told)]) == 1


async def test_call_that_another_one_replaces_answers_who_asked_in_it(
    running: Any, caller: Caller
) -> None:
    line, tag = await talk(running, caller)
    caller.send("INVITE", branch="i", cseq=2, to_tag=tag, body=LOOPBACK_IMAGE)
    await running.wait_for(T38Asked)
    await replace(running, caller, tag)
    texts = [await caller.receive()]
    while not texts[-1].startswith("SIP/2.0 487"):
        texts.append(await caller.receive())
    assert not await line.accept_t38(LOCAL)


async def test_call_that_another_one_replaces_takes_its_t38_along(
    running: Any, caller: Caller
) -> None:
    line, tag = await talk(running, caller)
    caller.send("INVITE", branch="i", cseq=2, to_tag=tag, body=LOOPBACK_IMAGE)
    await running.wait_for(T38Asked)
    assert await line.accept_t38(LOCAL)
    caller.send("ACK", branch="b", cseq=2, to_tag=tag)
    await replace(running, caller, tag)
    assert (await running.wait_for(T38Left)).line == line.id
