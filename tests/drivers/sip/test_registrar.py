"""REGISTER through the core: who may, for how long, and what is told."""

import pytest

from cython_ext.sip_wire import Message
from drivers.sip.auth import credentials
from drivers.sip.core.happenings import StationCame, StationWent
from drivers.sip.options import StationAccount
from tests.fakes.sip_bench import OFFER, PHONE, Bench, request, response


class Phone:
    """A station's phone that answers challenges."""

    def __init__(self, bench: Bench, *, user: str = "2001", password: str = "s3cret") -> None:
        self.bench = bench
        self.user = user
        self.password = password
        self.cseq = 0
        self.sent = 0

    def register(
        self,
        *contacts: str,
        expires: str | None = "600",
        call_id: str = "reg",
        source: tuple[str, int] = PHONE,
        aor: str | None = None,
    ) -> Message:
        challenge = self._send(contacts, expires, call_id, source, aor, ())
        assert challenge.status == 401
        value = credentials(
            challenge.headers("WWW-Authenticate"),
            user=self.user,
            password=self.password,
            method="REGISTER",
            uri="sip:pbx.example",
            cnonce="c",
        )
        return self._send(
            contacts, expires, call_id, source, aor, (("Authorization", value or ""),)
        )

    def _send(self, contacts, expires, call_id, source, aor, extra) -> Message:
        self.cseq += 1
        self.sent += 1
        headers = extra if expires is None else (("Expires", expires), *extra)
        data = request(
            "REGISTER",
            uri="sip:pbx.example",
            call_id=call_id,
            cseq=self.cseq,
            branch=f"{call_id}{self.sent}",
            contact=", ".join(contacts),
            headers=headers,
        )
        if not contacts:
            data = data.replace(b"Contact: \r\n", b"")
        to = f"To: <sip:{aor or self.user}@pbx.example>".encode()
        data = data.replace(b"To: <sip:1000@192.0.2.1>", to)
        (reply,) = self.bench.send(data, source)
        return reply


def test_registration_is_told_listed_and_expires() -> None:
    bench = Bench().with_station()
    reply = Phone(bench).register("<sip:2001@10.0.0.7:5062>")
    assert reply.status == 200
    assert reply.headers("Contact") == ["<sip:2001@10.0.0.7:5062>;expires=600"]
    (came,) = bench.happened()
    assert isinstance(came, StationCame)
    assert (came.station, came.expires_s) == ("2001", 600)
    found = bench.core.registrar.find("2001")
    assert found is not None
    assert found.source == PHONE
    bench.pass_time(599.0)
    assert bench.happened() == []
    bench.pass_time(1.0)
    (went,) = bench.happened()
    assert isinstance(went, StationWent)
    assert bench.core.registrar.find("2001") is None


def test_only_what_a_station_has_a_secret_for_is_asked_for() -> None:
    bench = Bench()
    bench.core.set_stations([StationAccount("2001", ha1_md5="0" * 32)])
    (challenge,) = bench.send(request("REGISTER"), PHONE)
    assert len(challenge.headers("WWW-Authenticate")) == 1
    bench.with_station()
    (challenge,) = bench.send(request("REGISTER", branch="b2", cseq=2), PHONE)
    assert len(challenge.headers("WWW-Authenticate")) == 2


def test_phone_that_stumbles_over_sha_256_is_asked_for_md5_alone() -> None:
    bench = Bench().with_station()
    old_phone = request("REGISTER", headers=(("User-Agent", "baresip v1.0.0 (x86_64/linux)"),))
    (challenge,) = bench.send(old_phone, PHONE)
    (asked,) = challenge.headers("WWW-Authenticate")
    assert "algorithm=MD5" in asked


