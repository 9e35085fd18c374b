import pytest

from daemon.demo.script import AgentResult, CallPlan, CallResult, Wish
from daemon.demo.tally import Records, tally

TALK = CallPlan(number=31)
MESSAGE = CallPlan(number=2, wish=Wish.MESSAGE)
GIVE_UP = CallPlan(number=3, wish=Wish.ABANDON)


@pytest.fixture
def site(tmp_path):
    for name in ("talk.wav", "message.wav"):
        (tmp_path / name).write_bytes(b"RIFF")
    return tmp_path


def results():
    return [
        CallResult(plan=TALK, outcome="answered", chosen_by="speech", heard=4, wait_s=1.0),
        CallResult(plan=MESSAGE, outcome="voicemail", chosen_by="key"),
        CallResult(plan=GIVE_UP, outcome="abandoned", chosen_by="key"),
    ]


def heard(**changes):
    given = {"agent": 4, "ani": TALK.ani, "heard": 1} | changes
    return [AgentResult(**given)]


def records(**changes):
    calls = [
        {"id": n, "ani": plan.ani, "outcome": plan.outcome, "ended_ms": 9, "agent_id": None}
        for n, plan in enumerate((TALK, MESSAGE, GIVE_UP))
    ]
    calls[0].update(changes)
    kept = {"duration_ms": 900, "ended_ms": 9}
    return Records(
        calls=calls,
        recordings={
            0: [{"call_id": 0, "kind": "call", "path": "talk.wav", **kept}],
            1: [{"call_id": 1, "kind": "message", "path": "message.wav", **kept}],
        },
        visits={
            0: [{"call_id": 0, "entered_ms": 1000, "left_ms": 2500, "outcome": "answered"}],
            2: [{"call_id": 2, "entered_ms": 1000, "left_ms": 1900, "outcome": "abandoned"}],
        },
    )


def test_everything_as_intended(site):
    found = tally(results(), heard(), records(), site=site)
    assert found.errors == []
    assert (found.calls, found.answered, found.voicemail, found.abandoned) == (3, 1, 1, 1)
    assert (found.ivr_keys, found.ivr_speech, found.audio_ok) == (2, 1, 1)
    assert (found.records, found.recordings) == (3, 2)
    assert found.by_line == {"sip": 3, "board": 0}
    assert found.wait_p50_s == found.wait_p95_s == 1.5


@pytest.mark.parametrize(
    "changes", [{"agent": 5}, {"heard": 2}, {"heard": None}, {"ani": "another"}]
)
def test_audio_counts_only_when_both_ends_heard_each_other(site, changes):
    found = tally(results(), heard(**changes), records(), site=site)
    assert found.audio_ok == 0
    assert "audio not proven" in found.errors[0]


@pytest.mark.parametrize(
    "changes", [{"outcome": "abandoned"}, {"ended_ms": None}, {"ani": "another"}, {"id": 9}]
)
def test_record_that_differs_is_an_error(site, changes):
    assert tally(results(), heard(), records(**changes), site=site).errors


def test_missing_file_is_an_error(site):
    (site / "message.wav").unlink()
    found = tally(results(), heard(), records(), site=site)
    assert found.recordings == 1
    assert "missing" in found.errors[0]


def test_call_too_many_in_the_database_is_an_error(site):
    found = tally(results()[:2], heard(), records(), site=site)
    assert found.errors == ["the database has 3 calls, the callers 2"]


def test_caller_who_did_not_get_what_the_script_says_is_an_error(site):
    failed = [CallResult(plan=TALK, error="no greeting within 20 s"), *results()[1:]]
    found = tally(failed, [], records(), site=site)
    assert found.answered == 0
    assert "no greeting" in found.errors[0]


def test_problems_of_processes_are_errors(site):
    found = tally(
        results(), heard(error="no ACK"), records(), site=site, problems=["callers: died"]
    )
    assert found.errors == ["callers: died", "agent 4: no ACK"]


def test_unfinished_records_are_noticed():
    assert records().complete(3)
    assert not records().complete(4)
    assert not records(ended_ms=None).complete(3)
