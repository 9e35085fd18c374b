"""What leaves control is in the journal first: answers of the service, packets to media, rows.

The SIP driver's part is in ``tests/drivers/sip/test_driver.py``.
"""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from daemon.control.journal import Journal
from daemon.control.journaled.files import read_journal
from daemon.errors import JournalError
from daemon.link.packets import PacketSocket
from daemon.service.errors import ServiceError
from daemon.service.live import LiveState
from daemon.service.socket_client import ServiceClient
from daemon.service.socket_server import ServiceServer
from daemon.store.connection import opened_store
from daemon.store.history import AppliedSequence
from daemon.store.history_writer import HistoryWriter
from daemon.store.rows import CallRow
from tests.fakes.full_disk import full_disk
from tests.fakes.service import FakeService

NOON = 1_790_000_000.0


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """One whose turn never ends, so that only those who let something out flush it."""
    opened = Journal.open(tmp_path / "journal", clock=lambda: NOON)
    opened.gather(lambda _: None)
    return opened


def written(tmp_path: Path) -> int:
    return len(list(read_journal(tmp_path / "journal")))


async def test_service_answers_when_the_journal_has_it(journal: Journal, tmp_path: Path) -> None:
    class Noting(FakeService):
        async def live(self) -> LiveState:
            journal.append("acd", b"what the answer says")
            return await super().live()

        async def log_out(self, secret: str) -> None:
            journal.append("acd", b"what was tried")
            raise ServiceError("not-found", "There is no such session.")

    server = ServiceServer(Noting(lambda: NOON), tmp_path / "s", settle=journal.settle)
    await server.start()
    client = ServiceClient(tmp_path / "s")
    await client.service.live()
    assert written(tmp_path) == 1
    with pytest.raises(ServiceError):
        await client.service.log_out("secret")
    assert written(tmp_path) == 2
    await client.close()
    await server.close()


def packets(settle: Callable[[], None]) -> tuple[PacketSocket, socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.setblocking(False)
    end = PacketSocket(
        ours, on_packet=lambda data, passed: None, on_closed=lambda: None, settle=settle
    )
    return end, theirs


async def test_packet_leaves_when_the_journal_has_it(journal: Journal, tmp_path: Path) -> None:
    end, theirs = packets(journal.settle)
    journal.append("call", b"before it is asked")
    end.send(b"join both")
    journal.append("call", b"in the same turn")
    received = await asyncio.get_running_loop().sock_recv(theirs, 1000)
    assert b"join both" in received
    assert written(tmp_path) == 2
    end.close()
    theirs.close()


async def test_a_full_disk_holds_up_nothing_that_leaves(journal: Journal, tmp_path: Path) -> None:
    with capture_logs(), full_disk():  # else pytest keeps the logs in a file
        journal.append("call", b"cannot be written")
        end, theirs = packets(journal.settle)
        end.send(b"hang up")
        assert b"hang up" in await asyncio.get_running_loop().sock_recv(theirs, 1000)
        end.send(b"the last one")
        end.close()
        assert end.closed
        theirs.close()
        server = ServiceServer(FakeService(lambda: NOON), tmp_path / "s", settle=journal.settle)
        await server.start()
        client = ServiceClient(tmp_path / "s")
        await client.service.live()
        await client.close()
        await server.close()
        with pytest.raises(JournalError):
            journal.append("call", b"the next one is refused")
    assert written(tmp_path) == 0


async def test_rows_are_stored_when_the_journal_has_them(journal: Journal, tmp_path: Path) -> None:
    async with opened_store(tmp_path / "hookflash.db"):
        pass
    async with opened_store(tmp_path / "hookflash.db") as store:
        writer = HistoryWriter(store, tmp_path / "spill", settle=journal.flush)
        await writer.start()
        number = journal.append("row", b"a call")
        writer.write(CallRow(id=1, started_ms=1), number)
        await writer.close()
        assert (await AppliedSequence.get(id=1)).sequence == number
    assert written(tmp_path) == number
