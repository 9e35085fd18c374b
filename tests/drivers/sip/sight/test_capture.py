"""Readers of the kept messages: what belongs to a call or a peer, once, and nothing else."""

from drivers.api import Captures, LineId
from drivers.sip.ladder import MessageLog
from drivers.sip.sight.capture import MessageReader
from tests.fakes.sip_bench import OFFER, request

PLACES = [("udp", "192.0.2.1", 5060), ("tls", "192.0.2.1", 5061), ("udp", "2001:db8::1", 5060)]
CARRIER, PHONE = "192.0.2.9", "198.51.100.7"


class Floor:
    """A log with messages, and a reader of it."""

    def __init__(self, most: int = 100) -> None:
        self.log = MessageLog(most)
        self.reader = MessageReader(self.log, {}, lambda: PLACES)
        self.now = 0.0

    def keep(self, call: str, host: str = CARRIER, *, transport: str = "udp", out: bool = False,
             **more: object) -> None:  # fmt: skip
        self.now += 1.0
        data = request("INVITE", call_id=call, **more)
        self.log.keep((self.now, out, host, 5060, transport, data))

    def take(self, *names: str, host: str = "") -> list[float]:
        return [one.at for one in self.reader.take(names, (), host)]


def test_each_message_of_a_call_is_read_once() -> None:
    floor = Floor()
    floor.keep("one")
    floor.keep("two")
    assert floor.take("one") == [1.0]
    assert floor.take("one") == []
    floor.keep("one")
    floor.keep("two")
    assert floor.take("one") == [3.0]
    assert floor.reader.gaps == 0


def test_leg_that_comes_later_brings_its_earlier_messages() -> None:
    floor = Floor()
    floor.keep("one")
    floor.keep("two", PHONE)
    assert floor.take("one") == [1.0]
    floor.keep("two", PHONE)
    assert floor.take("one", "two") == [2.0, 3.0]
    floor.keep("three")
    assert floor.take("one", "two") == []


def test_peer_is_followed_from_now_on_whatever_the_call() -> None:
    floor = Floor()
    floor.keep("one")
    floor.reader.skip()
    floor.keep("two")
    floor.keep("three", PHONE)
    floor.keep("four", out=True)
    assert floor.take(host=CARRIER) == [2.0, 4.0]
    assert floor.take(host=CARRIER) == []


def test_reader_that_is_too_slow_is_told() -> None:
    floor = Floor(most=3)
    floor.keep("one")
    floor.take("one")
    for _ in range(5):
        floor.keep("one")
    assert floor.take("one") == [4.0, 5.0, 6.0]
    assert floor.reader.gaps == 1


def test_copies_name_our_place_and_have_no_secrets() -> None:
    floor = Floor()
    secret = ("Authorization", 'Digest username="2001", response="0123456789abcdef"')
    keys = OFFER + b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0c2VjcmV0\r\n"
    floor.keep("one", PHONE, transport="tls", headers=(secret,), body=keys)
    floor.keep("one", "2001:db8::9")
    floor.keep("one", PHONE, transport="wss")
    tls, six, web = floor.reader.take(["one"], (), "")
    assert (tls.our_host, tls.our_port, tls.transport) == ("192.0.2.1", 5061, "tls")
    assert (six.our_host, six.our_port) == ("2001:db8::1", 5060)
    assert (web.our_host, web.our_port) == ("", 0)
    assert b"0123456789abcdef" not in tls.data
    assert b"c2VjcmV0" not in tls.data
    assert b'username="2001"' in tls.data


async def test_driver_gives_readers_and_knows_lines_and_audio(running) -> None:
    driver = running.driver
    assert isinstance(driver, Captures)
    reader = driver.capture()
    assert reader.lines_with(CARRIER) == []
    assert reader.audio(LineId("carrier/1")) is None
    assert reader.take(["nobody"], [LineId("carrier/1")], "") == []
