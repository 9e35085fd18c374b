"""Without a libopus that serves, transcoding is refused by its name and all else goes on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cython_ext.implementation import PURE_PYTHON

pytestmark = pytest.mark.skipif(PURE_PYTHON, reason="there is no audio in pure mode")

ASK = """
import json, os
from cython_ext import media
engine = media.Engine(realtime=False)
engine.start()
bound = engine.open_rtp(1, "127.0.0.1")
stream = dict(payload_type=111, law="OPUS", dtmf_payload_type=-1)
found = []
before = len(os.listdir("/proc/self/fd"))
for transcode in (True, True, False):
    try:
        engine.connect_rtp(1, "127.0.0.1", 9, transcode=transcode, **stream)
        found.append("done")
    except media.EngineError as error:
        found.append([error.code, str(error)])
    if transcode:
        assert len(os.listdir("/proc/self/fd")) == before
engine.connect_rtp(1, "127.0.0.1", 9, payload_type=8, law="A", transcode=True)
engine.close(1)
engine.stop()
print(json.dumps(found))
"""


@pytest.mark.parametrize("kind", ["no library", "another library"])
def test_transcoding_is_refused_and_passing_is_not(tmp_path: Path, kind: str) -> None:
    broken = tmp_path / "libopus.so.0"
    if kind == "no library":
        broken.write_bytes(b"this is no library at all, whatever its name says" * 4)
    else:  # it loads, and has nothing of what is called
        with open("/proc/self/maps", encoding="ascii") as maps:
            found = next(line.split()[-1] for line in maps if "/libm.so" in line)
        broken.symlink_to(found)
    answer = subprocess.run(
        [sys.executable, "-c", ASK],
        env={**os.environ, "LD_LIBRARY_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    first, again, passed = json.loads(answer.stdout)
    assert first[0] == again[0] == "no-codec"
    assert "libopus.so.0" in first[1]
    assert passed == "done"
