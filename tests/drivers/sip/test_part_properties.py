"""Small parsers of header values under any text: what they write they read, nothing is raised."""

from hypothesis import given
from hypothesis import strategies as st

from cython_ext.sip_wire import WireError, parse
from drivers.sip.core.happenings import Identity
from drivers.sip.in_call.replaces import Replaces, parse_replaces
from drivers.sip.in_call.session_timer import SHORTEST, asked, least, supports
from drivers.sip.in_call.transfers import fragment_status
from drivers.sip.options import TrunkOptions
from drivers.sip.trunks.identity import history, known_of_trunk, user_to_user
from drivers.sip.trunks.plan import NumberRule, rewrite
from tests.fakes.sip_bench import request

TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789-.~_", min_size=1, max_size=40)
LINE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=120)
TRUNK = TrunkOptions(name="t", headers=("X-A",))


@given(TOKEN, TOKEN, TOKEN, st.booleans())
def test_replaces_reads_back(call_id: str, ours: str, theirs: str, early: bool) -> None:
    written = Replaces.of(call_id, to_tag=ours, from_tag=theirs)
    found = parse_replaces(written.text + (";early-only" if early else ""))
    assert (found.call_id, found.to_tag, found.from_tag) == (call_id, ours, theirs)
    assert found.early_only is early
    assert ";" not in written.escaped()


@given(st.text(max_size=200))
def test_any_text_is_a_replaces_or_a_wire_error(text: str) -> None:
    try:
        found = parse_replaces(text)
    except WireError:
        return
    assert found.call_id
    assert found.to_tag
    assert found.from_tag
    assert found.text.isascii()


@given(st.binary(max_size=600))
def test_any_fragment_has_a_status_or_none(body: bytes) -> None:
    status = fragment_status(body)
    assert status == 0 or 0 <= status <= 999


@given(LINE, LINE, LINE)
def test_any_session_timer_header_gives_usable_numbers(one: str, two: str, three: str) -> None:
    said = (("Session-Expires", one), ("Min-SE", two), ("Supported", three))
    try:
        message = parse(request("INVITE", headers=said))
    except WireError:
        return
    assert 0 <= asked(message)[0] <= 86_400
    assert asked(message)[1] in {"", "uac", "uas"}
    assert SHORTEST <= least(message) <= 86_400
    assert supports(message, "timer") in {True, False}


@given(LINE, LINE, LINE)
def test_any_identity_header_is_read_without_harm(one: str, two: str, three: str) -> None:
    said = (("History-Info", one), ("User-to-User", two), ("X-A", three))
    try:
        message = parse(request("INVITE", headers=said))
    except WireError:
        return
    number, reason = history(message)
    assert bool(number) or not reason
    assert user_to_user(message).isprintable()
    known = known_of_trunk(Identity(ani="1", dnis="2"), message, TRUNK)
    assert all(value.isprintable() for value in known.headers.values())


@given(st.text("+0123456789*#", max_size=20))
def test_number_without_a_rule_stays_and_a_prefix_rule_keeps_the_rest(number: str) -> None:
    assert rewrite((), number) == number
    rule = NumberRule(match=r"(.*)", replace=r"9\1")
    assert rewrite((rule,), number) == f"9{number}"
