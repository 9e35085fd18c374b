"""The benchmark's telephones: ``python -m drivers.sip.bench.registering PORT STATIONS ROUNDS``.

Each registers with digest MD5, then renews in rounds, with the next nonce count each time, as
telephones do. It says ``ready`` after the first registrations and goes on when told to.
"""

import asyncio
import hashlib
import json
import re
import sys
from typing import Final

import uvloop

from drivers.sip.bench.link import Link, open_link
from drivers.sip.bench.texts import status_of

LIMIT: Final = 60.0  # s for one round
WINDOW: Final = 50  # telephones that wait for their answer at the same time
REALM: Final = "hookflash"
PASSWORD: Final = "bench"  # noqa: S105  # of accounts that exist for the benchmark alone
_NONCE: Final = re.compile(rb'nonce="([^"]+)", algorithm=MD5')
_STATION: Final = re.compile(rb"\r\nCall-ID: reg-(\d+)\r\n")


def name_of(number: int) -> str:
    """The station's name."""
    return f"bench{number}"


class _Phone:
    def __init__(self, number: int) -> None:
        self.number = number
        self.name = name_of(number)
        self.cseq = 0
        self.nonce = ""
        self.count = 0

    def register(self) -> bytes:
        self.cseq += 1
        proof = ""
        if self.nonce:
            self.count += 1
            proof = self._proof()
        return (
            "REGISTER sip:127.0.0.1 SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:5099;rport;branch=z9hG4bKr{self.number}x{self.cseq}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{self.name}@127.0.0.1>;tag=f{self.number}\r\n"
            f"To: <sip:{self.name}@127.0.0.1>\r\nCall-ID: reg-{self.number}\r\n"
            f"CSeq: {self.cseq} REGISTER\r\nContact: <sip:{self.name}@127.0.0.1:5099>\r\n"
            f"Expires: 3600\r\n{proof}Content-Length: 0\r\n\r\n"
        ).encode()

    def _proof(self) -> str:
        ha1 = _md5(f"{self.name}:{REALM}:{PASSWORD}")
        ha2 = _md5("REGISTER:sip:127.0.0.1")
        count = f"{self.count:08x}"
        answer = _md5(f"{ha1}:{self.nonce}:{count}:0a4f113b:auth:{ha2}")
        return (
            f'Authorization: Digest username="{self.name}", realm="{REALM}", nonce="{self.nonce}", '
            f'uri="sip:127.0.0.1", algorithm=MD5, qop=auth, nc={count}, cnonce="0a4f113b", '
            f'response="{answer}"\r\n'
        )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class _Phones:
    def __init__(self, count: int) -> None:
        self.phones = [_Phone(number) for number in range(count)]
        self.good = 0
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._link: Link | None = None

    async def open(self, port: int) -> None:
        self._link = await open_link("udp", "127.0.0.1", port, authority="", receive=self._receive)

    async def round(self) -> None:
        """Every telephone registers once."""
        window = asyncio.Semaphore(WINDOW)
        async with asyncio.timeout(LIMIT), asyncio.TaskGroup() as group:
            for phone in self.phones:
                await window.acquire()
                done = self._waiting[phone.number] = asyncio.get_running_loop().create_future()
                done.add_done_callback(lambda _: window.release())
                self._send(phone)
                group.create_task(self._until(done))

    async def _until(self, done: "asyncio.Future[None]") -> None:
        await done

    def _send(self, phone: _Phone) -> None:
        if self._link is not None:
            self._link.send(phone.register())

    def _receive(self, data: bytes) -> None:
        found = _STATION.search(data)
        if found is None:
            return
        phone, status = self.phones[int(found[1])], status_of(data)
        if status == 401:
            challenge = _NONCE.search(data)
            phone.nonce = challenge[1].decode() if challenge else ""
            phone.count = 0
            self._send(phone)
            return
        self.good += status == 200
        done = self._waiting.pop(phone.number, None)
        if done is not None and not done.done():
            done.set_result(None)


async def _main(port: int, stations: int, rounds: int) -> None:
    phones = _Phones(stations)
    await phones.open(port)
    await phones.round()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    first = phones.good
    for _ in range(rounds):
        await phones.round()
    sys.stdout.write(json.dumps({"renewed": phones.good - first}) + "\n")


if __name__ == "__main__":
    uvloop.run(_main(*(int(word) for word in sys.argv[1:4])))
