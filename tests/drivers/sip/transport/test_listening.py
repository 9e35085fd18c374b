"""Where to listen, as an administrator writes it, and what is said when it cannot be read."""

import pytest

from drivers.errors import DeviceMissing, DriverError, OptionsError
from drivers.sip.options import SipOptions, TrunkOptions
from drivers.sip.streams.tls import Certificate
from drivers.sip.transport.listening import Listen, parse_listen

PAIR = (Certificate(certificate="a.crt", private_key="a.key"),)


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("udp:0.0.0.0:5060", Listen("udp", "0.0.0.0", 5060)),
        ("tcp:192.0.2.1", Listen("tcp", "192.0.2.1", 5060)),
        ("tls:[::]:5061", Listen("tls", "::", 5061)),
        ("tls:2001:db8::1", Listen("tls", "2001:db8::1", 5061)),
        ("wss:[2001:DB8:0::1]", Listen("wss", "2001:db8::1", 443)),
        ("ws:127.0.0.1:0", Listen("ws", "127.0.0.1", 0)),
    ],
)
def test_listener_is_read(text: str, listen: Listen) -> None:
    assert parse_listen(text) == listen


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0.0.0.0:5060", "names no transport"),
        ("sctp:0.0.0.0:5060", "names no transport"),
        ("udp:localhost:5060", "is not an IP address with a port"),
        ("udp:", "is not an IP address with a port"),
        ("tcp:127.0.0.1:70000", "is not a port"),
        ("tcp:127.0.0.1:-1", "is not a port"),
    ],
)
def test_listener_that_cannot_be_read_says_what_to_write(text: str, says: str) -> None:
    with pytest.raises(OptionsError, match=says) as caught:
        parse_listen(text)
    assert caught.value.key == "listen"
    assert caught.value.zh


def faults(**fields) -> list[str]:
    found = SipOptions(**fields).faults()
    assert all(fault.zh for fault in found)
    return [str(fault) for fault in found]


def test_an_address_alone_still_means_udp() -> None:
    options = SipOptions(listen="192.0.2.1", port=5070, advertise="203.0.113.9")
    assert options.listeners() == (Listen("udp", "192.0.2.1", 5070),)
    assert options.advertised(options.listeners()[0]) == "203.0.113.9"
    assert faults(listen="192.0.2.1") == []


def test_faults_of_listeners_name_their_key() -> None:
    assert faults(listen=()) == ["listen: names no listener; write udp:127.0.0.1:5060"]
    (twice,) = faults(listen=("udp:127.0.0.1:5060", "udp:127.0.0.1:5060"))
    assert twice.startswith("listen: port 5060 of 127.0.0.1 is named twice")
    assert faults(listen=("udp:127.0.0.1:5060", "tcp:127.0.0.1:5060")) == []
    (missing,) = faults(listen=("tls:127.0.0.1:5061",))
    assert missing.startswith("certificates: needed")
    assert faults(listen=("tls:127.0.0.1:5061",), certificates=PAIR) == []
    (everywhere,) = faults(listen=("udp:0.0.0.0:5060", "udp:[::]:5060"), advertise="192.0.2.1")
    assert everywhere.startswith("advertise: needed when listening on every address (::)")
    both = ("192.0.2.1", "2001:db8::1")
    assert faults(listen=("udp:0.0.0.0:5060", "udp:[::]:5060"), advertise=both) == []
    # Each connection tells our address, but somewhere the core needs one to begin with.
    assert len(faults(listen=("tcp:0.0.0.0:5060",))) == 1
    assert faults(listen=("udp:192.0.2.1:5060", "tcp:0.0.0.0:5060")) == []


def test_the_whole_internet_is_a_trunk_on_loopback_only() -> None:
    trunk = TrunkOptions(name="t", addresses=("0.0.0.0/0",))
    assert faults(listen=("udp:127.0.0.1:0", "tcp:[::1]:0"), trunks=(trunk,)) == []
    assert len(faults(listen=("udp:127.0.0.1:0", "tcp:192.0.2.1:0"), trunks=(trunk,))) == 1


def test_transport_of_a_trunk_is_one_we_can_open() -> None:
    trunk = TrunkOptions(name="t", target="192.0.2.9:5060", transport="ws")
    (fault,) = faults(trunks=(trunk,))
    assert fault.startswith("trunks[0].transport: 'ws' is not carried to trunks")


async def test_listener_that_cannot_be_opened_opens_none_and_says_which(make_running) -> None:
    first = await make_running(SipOptions(listen=("tcp:127.0.0.1:0",))).open()
    taken = first.driver.port
    second = make_running(SipOptions(listen=("udp:127.0.0.1:0", f"tcp:127.0.0.1:{taken}")))
    with pytest.raises(DriverError, match=f"cannot listen on 127.0.0.1 port {taken}"):
        await second.driver.open(second.ports)
    (udp,) = second.driver.border.transports.places
    third = await make_running(SipOptions(listen=(f"udp:127.0.0.1:{udp[2]}",))).open()
    for one in (first, third):
        await one.close()


async def test_address_of_another_host_is_said_to_be_none_of_ours(make_running) -> None:
    running = make_running(SipOptions(listen=("tcp:198.51.100.254:0",)))
    with pytest.raises(DeviceMissing, match="is no address of this host"):
        await running.driver.open(running.ports)


async def test_missing_certificate_is_said_before_anything_listens(make_running, tmp_path) -> None:
    options = SipOptions(listen=("udp:127.0.0.1:0", "tls:127.0.0.1:0"), certificates=PAIR)
    running = make_running(options, folder=tmp_path)
    with pytest.raises(DeviceMissing, match=r"a\.crt: no such file"):
        await running.driver.open(running.ports)
    assert running.driver.border.transports.places == []
