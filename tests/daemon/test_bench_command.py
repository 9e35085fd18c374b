import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cython_ext import media
from cython_ext.implementation import PURE_PYTHON
from daemon.__main__ import main

Bench = Callable[..., tuple[int, str, str]]


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "en")

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["bench", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["acd", "--seconds", "0"], "--seconds must lie between"),
        (["acd", "--seconds", "nan"], "--seconds must lie between"),
        (["acd", "--seconds", "601"], "--seconds must lie between"),
        (["acd", "--seconds", "long"], "invalid float value"),
        (["sip", "--rate", "0"], "--rate must lie between"),
        (["sip", "--talk", "0"], "--talk must lie between"),
        (["sip", "--agents", "2001"], "--agents must lie between"),
        (["media", "--channels", "1"], "--channels must lie between"),
        (["nothing"], "invalid choice"),
        ([], "required: subject"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(
    bench: Bench, words: list[str], said: str
) -> None:
    code, out, err = bench(*words)
    assert (code, out) == (2, "")
    assert said in err


@pytest.mark.skipif(PURE_PYTHON, reason="compares the compiled kernel with the plain one")
def test_acd_measures_kernel_and_engine(bench: Bench) -> None:
    code, out, _ = bench("acd", "--seconds", "0.05", "--json")
    found = json.loads(out)
    assert code == 0
    assert list(found) == [
        *("assignments_per_s", "p50_us", "p99_us", "engine_assignments_per_s"),
        *("growth_agents", "growth_waiting", "bytes_per_call", "bytes_per_agent"),
        *("ratio_oracle", "ratio_scan", "scenario"),
    ]
    assert found["assignments_per_s"] > found["engine_assignments_per_s"] > 0
    assert 0 < found["p50_us"] <= found["p99_us"]
    assert found["bytes_per_call"] <= 256
    assert found["bytes_per_agent"] <= 512
    assert found["ratio_oracle"] > found["ratio_scan"] > 1
    assert min(found["growth_agents"], found["growth_waiting"]) > 0
    same = found["scenario"]["on_same_turns"]
    rates = [same[name]["assignments_per_s"] for name in ("kernel", "scan", "oracle")]
    assert rates == sorted(rates, reverse=True)


def test_text_names_each_figure_on_a_line(bench: Bench) -> None:
    code, out, _ = bench("parser", "--seconds", "0.01")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()][:2] == ["subject", "message_bytes"]


@pytest.mark.skipif(PURE_PYTHON, reason="compares the compiled parser with the plain one")
def test_parser_compares_both_implementations(bench: Bench) -> None:
    code, out, _ = bench("parser", "--seconds", "0.01", "--json")
    assert code == 0
    assert json.loads(out)["ratio"] > 1


@pytest.mark.skipif(not media.available(), reason="needs the media engine")
def test_media_sets_every_load_beside_the_floor_of_the_same_run(bench: Bench) -> None:
    code, out, _ = bench("media", "--seconds", "0.25", "--channels", "4", "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["channels"], len(found["runs"])) == (4, 5)
    assert found["floor_pct_per_100"] > 0
    assert found["pct_per_100_bridge"] > 0
    assert found["pct_per_100_play"] > 0
    assert {
        "added_dtmf_x_floor",
        "added_srtp_x_floor",
        "pct_added_record",
        "realtime",
        "late_p999_ms",
    } <= found.keys()
    assert {"steal_pct", "control_wakeup_ms"} <= found["runs"][0].keys()
    assert found["channels_per_core_70"] > 4
    assert found["setup_us"] > 0
    assert 2500 < found["bytes_per_channel"] <= 8192


@pytest.mark.parametrize("key", ["cpu_s_per_1000_single_leg", "cpu_s_per_1000_acd_call"])
def test_sip_without_sipp_names_the_package(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code, out, err = bench("sip", "--seconds", "0.1", "--json", "--only", key)
    assert (code, out) == (1, "")
    assert "sip-tester" in err


def test_sip_measures_one_figure_and_says_so_on_stderr(bench: Bench) -> None:
    code, out, err = bench("sip", "--only", "parse_us", "--json")
    assert code == 0
    assert list(json.loads(out)) == ["parse_us"]
    assert err == "bench sip: parse_us\n"


def test_sip_names_its_figures_when_one_is_not_known(bench: Bench) -> None:
    code, out, err = bench("sip", "--only", "speed")
    assert (code, out) == (2, "")
    assert "cpu_s_per_1000_acd_call_2000_agents" in err
