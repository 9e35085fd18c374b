"""Both languages everywhere, no text outside the catalogues, vendored files as listed."""

import hashlib
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import admin
from admin.app import blueprints
from admin.language import (
    LANGUAGES,
    catalogue,
    preferred_language,
    process_text,
    translator,
)
from admin.rendering import NAVIGATION, clock_text, environment, percent_text
from daemon.service.messages import ROLES
from daemon.service.settings import NumberSettings, PersonSettings, QueueSettings

ROOT = Path(admin.__file__).parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SPOKEN_ATTRIBUTES = ("title", "aria-label", "placeholder", "alt", "value")


def test_every_text_exists_in_both_languages_and_names_the_same_values() -> None:
    for key, (english, chinese) in catalogue().items():
        assert english.strip(), key
        assert chinese.strip(), key
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", chinese)), key


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_template_holds_no_bare_text(path: Path) -> None:
    source = path.read_text("utf-8")
    plain = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", "", source, flags=re.S)
    outside = re.sub(r"<[^>]*>", " ", plain)
    assert re.findall(r"[A-Za-z\u4e00-\u9fff]{2,}", outside) == []
    for name in SPOKEN_ATTRIBUTES[:-1]:
        assert re.findall(rf'\s{name}="[^"]*[A-Za-z]{{2,}}[^"]*"', plain) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_template_asks_only_for_texts_that_exist(path: Path) -> None:
    source = path.read_text("utf-8")
    environment().parse(source)
    asked = set(re.findall(r'\bt\("([a-z_.-]+)"[,)]', source))
    asked |= set(re.findall(r"\bt\('([a-z_.-]+)'[,)]", source))
    assert asked - set(catalogue()) == set()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_template_has_no_inline_script_or_style(path: Path) -> None:
    source = path.read_text("utf-8")
    tags = "".join(re.findall(r"<[^>]*>", re.sub(r"{%.*?%}|{{.*?}}", "", source, flags=re.S)))
    assert not re.search(r"\s(on\w+|style)=|javascript:", tags)
    assert not re.search(r"\|\s*safe|autoescape", source)
    assert "src" in source or "<script" not in source


def test_every_field_role_and_page_has_its_text() -> None:
    fields = {name for kind in (QueueSettings, PersonSettings, NumberSettings)
              for name in kind.__struct_fields__} - {"version"}  # fmt: skip
    wanted = {f"field.{name}" for name in fields} | {f"role.{role}" for role in ROLES}
    wanted |= {f"nav.{entry.key}" for entries in NAVIGATION.values() for entry in entries}
    assert wanted - set(catalogue()) == set()
    assert len(list(blueprints())) >= 15


@given(st.text(max_size=60))
def test_any_language_header_gives_one_of_ours(header: str) -> None:
    assert preferred_language(header, "en") in LANGUAGES


def test_language_header_is_read_by_weight() -> None:
    assert preferred_language("fr, zh-CN;q=0.8, en;q=0.9", "zh") == "en"
    assert preferred_language("zh-TW", "en") == "zh"
    assert preferred_language("fr", "zh") == "zh"


def test_values_are_put_into_texts() -> None:
    assert translator("zh")("live.callers", count=3) == "等待 3"


def test_figures_read_as_on_a_wallboard() -> None:
    assert [clock_text(s) for s in (0, 7.9, 75, 3723, -3, None)] == [
        "0:00", "0:07", "1:15", "1:02:03", "0:00", "—",
    ]  # fmt: skip
    assert [percent_text(s) for s in (0.0, 0.625, None)] == ["0 %", "62 %", "—"]
    near = [percent_text(s, 0.8) for s in (0.796, 0.79999, 0.8, 0.75, None)]
    assert near == ["79.6 %", "79.9 %", "80 %", "75 %", "—"]


def test_vendored_files_are_those_of_the_list() -> None:
    folder = ROOT / "static" / "vendor"
    listed = tomllib.loads((folder / "VENDOR.toml").read_text("utf-8"))["file"]
    names = {"VENDOR.toml"}
    for entry in listed:
        assert {"name", "version", "licence", "source"} <= set(entry)
        assert hashlib.sha256((folder / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]
        names |= {entry["file"], entry["licence_file"]}
    assert {path.name for path in folder.iterdir()} == names


def test_nothing_comes_from_elsewhere() -> None:
    for path in [*TEMPLATES, *(ROOT / "static").glob("*.*")]:
        assert not re.search(r"""(src|href|url\()=?["']?(https?:)?//""", path.read_text("utf-8"))


@pytest.mark.parametrize(
    ("said", "english", "chinese"),
    [
        ("fifo 20", "in real time (priority 20)", "实时方式运行（优先级 20）"),
        ("nice -11: fifo refused (Operation not permitted)", "not permitted", "nice -11"),
        ("normal: not asked for more", "as configured", "普通优先级"),
        ("normal: fifo (no) and nice refused", "was refused: no", "未获更高优先级：no"),
        ("no model for zh", "no model for zh", "no model for zh"),
    ],
)
def test_scheduling_of_the_engine_is_told_in_words(said: str, english: str, chinese: str) -> None:
    assert english in process_text(said, "en")
    assert chinese in process_text(said, "zh")