def test_known_and_unknown_users_get_the_same_answers() -> None:
    bench = Bench().with_station()
    for phone in (Phone(bench, password="wrong"), Phone(bench, user="9999")):
        reply = phone.register("<sip:x@10.0.0.7>", call_id=phone.user)
        assert reply.status == 401
        assert "stale" not in (reply.header("WWW-Authenticate") or "")
    assert bench.happened() == []


def test_station_cannot_register_for_another() -> None:
    bench = Bench().with_station()
    assert Phone(bench).register("<sip:x@10.0.0.7>", aor="2002").status == 403


def test_too_short_is_423_and_too_long_is_cut() -> None:
    bench = Bench().with_station()
    reply = Phone(bench).register("<sip:x@10.0.0.7>", expires="10")
    assert (reply.status, reply.header("Min-Expires")) == (423, "60")
    reply = Phone(bench).register("<sip:x@10.0.0.7>;expires=99999999", call_id="b")
    assert reply.headers("Contact") == ["<sip:x@10.0.0.7>;expires=3600"]


def test_malformed_expires_of_a_contact_counts_as_not_given() -> None:
    bench = Bench().with_station()
    reply = Phone(bench).register("<sip:x@10.0.0.7>;expires=soon", expires=None)
    assert reply.headers("Contact") == ["<sip:x@10.0.0.7>;expires=3600"]


def test_several_contacts_are_kept_and_the_latest_is_called() -> None:
    bench = Bench().with_station()
    phone = Phone(bench)
    phone.register("<sip:a@10.0.0.7>")
    bench.pass_time(1.0)
    reply = phone.register("<sip:b@10.0.0.8>", source=("198.51.100.8", 5060))
    assert len(reply.headers("Contact")) == 2
    found = bench.core.registrar.find("2001")
    assert found is not None
    assert found.contact == "sip:b@10.0.0.8"
    reply = phone.register("<sip:b@10.0.0.8>", expires="0", source=("198.51.100.8", 5060))
    assert [v.partition(">")[0] for v in reply.headers("Contact")] == ["<sip:a@10.0.0.7"]


def test_oldest_phone_makes_room_when_there_are_too_many() -> None:
    bench = Bench().with_station()
    phone = Phone(bench)
    for number in range(6):
        bench.pass_time(1.0)
        reply = phone.register(f"<sip:{number}@10.0.0.7>")
    assert [v[5] for v in reply.headers("Contact")] == ["2", "3", "4", "5"]


def test_star_takes_all_out_and_only_alone_with_expires_0() -> None:
    bench = Bench().with_station()
    phone = Phone(bench)
    phone.register("<sip:a@10.0.0.7>")
    bench.happened()
    assert phone.register("*", expires="600").status == 400
    assert phone.register("*", "<sip:a@10.0.0.7>", expires="0").status == 400
    reply = phone.register("*", expires="0")
    assert (reply.status, reply.headers("Contact")) == (200, [])
    assert bench.names() == ["StationWent"]


def test_query_without_contact_lists_what_is_there() -> None:
    bench = Bench().with_station()
    phone = Phone(bench)
    phone.register("<sip:a@10.0.0.7>")
    assert phone.register(expires=None).headers("Contact") == ["<sip:a@10.0.0.7>;expires=600"]


def test_older_register_of_the_same_phone_changes_nothing() -> None:
    bench = Bench().with_station()
    phone = Phone(bench)
    phone.register("<sip:a@10.0.0.7>")
    bench.pass_time(40.0)
    phone.cseq = -1
    assert phone.register("<sip:a@10.0.0.7>", expires="0").status == 500
    assert bench.core.registrar.find("2001") is not None


def test_call_goes_to_where_the_registration_came_from() -> None:
    bench = Bench().with_station()
    Phone(bench).register("<sip:2001@10.0.0.7:5062>")
    call = bench.core.dial_station("2001", line="station:2001", ani="030555")
    bench.core.start(call, name="", host="192.0.2.1", port=6000)
    ((data, address),) = bench.core.take_out()
    assert address == PHONE
    assert data.startswith(b"INVITE sip:2001@10.0.0.7:5062 SIP/2.0\r\n")
    assert b'From: "030555" <sip:030555@192.0.2.1:5060>;tag=' in data


