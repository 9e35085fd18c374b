"""``hookflash replay`` on journals that the real runner wrote."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.__main__ import main
from daemon.control.journaled.files import segments
from tests.fakes.acd_day import play_day

Ran = tuple[int, str, str]
PEOPLE = "".join(
    f'[[people]]\nlogin = "{login}"\nskills = {{ {skills} }}\n'
    for login, skills in (
        ("ann", "sales = 9, help = 5"),
        ("bob", "sales = 5, help = 5"),
        ("cid", "help = 9, sales = 5"),
        ("dee", "sales = 2, help = 2"),
    )
)
QUEUES = """
[[queues]]
slug = "sales"
skills = { sales = 1 }
ring_s = 12
wrap_up_s = 15
max_wait_s = 60
misses_to_pause = 2
[[queues]]
slug = "help"
skills = { help = 1 }
ring_s = 10
wrap_up_s = 0
max_waiting = 4
"""


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("site") / "journal"
    play_day(path, seed=5)
    return path


@pytest.fixture
def replay(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "en")

    def run(*words: object) -> Ran:
        code = main(["replay", *map(str, words)])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_unchanged_rules_are_identical(replay: Callable[..., Ran], journal: Path) -> None:
    code, out, _ = replay(journal)
    assert code == 0
    assert out.startswith("identical: ")
    assert replay(journal.parent)[1] == out
    assert replay(segments(journal)[0])[1] == out


def test_json_counts_decisions(replay: Callable[..., Ran], journal: Path) -> None:
    code, out, _ = replay(journal, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["identical"] is True
    assert found["compared"] > 100
    assert found["unrecorded"] == 0


def test_changed_rules_show_differences_by_queue(
    replay: Callable[..., Ran], journal: Path, tmp_path: Path
) -> None:
    (tmp_path / "queues.toml").write_text(QUEUES)
    (tmp_path / "people.toml").write_text(PEOPLE)
    code, out, _ = replay(journal, "--config", tmp_path, "--json")
    found = json.loads(out)
    assert code == 0
    assert [queue["queue"] for queue in found["queues"]] == ["sales", "help"]
    assert found["drift"] == 0
    assert found["changed"] == sum(len(queue["changes"]) for queue in found["queues"]) > 0
    assert found["queues"][0]["after"]["service_level"] is not None
    table = replay(journal, "--config", tmp_path)[1]
    assert "service level" in table
    assert "→" in table


def test_one_file_without_skills_keeps_the_rest(
    replay: Callable[..., Ran], journal: Path, tmp_path: Path
) -> None:
    file = tmp_path / "queues.toml"
    file.write_text('[[queues]]\nslug = "help"\nmax_waiting = 1\nwrap_up_s = 0\nring_s = 10\n')
    first, second = (replay(journal, "--config", file, "--json") for _ in range(2))
    assert first == second
    assert first[0] == 0


def test_expressions_and_widening_are_rules_too(
    replay: Callable[..., Ran], journal: Path, tmp_path: Path
) -> None:
    (tmp_path / "people.toml").write_text(PEOPLE)

    def takers(rules: str) -> set[str]:
        changed = QUEUES.replace("skills = { sales = 1 }", rules)
        (tmp_path / "queues.toml").write_text(changed)
        code, out, _ = replay(journal, "--config", tmp_path, "--json")
        assert code == 0
        return {change["after"] for change in json.loads(out)["queues"][0]["changes"]}

    strict = 'skill_expression = "sales>=4 or help>=9"\nshares = { ann = 1, bob = 5 }'
    assert "dee" not in takers(strict)
    widening = 'widening = [{ after_s = 5, skill_expression = "sales or help" }]'
    assert "dee" in takers(f"{strict}\n{widening}")


def test_queue_life_and_calendars_are_rules_too(
    replay: Callable[..., Ran], journal: Path, tmp_path: Path
) -> None:
    (tmp_path / "people.toml").write_text(PEOPLE)
    life = """
    calendar = "never"
    [[queues.overflow]]
    to = ["help"]
    when_refused = true
    [queues.announcements]
    first_s = 5
    """
    changed = QUEUES.replace("misses_to_pause = 2", f"misses_to_pause = 2{life}")
    (tmp_path / "queues.toml").write_text(changed)

    def after() -> list[dict[str, int]]:
        code, out, _ = replay(journal, "--config", tmp_path, "--json")
        assert code == 0
        return [queue["after"] for queue in json.loads(out)["queues"]]

    # No file says what the calendar is: as recorded, always open.
    answered = after()[0]["answered"]
    assert answered > 0
    (tmp_path / "calendars.toml").write_text('[[calendars]]\nname = "never"\n')
    sales, helped = after()
    assert sales["answered"] == 0
    assert helped["offered"] > 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[[queues]]\nslug = "sales"\nskills = { french = 3 }\n', "which is french"),
        ('[[queues]]\nslug = "sales"\nring_s = -1\n', "ring_s"),
        ("", "neither queues nor people"),
    ],
)
def test_rules_that_cannot_be_are_explained(
    replay: Callable[..., Ran], journal: Path, tmp_path: Path, content: str, said: str
) -> None:
    file = tmp_path / "queues.toml"
    file.write_text(content)
    code, out, err = replay(journal, "--config", file)
    assert (code, out) == (2, "")
    assert said in err


def test_a_folder_without_journal_is_wrong_usage(
    replay: Callable[..., Ran], tmp_path: Path
) -> None:
    code, _, err = replay(tmp_path)
    assert code == 2
    assert "holds no journal" in err


def test_words_are_chinese_too(
    replay: Callable[..., Ran], journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "zh")
    assert replay(journal)[1].startswith("一致：")
