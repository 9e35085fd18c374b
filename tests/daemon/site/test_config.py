from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config import Config, load_config, parse_config
from daemon.errors import ConfigError
from daemon.site_files.fresh_site import Wishes, configuration
from daemon.site_files.toml_lines import key_lines


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text.encode())
    return [str(fault) for fault in caught.value.faults]


def test_an_empty_file_gives_the_defaults() -> None:
    assert parse_config(b"") == Config()


def test_all_faults_are_found_at_once_with_line_section_and_key() -> None:
    text = """\
[site]
names = "x"
language = "fr"

[web]
port = "8080"

[drivers.carrier]
driver = "sip"
port = 70000

[[drivers.carrier.trunks]]
name = "one"
addresses = ["192.0.2.7"]
[[drivers.carrier.trunks]]
name = "two"
addresses = ["nowhere"]

[drivers.fax]
driver = "fax"

[speechs]
"""
    found = faults(text)
    assert [fault.split(": ")[0] for fault in found] == [
        "hookflash.toml:2 [site] names",
        "hookflash.toml:3 [site] language",
        "hookflash.toml:6 [web] port",
        "hookflash.toml:10 [drivers.carrier] port",
        "hookflash.toml:17 [drivers.carrier.trunks[2]] addresses",
        "hookflash.toml:20 [drivers.fax] driver",
        "hookflash.toml:22 speechs",
    ]
    assert "did you mean 'name'?" in found[0]
    assert "did you mean 'speech'?" in found[-1]


def test_a_country_is_one_whose_tones_are_known() -> None:
    assert parse_config(b'[site]\ncountry = "uk"').site.country == "uk"
    (fault,) = faults('[site]\ncountry = "gb"')
    assert fault.startswith("hookflash.toml:2 [site] country: there are no tones of 'gb'")


def test_what_is_not_toml_is_told_with_its_line() -> None:
    (fault,) = faults("[site]\nname = \n")
    assert fault.startswith("hookflash.toml:2: is not TOML")


def test_a_console_on_the_network_needs_a_certificate() -> None:
    (fault,) = faults('[web]\naddress = "0.0.0.0"\n')
    assert "without TLS" in fault
    text = '[web]\naddress = "0.0.0.0"\ntls_certificate = "a"\ntls_key = "b"\n'
    assert parse_config(text.encode()).web.address == "0.0.0.0"


def test_texts_are_in_the_language_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "zh")
    (fault,) = faults("[web]\nport = 70000000\nprot = 1\n")[1:]
    assert "未知的键" in fault


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("en", "'nowhere' is not an address or network (write 192.0.2.7 or 192.0.2.0/24)"),
        ("zh", "'nowhere' 不是地址或网段 (请写如 192.0.2.7 或 192.0.2.0/24)"),
    ],
)
def test_faults_of_a_driver_are_in_the_language_of_the_terminal(
    monkeypatch: pytest.MonkeyPatch, language: str, says: str
) -> None:
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", language)
    trunk = '[[drivers.sip.trunks]]\nname = "a"\naddresses = ["nowhere"]\n'
    (fault,) = faults(f'[drivers.sip]\ndriver = "sip"\n{trunk}')
    assert fault == f"hookflash.toml:5 [drivers.sip.trunks[1]] addresses: {says}"


def test_a_missing_file_says_how_to_make_a_site(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="hookflash init"):
        load_config(tmp_path)


@pytest.mark.parametrize("demo", [False, True])
def test_the_fresh_configuration_has_no_fault(demo: bool) -> None:
    wishes = Wishes(
        name='Bob\'s "hotline" 热线', timezone="Europe/Berlin", demo=demo, exchange_device="/x/tty"
    )
    config = parse_config(configuration(wishes).encode())
    assert config.site.name == wishes.name
    assert [driver.kind for driver in config.drivers] == (
        ["sip", "voiceboard", "ctilink"] if demo else ["sip"]
    )


@given(st.binary(max_size=200))
def test_any_bytes_give_a_config_or_a_config_error(content: bytes) -> None:
    try:
        parse_config(content)
    except ConfigError as error:
        found = {fault.file for fault in error.faults}
    else:
        found = {"hookflash.toml"}
    assert found == {"hookflash.toml"}


toml_values = st.recursive(
    st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
sections = st.dictionaries(
    st.sampled_from(["site", "media", "speech", "web", "records", "journal", "drivers", "other"]),
    st.dictionaries(
        st.sampled_from(
            ["name", "port", "address", "languages", "driver", "trunks", "node", "timezone", "x"]
        ),
        toml_values,
        max_size=3,
    )
    | toml_values,
    max_size=4,
)


@given(sections)
def test_any_toml_gives_a_config_or_a_config_error(data: dict[str, object]) -> None:
    try:
        parse_config(_toml(data).encode())
    except ConfigError as error:
        found = {fault.file for fault in error.faults}
    else:
        found = {"hookflash.toml"}
    assert found == {"hookflash.toml"}


def _toml(data: dict[str, object]) -> str:
    return "".join(f"{key} = {_inline(value)}\n" for key, value in data.items())


def _inline(value: object) -> str:
    if isinstance(value, dict):
        pairs = ", ".join(f"{_quoted(key)} = {_inline(item)}" for key, item in value.items())
        return f"{{ {pairs} }}"
    if isinstance(value, list):
        return f"[{', '.join(_inline(item) for item in value)}]"
    if isinstance(value, str):
        return _quoted(value)
    return str(value).lower()


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")


def test_lines_of_keys_are_found_past_strings_and_arrays() -> None:
    text = '''\
top = """
[not.a.table]
key = 1
"""
list = [
  "x = 1",  # ] not the end
  2,
]
a.b = 1
[table]  # comment
"quoted key" = 'x'
[[array]]
k = 1
[[array]]
k = 2
[array.sub]
deep = 1
'''
    lines = key_lines(text)
    assert lines["top",] == 1
    assert lines["list",] == 5
    assert lines["a", "b"] == 9
    assert lines["table",] == 10
    assert lines["table", "quoted key"] == 11
    assert lines["array", 0, "k"] == 13
    assert lines["array", 1, "k"] == 15
    assert lines["array", 1, "sub", "deep"] == 17
    assert ("key",) not in lines


@given(st.text(alphabet="ab=.[]\"'#\n \\", max_size=60))
def test_finding_lines_never_fails(text: str) -> None:
    assert all(number >= 1 for number in key_lines(text).values())


def test_one_fault_in_a_table_does_not_hide_the_others() -> None:
    content = b"""
[drivers.sip]
driver = "sip"
port = "five"
[[drivers.sip.trunks]]
name = "carrier"
addresses = ["nowhere"]
"""
    with pytest.raises(ConfigError) as refused:
        parse_config(content)
    assert {(fault.section, fault.key) for fault in refused.value.faults} >= {
        ("drivers.sip", "port"),
        ("drivers.sip.trunks[1]", "addresses"),
    }


def test_who_may_read_the_figures_is_an_address_or_network() -> None:
    good = parse_config(b'[web]\nmetrics_from = ["127.0.0.1", "2001:db8::/32"]\n')
    assert good.web.metrics_from == ("127.0.0.1", "2001:db8::/32")
    (fault,) = faults('[web]\nmetrics_from = ["everybody"]\n')
    assert "everybody" in str(fault)
