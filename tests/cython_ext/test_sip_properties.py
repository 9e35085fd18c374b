"""Any bytes in: WireError is the only way out, and both implementations say the same."""

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cython_ext.sip_wire import (
    Auth,
    NameAddr,
    Uri,
    Via,
    WireError,
    bench,
    format_name_addr,
    format_uri,
    format_via,
    quote_string,
)
from cython_ext.sip_wire.structs import TOKEN
from tests.fuzz.sip import (
    CORPUS,
    PARTS,
    PIECES,
    file_name,
    outcome,
    part_outcome,
    run,
    seeds,
    texts_of,
)

SEEDS = [
    *seeds(),
    bench.message(),
]
SHARED = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
tokens = st.text(sorted(TOKEN), min_size=1, max_size=12)
lower_tokens = tokens.map(str.lower)
hosts = st.one_of(
    st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,10}[a-z0-9])?", fullmatch=True),
    st.ip_addresses(v=6).map(str),
)
ports = st.none() | st.integers(0, 65_535)
values = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\n"), max_size=20
)


@st.composite
def mutated(draw):
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        cut = draw(st.integers(0, 6))
        data[at : at + cut] = draw(st.sampled_from(PIECES) | st.binary(max_size=4))
    return bytes(data)


@SHARED
@given(st.binary(max_size=400))
def test_any_bytes_only_raise_wire_errors(sip, data):
    outcome(sip, data)


@SHARED
@given(mutated())
def test_mutated_messages_only_raise_wire_errors(sip, data):
    outcome(sip, data)


@SHARED
@given(values)
def test_any_text_only_raises_wire_errors_in_parts(sip, text):
    for name in PARTS:
        part_outcome(getattr(sip, name), text)


def test_both_agree_on_the_torture_messages_cut_anywhere(both):
    oracle, compiled = both
    for data in SEEDS:
        for end in range(0, len(data), 7):
            assert outcome(compiled, data[:end]) == outcome(oracle, data[:end])


@settings(SHARED, max_examples=1500)
@given(mutated())
def test_both_agree_on_mutated_messages(both, data):
    oracle, compiled = both
    assert outcome(compiled, data) == outcome(oracle, data)


@settings(SHARED, max_examples=300)
@given(st.binary(max_size=300))
def test_both_agree_on_any_bytes(both, data):
    oracle, compiled = both
    assert outcome(compiled, data) == outcome(oracle, data)


@settings(SHARED, max_examples=400)
@given(mutated() | values.map(str.encode))
def test_both_agree_on_parts(both, data):
    oracle, compiled = both
    for text in texts_of(data):
        for name in PARTS:
            assert part_outcome(getattr(compiled, name), text) == part_outcome(
                getattr(oracle, name), text
            )


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.dat")), ids=lambda path: path.stem)
def test_message_of_the_corpus_is_refused_for_its_reason(sip, path):
    with pytest.raises(WireError) as caught:
        sip.parse(path.read_bytes())
    assert file_name(caught.value.reason, path.read_bytes()) == path.name


def test_fuzzing_finds_the_parsers_to_agree(both):
    tried, accepted = run(0.5, seed=1)
    assert 0 < accepted < tried


@SHARED
@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126, blacklist_characters='<>"'), min_size=1),
    st.lists(st.tuples(tokens, values.map(lambda text: text.strip(" \t"))), max_size=5),
    st.binary(max_size=60),
)  # fmt: skip
def test_what_is_built_parses_to_the_same(sip, uri, more, body):
    required = [
        ("Via", "SIP/2.0/UDP h;branch=z9hG4bK1"), ("From", "<sip:a@b>;tag=1"), ("To", "<sip:c@d>"),
        ("Call-ID", "x"), ("CSeq", "1 INFO"),
    ]  # fmt: skip
    reserved = {
        "via",
        "from",
        "to",
        "call-id",
        "cseq",
        "max-forwards",
        "content-length",
        "content-type",
    }
    reserved |= set("abcdefghijklmnopqrstuvwxyz")
    more = [(name, value) for name, value in more if name.lower() not in reserved]
    found = sip.parse(sip.build_request("INFO", uri, required + more, body))
    assert (found.method, found.uri, found.body) == ("INFO", uri, body)
    assert [value for _, value in found.all_headers()[5:-1]] == [value for _, value in more]
    assert found.header("Content-Length") == str(len(body))


params = st.dictionaries(lower_tokens, st.none() | values, max_size=3)


@SHARED
@given(st.builds(Via, tokens.map(str.upper), hosts, ports, params))
def test_via_survives_formatting(sip, via):
    assert sip.parse_via(format_via(via)) == via


@SHARED
@given(st.builds(NameAddr, values, st.just("sip:a@b;c=d"), params))
def test_name_addr_survives_formatting(sip, value):
    assert sip.parse_name_addr(format_name_addr(value)) == value


plain = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=8)
lowered = plain.map(str.lower).filter(lambda text: text == text.lower())


@SHARED
@given(
    st.builds(
        Uri,
        st.sampled_from(["sip", "sips"]),
        plain,
        st.none() | st.text(max_size=6),
        hosts,
        ports,
        st.dictionaries(lowered, st.none() | plain, max_size=2),
        st.dictionaries(plain, st.text(max_size=6), max_size=2),
    )
)
def test_uri_survives_formatting(sip, uri):
    assume(uri.password is None or uri.password.isprintable())
    assert sip.parse_uri(format_uri(uri)) == uri


@SHARED
@given(tokens, st.dictionaries(lower_tokens, values, max_size=4))
def test_auth_survives_formatting(sip, scheme, given_params):
    text = scheme + " " + ", ".join(f"{k}={quote_string(v)}" for k, v in given_params.items())
    assert sip.parse_auth(text) == Auth(scheme, given_params)
