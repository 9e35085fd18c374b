import argparse
import json
import subprocess
import sys

import pytest

from cython_ext.implementation import PURE_PYTHON
from daemon.commands.demo import UNATTENDED_S, _wanted

FIELDS = [
    "calls", "answered", "abandoned", "voicemail", "by_line", "ivr_keys", "ivr_speech", "records",
    "recordings", "audio_ok", "wait_p50_s", "wait_p95_s", "errors",
]  # fmt: skip


def demo(*arguments, timeout=150):
    return subprocess.run(
        [sys.executable, "-m", "daemon", "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.mark.e2e
@pytest.mark.skipif(PURE_PYTHON, reason="plain-Python kernels have no audio")
def test_demo_proves_the_whole_hotline():
    done = demo("--calls", "6", "--abandon", "1", "--exit", "--json", "--agents", "3")
    assert done.stdout.count("\n") == 1, done.stderr
    found = json.loads(done.stdout)
    assert list(found) == FIELDS
    assert found["errors"] == []
    assert done.returncode == 0
    assert (found["calls"], found["answered"], found["abandoned"], found["voicemail"]) == (
        6,
        4,
        1,
        1,
    )
    assert found["by_line"] == {"sip": 5, "board": 1}
    assert found["audio_ok"] == 4
    assert found["records"] == 6
    assert found["recordings"] == 5
    assert found["ivr_keys"] + found["ivr_speech"] == 6
    assert "one-time password" in done.stderr


@pytest.mark.parametrize(
    "wrong",
    [["--calls", "0"], ["--abandon", "31"], ["--agents", "0"], ["--rate", "0"], ["--calls", "x"]],
)
def test_wrong_options_are_refused(wrong):
    done = demo("--exit", *wrong, timeout=30)
    assert done.returncode == 2
    assert wrong[0] in done.stderr


@pytest.mark.parametrize(
    ("calls", "attended", "seconds"),
    [(None, False, UNATTENDED_S), (None, True, 0.0), (400, False, 0.0), (400, True, 0.0)],
)
def test_who_names_a_number_of_calls_gets_all_of_them(calls, attended, seconds):
    wish = argparse.Namespace(calls=calls, exit=False, abandon=0, rate=0.3)
    found = _wanted(wish, attended=attended)
    assert (found.calls, found.seconds, found.stay) == (calls, seconds, attended)
