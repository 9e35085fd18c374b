"""``hookflash simulate`` in words and in figures."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.__main__ import main
from daemon.site_directory import SiteDirectory
from daemon.store.connection import open_database

Ran = tuple[int, str, str]


@pytest.fixture
def simulate(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "en")

    def run(*words: object) -> Ran:
        code = main(["simulate", *map(str, words)])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_figures_beside_the_formula(simulate: Callable[..., Ran]) -> None:
    words = ("--agents", 14, "--calls-per-hour", 200, "--patience", 300, "--hours", 6, "--json")
    code, out, _ = simulate(*words)
    found = json.loads(out)
    assert code == 0
    assert found["offered"] == found["answered"] + found["abandoned"]
    assert found["erlang"]["service_level"] == pytest.approx(0.9168, abs=1e-4)
    assert found["service_level"]["sl_5"] == pytest.approx(0.92, abs=0.06)
    assert simulate(*words)[1] == out
    assert simulate(*words, "--seed", 2)[1] != out


def test_words_name_the_figures(simulate: Callable[..., Ran]) -> None:
    code, out, _ = simulate(
        "--hours", 1, "--arrival", "office", "--redial", 0.3, "--patience", 20, "--agents", 4
    )
    assert code == 0
    assert "service level (SL-6): " in out
    assert "Erlang" not in out
    assert "Erlang says" in simulate("--hours", 1)[1]


def test_callers_who_want_to_be_called_back(simulate: Callable[..., Ran]) -> None:
    words = ("--agents", 9, "--calls-per-hour", 200, "--patience", 120, "--hours", 4, "--json")
    none = json.loads(simulate(*words)[1])
    some = json.loads(simulate(*words, "--callback", 0.5)[1])
    assert (none["callbacks"], none["called_back"]) == (0, 0)
    assert some["callbacks"] > some["called_back"] > 10
    assert some["abandoned"] < none["abandoned"]
    # Who is called back comes twice, which the formula knows nothing of.
    assert some["erlang"] is None
    assert none["erlang"] is not None
    assert json.loads(simulate(*words, "--callback", 0.5, "--reached", 0)[1])["called_back"] == 0
    assert "call-backs taken, and reached: " in simulate(*words[:-1], "--callback", 0.5)[1]


def test_rules_of_a_queue_of_the_site(simulate: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "hookflash.toml").write_text(f'[site]\nrun_dir = "{tmp_path / "run"}"\n')
    (tmp_path / "people.toml").write_text('[[skills]]\nname = "gold"\n')
    (tmp_path / "queues.toml").write_text(
        '[[queues]]\nslug = "vip"\nmax_waiting = 1\nwrap_up_s = 0\nskills = { gold = 7 }\n'
    )

    async def fill() -> None:
        await (await open_database(SiteDirectory.open(tmp_path))).close()

    asyncio.run(fill())
    words = ("--site", tmp_path, "--agents", 2, "--hours", 1, "--json")
    found = json.loads(simulate(*words, "--queue", "vip")[1])
    assert found["others"] > 0
    code, _, err = simulate(*words, "--queue", "vip", "--patience", 60, "--callback", 0.1)
    assert (code, "offers no call-back" in err) == (2, True)
    code, _, err = simulate(*words, "--queue", "gone")
    assert code == 2
    assert "has: vip" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--arrival", "sometimes"), "no arrival curve"),
        (("--arrival", "0,0"), "arrival curve"),
        (("--aht", -1), "--aht -1 cannot be simulated"),
        (("--agents", -1), "--agents -1 cannot be simulated"),
        (("--patience", "nan"), "name a number above 0"),
        (("--ring", -1), "name 0 or more"),
        (("--hours", 0), "cannot be simulated"),
        (("--redial", 2), "behave"),
        (("--patience", 0), "--patience 0 cannot be simulated"),
        (("--callback", 2, "--patience", 60), "behave"),
        (("--callback", -1), "--callback -1 cannot be simulated"),
        (("--callback", 0.5), "name their --patience"),
    ],
)
def test_wrong_numbers_are_explained(
    simulate: Callable[..., Ran], words: tuple[object, ...], said: str
) -> None:
    code, out, err = simulate(*words)
    assert (code, out) == (2, "")
    assert said in err


def test_a_queue_that_grows_without_end_is_told(simulate: Callable[..., Ran]) -> None:
    code, out, _ = simulate("--agents", 1, "--hours", 1)
    assert code == 0
    assert "mean wait without end" in out
