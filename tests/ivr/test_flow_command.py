"""``hookflash flow``: exit codes, faults on stderr, JSON on stdout."""

import json
from pathlib import Path

import pytest

from daemon.__main__ import main

GOOD = """\
version: 1
languages: [en]
start: a
nodes:
  a: {kind: announce, say: Hello., next: b}
  b: {kind: hang_up}
tests:
  - {name: hello, expect: {path: [a, b]}}
"""


@pytest.fixture
def flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.delenv("HOOKFLASH_SITE", raising=False)
    file = tmp_path / "hello.yaml"
    file.write_text(GOOD)
    return file


def test_a_valid_flow_passes(flow: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flow", "check", str(flow)]) == 0
    assert capsys.readouterr().out == f"{flow}: valid, 2 nodes, 1 tests\n"


def test_faults_go_to_stderr_with_file_and_line(
    flow: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow.write_text(GOOD.replace("next: b", "next: c").replace("say: Hello.", "speak: Hello."))
    assert main(["flow", "check", str(flow)]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 3
    assert all(line.startswith(f"{flow}:5: node a: ") for line in errors)


def test_tests_are_run_with_coverage(flow: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flow", "test", str(flow)]) == 0
    out = capsys.readouterr().out
    assert "hello: passed" in out
    assert "coverage: nodes 2/2, exits 1/1" in out


def test_a_failing_test_exits_1_and_says_why(
    flow: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow.write_text(GOOD.replace("path: [a, b]", "path: [b], queue: q"))
    assert main(["flow", "test", str(flow)]) == 1
    captured = capsys.readouterr()
    assert "hello: failed" in captured.out
    assert "path: expected b, got a > b" in captured.err


def test_what_no_test_reached_is_named(flow: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flow.write_text(GOOD[: GOOD.index("tests:")])
    assert main(["flow", "test", str(flow)]) == 0
    assert "not reached: a, b, a -> next" in capsys.readouterr().out


def test_json_is_one_object(flow: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flow", "test", "--json", str(flow)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["valid"], answer["faults"]) == (True, [])
    assert answer["tests"][0]["passed"] is True
    assert answer["tests"][0]["nodes_reached"] == 2
    flow.write_text(GOOD.replace("version: 1", "version: one"))
    assert main(["flow", "check", "--json", str(flow)]) == 2
    (fault,) = json.loads(capsys.readouterr().out)["faults"]
    assert (fault["file"], fault["line"]) == (str(flow), 1)


def test_without_files_the_sites_flows_are_taken(
    flow: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hookflash.toml").write_text("")
    (tmp_path / "flows").mkdir()
    assert main(["flow", "check", "--site", str(tmp_path)]) == 2
    assert "holds no flow" in capsys.readouterr().err
    flow.rename(tmp_path / "flows" / "main.yaml")
    assert main(["flow", "check", "--site", str(tmp_path)]) == 0


def test_a_missing_file_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flow", "check", str(tmp_path / "gone.yaml")]) == 2
    assert "cannot read" in capsys.readouterr().err


def test_faults_and_failures_are_told_in_the_language_of_the_terminal(
    flow: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "zh")
    flow.write_text(GOOD.replace("path: [a, b]", "path: [b]"))
    assert main(["flow", "test", str(flow)]) == 1
    assert "path：应为 b，实为 a > b" in capsys.readouterr().err
    flow.write_text(GOOD.replace("next: b", "next: c"))
    assert main(["flow", "check", str(flow)]) == 2
    assert capsys.readouterr().err == f"{flow}:5: 节点 a：没有节点 'c'\n"


def test_json_holds_both_languages(flow: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flow.write_text(GOOD.replace("next: b", "next: c"))
    assert main(["flow", "check", "--json", str(flow)]) == 2
    (fault,) = json.loads(capsys.readouterr().out)["faults"]
    assert (fault["message"], fault["zh"]) == ("there is no node 'c'", "没有节点 'c'")
    flow.write_text(GOOD.replace("path: [a, b]", "path: [b]"))
    assert main(["flow", "test", "--json", str(flow)]) == 1
    (result,) = json.loads(capsys.readouterr().out)["tests"][0]["results"]
    assert result["failures"] == ["path: expected b, got a > b"]
    assert result["failures_zh"] == ["path：应为 b，实为 a > b"]