@pytest.mark.parametrize(
    ("proxy", "host"), [((), PHONE[0]), ((("Record-Route", "<sip:192.0.2.50;lr>"),), "10.0.0.7")]
)
def test_audio_of_a_phone_behind_nat_goes_to_where_its_messages_come_from(
    proxy: tuple[tuple[str, str], ...], host: str
) -> None:
    bench = Bench().with_station()
    Phone(bench).register("<sip:2001@10.0.0.7:5062>")
    call = bench.core.dial_station("2001", line="station:2001", ani="030555")
    bench.core.start(call, name="", host="192.0.2.1", port=6000)
    (invite,) = bench.out()
    body = OFFER.replace(b"IN IP4 192.0.2.9", b"IN IP4 10.0.0.7")
    contact = ("Contact", "<sip:2001@10.0.0.7:5062>")
    bench.send(response(invite, 200, headers=(contact, *proxy), body=body), PHONE)
    assert call.session is not None
    assert call.session.remote is not None
    assert call.session.remote.host == host


def test_call_of_a_station_needs_credentials_and_comes_as_the_station() -> None:
    bench = Bench().with_station()
    body = b"v=0\r\no=- 1 1 IN IP4 10.0.0.7\r\ns=-\r\nc=IN IP4 10.0.0.7\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
    (challenge,) = bench.send(request("INVITE", body=body), PHONE)
    value = credentials(
        challenge.headers("Proxy-Authenticate"),
        user="2001",
        password="s3cret",
        method="INVITE",
        uri="sip:1000@192.0.2.1",
        cnonce="c",
    )
    bench.send(request("ACK", to_tag=challenge.to_tag), PHONE)
    again = request(
        "INVITE", branch="b2", cseq=2, headers=(("Proxy-Authorization", value or ""),), body=body
    )
    assert bench.send(again, PHONE) == []
    bench.happened()
    assert (bench.calls[0].peer.name, bench.calls[0].peer.is_station) == ("2001", True)


def test_lamp_is_told_when_the_phone_registers_and_when_it_changes() -> None:
    bench = Bench().with_station()
    bench.core.lamps.set_lamp("2001", on=True)
    assert bench.out() == []
    phone = Phone(bench)
    challenge = phone._send(("<sip:a@10.0.0.7>",), "600", "reg", PHONE, None, ())
    value = credentials(
        challenge.headers("WWW-Authenticate"),
        user="2001",
        password="s3cret",
        method="REGISTER",
        uri="sip:pbx.example",
        cnonce="c",
    )
    raw = request(
        "REGISTER",
        uri="sip:pbx.example",
        call_id="reg",
        cseq=9,
        branch="lamp",
        contact="<sip:a@10.0.0.7>",
        headers=(("Authorization", value or ""),),
    ).replace(b"To: <sip:1000@192.0.2.1>", b"To: <sip:2001@pbx.example>")
    notify, ok = sorted(bench.send(raw, PHONE), key=lambda message: message.status)
    assert ok.status == 200
    assert (notify.method, notify.header("Event")) == ("NOTIFY", "message-summary")
    assert notify.body == (
        b"Messages-Waiting: yes\r\nMessage-Account: sip:2001@192.0.2.1:5060\r\n"
        b"Voice-Message: 1/0 (0/0)\r\n"
    )
    bench.core.lamps.set_lamp("2001", on=False)
    (notify,) = bench.out()
    assert notify.body.startswith(b"Messages-Waiting: no\r\n")


def test_removed_account_loses_its_phone() -> None:
    bench = Bench().with_station()
    Phone(bench).register("<sip:a@10.0.0.7>")
    bench.happened()
    bench.core.set_stations([])
    assert bench.names() == ["StationWent"]
