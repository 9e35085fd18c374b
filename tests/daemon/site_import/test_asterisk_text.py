from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.site_import.asterisk_text import SIZE_LIMIT, read_sections
from daemon.site_import.report import SourceError


def options(text: str) -> dict[str, list[tuple[str, str, int]]]:
    return {
        section.name: [(one.option, one.value, one.line) for one in section.options]
        for section in read_sections("q.conf", text.encode())
    }


def test_options_come_with_their_line() -> None:
    text = "[sales]\n timeout = 20 \nmember=>SIP/1 ; a comment\n\nempty =\n"
    assert options(text) == {
        "sales": [("timeout", "20", 2), ("member", "SIP/1", 3), ("empty", "", 5)]
    }


def test_comments_nest_and_semicolons_can_be_escaped() -> None:
    text = "[a]\n;-- x\n;-- y --; k = no\n--; k = 1 ;---- not a block\nj = b\\;c;d\n"
    assert options(text) == {"a": [("k", "1", 4), ("j", "b;c", 5)]}


def test_templates_come_first_and_may_inherit_themselves() -> None:
    text = "[base](!)\na = 1\n[more](!,base)\nb = 2\n[q](more)\na = 3\n[q](+)\nc = 4\n"
    assert options(text)["q"] == [("a", "1", 2), ("b", "2", 4), ("a", "3", 6), ("c", "4", 8)]
    sections = {one.name: one for one in read_sections("q.conf", text.encode())}
    assert [sections[name].template for name in ("base", "more", "q")] == [True, True, False]
    assert all(sections[name].used for name in ("base", "more"))


def test_plus_equals_adds_to_what_was_inherited() -> None:
    assert options("[t](!)\na = x\n[q](t)\na += y\nb += z\n")["q"][1:] == [
        ("a", "xy", 4),
        ("b", "z", 5),
    ]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[a]\n#include more.conf\n", 2, "#include is not followed"),
        ("[a]\n#exec /bin/true\n", 2, "#exec is not followed"),
        ("a = 1\n", 1, "belongs to no section"),
        ("[a]\njust words\n", 2, "has no ="),
        ("[a]\n= 1\n", 2, "has no ="),
        ("[a](missing)\n", 1, "no template 'missing'"),
        ("[a](+)\n", 1, "no section a"),
        ("[a\n", 1, "is not a section"),
        ("[]\n", 1, "is not a section"),
        ("[a]\n\n;-- never\nends\n", 3, "has no end"),
        ("[a]\nb = \udcff\n", 2, "is not UTF-8"),
    ],
)
def test_faults_have_file_and_line(text: str, line: int, words: str) -> None:
    with pytest.raises(SourceError) as found:
        read_sections("q.conf", text.encode("utf-8", "surrogateescape"))
    assert [(fault.file, fault.line) for fault in found.value.faults] == [("q.conf", line)]
    assert words in found.value.faults[0].what


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(SourceError) as found:
        read_sections("q.conf", b"x = 1\n[a]\n#include b\nwords\n")
    assert [fault.line for fault in found.value.faults] == [1, 3, 4]


def test_too_much_is_refused() -> None:
    with pytest.raises(SourceError):
        read_sections("q.conf", b"x" * (SIZE_LIMIT + 1))
    doubling = "".join(
        f"[t{n}](!,t{n - 1},t{n - 1})\nk = 1\n" if n else "[t0](!)\nk = 1\n" for n in range(40)
    )
    with pytest.raises(SourceError, match="too many options"):
        read_sections("q.conf", doubling.encode())


@given(st.binary(max_size=300))
def test_any_bytes_give_sections_or_its_own_error(content: bytes) -> None:
    with suppress(SourceError):
        read_sections("q.conf", content)


NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
VALUES = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Zs", "Zl", "Zp", "Cn")), max_size=12
).filter(lambda text: "--" not in text and not text.startswith(">") and "\ufeff" not in text)


@given(
    st.dictionaries(NAMES, st.lists(st.tuples(NAMES, VALUES), max_size=4), min_size=1, max_size=4),
    st.sampled_from(["=", " = ", "=>", " => "]),
)
def test_what_is_written_is_read(sections: dict[str, list[tuple[str, str]]], sign: str) -> None:
    text = "".join(
        f"[{name}]\n" + "".join(f"{k}{sign}{v.replace(';', chr(92) + ';')}\n" for k, v in items)
        for name, items in sections.items()
        if all(not value.endswith("\\") and "\\;" not in value for _, value in items)
    )
    found = options(text)
    for name, items in found.items():
        assert [(option, value) for option, value, _ in items] == sections[name]
