import asyncio
import random
from pathlib import Path

import pytest

from drivers.errors import LinkLost
from drivers.sip.simulator.agent import UserAgent
from drivers.sip.simulator.call import Refused, State
from drivers.sip.simulator.packets import Media, Packet, digest

VECTOR = {
    "user": "2001", "password": "s3cret", "method": "REGISTER", "uri": "sip:pbx.example",
    "cnonce": "0a4f113b",
}  # fmt: skip
HERE = Media("127.0.0.1", 40_000)
THERE = Media("127.0.0.1", 40_002, payload_type=0)


@pytest.fixture
async def pair():
    one = await UserAgent("1001", t1=0.02, chance=random.Random(1)).open()
    other = await UserAgent("2001", t1=0.02, chance=random.Random(2)).open()
    yield one, other
    await one.close()
    await other.close()


async def established(pair):
    one, other = pair
    call = one.call("2001", other.address, HERE, ani="5550100")
    got = await other.incoming.get()
    got.ring()
    await got.answer(THERE)
    await call.answered()
    return call, got


async def soon(event):
    async with asyncio.timeout(5):
        await event.wait()


async def test_call_rings_and_is_answered(pair):
    call, got = await established(pair)
    assert (got.called, got.caller) == ("2001", "5550100")
    assert call.state is got.state is State.TALKING
    assert call.remote_media.port == THERE.port
    assert call.remote_media.payload_type == 8  # what was offered first
    assert got.remote_media.port == HERE.port


@pytest.mark.parametrize("side", [0, 1])
async def test_either_side_hangs_up(pair, side):
    both = await established(pair)
    await both[side].hang_up()
    await soon(both[1 - side].ended)
    assert both[side].ended_by == "local"
    assert both[1 - side].ended_by == "remote"


@pytest.mark.parametrize("side", [0, 1])
async def test_hold_and_retrieve(pair, side):
    both = await established(pair)
    answer = await both[side].change("sendonly")
    assert answer.direction == "recvonly"
    assert both[1 - side].held
    assert (await both[side].change("sendrecv")).direction == "sendrecv"
    assert not both[1 - side].held


async def test_refused_call_says_why(pair):
    one, other = pair
    call = one.call("2001", other.address, HERE)
    (await other.incoming.get()).refuse(486)
    with pytest.raises(Refused) as caught:
        await call.answered()
    assert caught.value.status == 486
    assert call.ended_by == "refused"


async def test_cancelled_call_ends_on_both_sides(pair):
    one, other = pair
    call = one.call("2001", other.address, HERE)
    got = await other.incoming.get()
    got.ring()
    await call.rang.wait()
    await call.cancel()
    await soon(got.ended)
    assert call.state is got.state is State.ENDED
    assert call.status == 487


async def test_answer_that_crosses_the_cancel_is_hung_up(pair):
    one, other = pair
    call = one.call("2001", other.address, HERE)
    got = await other.incoming.get()
    await asyncio.gather(got.answer(THERE), call.cancel())
    await soon(got.ended)
    assert call.state is State.ENDED


async def test_lost_packets_are_sent_again(pair):
    one, other = pair
    for agent in pair:
        lose(agent, every=3)
    call, got = await established(pair)
    await call.hang_up()
    await soon(got.ended)
    del one, other


def lose(agent, every):
    send, count = agent._transport.sendto, iter(range(1, 10_000))

    class Lossy:
        def sendto(self, data, address):
            if next(count) % every:
                send(data, address)

        def __getattr__(self, name):
            return getattr(transport, name)

    transport, agent._transport = agent._transport, Lossy()


async def test_nobody_there_is_link_lost(pair):
    one, _ = pair
    with pytest.raises(LinkLost):
        await one.options(("127.0.0.1", 9))


async def test_options_and_unknown_requests_are_answered(pair):
    one, other = pair
    assert await one.options(other.address) == 200
    lines = ["BYE sip:x@y SIP/2.0", one.via(), "From: <sip:a@b>;tag=1", "To: <sip:c@d>;tag=2"]
    reply = await one.transact([*lines, "Call-ID: none", "CSeq: 7 BYE"], "", other.address)
    assert reply.status == 481


async def test_notify_is_kept(pair):
    one, other = pair
    lines = ["NOTIFY sip:x@y SIP/2.0", one.via(), "From: <sip:a@b>;tag=1", "To: <sip:c@d>"]
    more = ["Call-ID: n", "CSeq: 7 NOTIFY", "Event: message-summary"]
    body = "Messages-Waiting: yes\r\n"
    assert (await one.transact([*lines, *more], body, other.address)).status == 200
    assert other.notified[0].body == body


class Registrar(asyncio.DatagramProtocol):
    """Challenges every REGISTER once, then accepts what it is given."""

    def __init__(self, challenges):
        self.challenges = challenges
        self.requests = []

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        packet = Packet.read(data)
        self.requests.append(packet)
        good = packet.get("authorization")
        lines = ["SIP/2.0 200 OK" if good else "SIP/2.0 401 Unauthorized"]
        lines += [
            f"{name}: {packet.get(name)}" for name in ("via", "from", "to", "call-id", "cseq")
        ]
        lines += [] if good else [f"WWW-Authenticate: {text}" for text in self.challenges]
        self.transport.sendto("\r\n".join([*lines, "", ""]).encode(), address)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_register_answers_the_strongest_challenge(pair, algorithm):
    challenges = ['Digest realm="r", nonce="1", algorithm=MD5, qop="auth"']
    if algorithm != "MD5":
        challenges.append('Digest realm="r", nonce="2", algorithm=SHA-256, qop="auth"')
    loop = asyncio.get_running_loop()
    transport, registrar = await loop.create_datagram_endpoint(
        lambda: Registrar(challenges), ("127.0.0.1", 0)
    )
    try:
        one, _ = pair
        one.password = "pw"
        assert await one.register(transport.get_extra_info("sockname"), "pbx.example") == 200
    finally:
        transport.close()
    first, second = registrar.requests
    assert f"algorithm={algorithm}" in second.get("authorization")
    assert second.number == first.number + 1
    assert second.get("call-id") == first.get("call-id")


@pytest.mark.parametrize(
    ("more", "response"),
    [
        (', qop="auth"', "a0d537adfdfb4caf4db7e1ac86a2d00b"),
        (
            ', qop="auth,auth-int", algorithm=SHA-256',
            "29974c435d31eab461badac7c914c9ad46fbaa9bc11b3f27f0fc11723f8e6e1f",
        ),
        ("", "455b4a53161d84ef7bf0aa184dd39e43"),
    ],
)
def test_digest_vectors(more, response):
    text = digest(f'Digest realm="pbx.example", nonce="5f1c9a"{more}', **VECTOR)
    assert f'response="{response}"' in text


def test_session_descriptions():
    offered = Media.read(HERE.offer(1))
    assert offered == HERE
    taken, text = THERE.answer(offered, 1)
    assert taken.payload_type == 8
    assert Media.read(text) == taken
    assert Media.read("v=0\r\nc=IN IP4 1.2.3.4\r\nm=audio 9 RTP/AVP 18\r\n") is None
    assert Media.read("") is None


def test_torture_messages_do_not_stop_it():
    folder = Path(__file__).parents[2] / "cython_ext" / "torture"
    for path in sorted(folder.glob("*.dat")):
        packet = Packet.read(path.read_bytes())
        assert packet.first
