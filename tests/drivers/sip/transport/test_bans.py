"""Accounts guessed at from many sources, and what an administrator sees and releases."""

import asyncio
import itertools
import socket
import time

import pytest

from drivers.api import Guarded
from tests.drivers.sip.transport.conftest import Peer, counted, header, until

ANSWER_S = 10.0  # more than any answer takes

_hosts = itertools.count(2)


class UdpPeer(Peer):
    """A telephone, or a guesser, at an address of loopback of its own."""

    transport = "UDP"

    def __init__(self, port: int) -> None:
        super().__init__()
        self.host = f"127.0.0.{next(_hosts)}"
        self.contact = f"<sip:2001@{self.host}:5060>"
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((self.host, 0))
        self.sock.connect(("127.0.0.1", port))
        self.sock.setblocking(False)

    async def write(self, data: bytes) -> None:
        self.sock.send(data)

    async def read(self) -> str:
        # Silence is what a ban looks like: who waits for more than this waits for ever.
        async with asyncio.timeout(ANSWER_S):
            data = await asyncio.get_running_loop().sock_recv(self.sock, 65536)
        return data.decode()

    async def guess(self, times: int) -> str:
        """Wrong passwords; the last answer."""
        last = ""
        for number in range(times):
            self.call_id = f"{self.host}-{number}"
            last = await self.register(password="guess")
        return last


@pytest.fixture
async def guarded(open_driver):
    running = await open_driver(
        "udp:127.0.0.1:0", trunks=(), account_ban_after=6, bans_file="sip-bans.nft"
    )
    made: list[UdpPeer] = []

    def peer() -> UdpPeer:
        made.append(UdpPeer(running.driver.port))
        return made[-1]

    yield running, peer
    for one in made:
        one.sock.close()


async def test_account_is_guarded_against_many_sources_that_guess(guarded) -> None:
    running, peer = guarded
    phone = peer()
    assert (await phone.register()).startswith("SIP/2.0 200")
    answers = [(await peer().guess(2))[:11] for _ in range(3)]
    assert answers == ["SIP/2.0 401", "SIP/2.0 401", "SIP/2.0 503"]
    assert counted(running, "accounts_banned") == 1
    # A right password gets the same answer, so that nobody learns that it was right.
    refused = await peer().register()
    assert refused.startswith("SIP/2.0 503")
    assert 1 <= int(header(refused, "Retry-After")) <= 61
    assert counted(running, "account_refused") == 2
    assert counted(running, "sources_banned") == 0
    # The telephone that is registered is heard all the same, and wrong passwords from there
    # are counted for its source alone.
    assert (await phone.register(cseq=5)).startswith("SIP/2.0 200")
    (entry,) = running.driver.border.banned()
    assert (entry.kind, entry.name, entry.times) == ("account", "2001", 1)
    assert 0 < entry.until - time.time() <= 60.0


async def test_right_password_for_an_old_nonce_is_not_told_either(guarded) -> None:
    running, peer = guarded
    for _ in range(3):
        await peer().guess(2)
    assert counted(running, "accounts_banned") == 1
    one = peer()
    await one.request("REGISTER")
    asked = header(await one.until("SIP/2.0 401"), "WWW-Authenticate")
    answers = []
    for cseq, password in enumerate(("s3cret", "s3cret", "guess"), start=2):
        # The second time the nonce is used up: "stale" would say that all else was right.
        proof = one.proof(asked, "REGISTER", "2001", password)
        await one.request("REGISTER", cseq=cseq, headers=(f"Authorization: {proof}",))
        answers.append((await one.until("SIP/2.0"))[:11])
    assert answers == ["SIP/2.0 503"] * 3


async def test_names_that_no_station_has_are_treated_alike(guarded) -> None:
    running, peer = guarded
    for number in range(3):
        one = peer()
        for _ in range(2):
            one.call_id = f"nobody-{number}"
            await one.request("REGISTER", user="nobody")
            asked = header(await one.until("SIP/2.0 401"), "WWW-Authenticate")
            proof = one.proof(asked, "REGISTER", "nobody", "x").replace('"2001"', '"nobody"')
            more = (f"Authorization: {proof}",)
            await one.request("REGISTER", user="nobody", cseq=2, headers=more)
            last = await one.until("SIP/2.0")
    assert last.startswith("SIP/2.0 503")
    assert [entry.name for entry in running.driver.border.banned()] == ["nobody"]


async def test_released_account_and_source_are_heard_again(guarded, tmp_path) -> None:
    running, peer = guarded
    border = running.driver.border
    assert isinstance(running.driver, Guarded)
    for _ in range(3):
        await peer().guess(2)
    scanner = peer()
    await scanner.request("OPTIONS", headers=("User-Agent: friendly-scanner",))
    await until(running, "sources_banned")
    kinds = {entry.kind: entry for entry in border.banned()}
    assert kinds["source"].name == scanner.host
    assert kinds["source"].reason == "scanner"
    for entry in kinds.values():
        assert border.release(entry.name)
        assert not border.release(entry.name)
    assert border.banned() == []
    assert (await peer().register()).startswith("SIP/2.0 200")
    await scanner.request("OPTIONS")
    assert (await scanner.until("SIP/2.0")).startswith("SIP/2.0 200")
    async with asyncio.timeout(5):
        while scanner.host in (tmp_path / "sip-bans.nft").read_text():
            await asyncio.sleep(0.005)


async def test_zero_switches_the_guard_of_accounts_off(open_driver) -> None:
    running = await open_driver("udp:127.0.0.1:0", trunks=(), account_ban_after=0, ban_after=0)
    one = UdpPeer(running.driver.port)
    assert (await one.guess(40)).startswith("SIP/2.0 401")
    assert running.driver.border.banned() == []
    one.sock.close()
