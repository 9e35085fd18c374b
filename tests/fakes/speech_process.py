"""The speech process as it runs in a site, started and ended by tests."""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from speech.options import SpeechOptions

START = """
import sys, msgspec, uvloop
from pathlib import Path
from speech.options import SpeechOptions
from speech.server import serve
options = msgspec.json.decode(sys.argv[1], type=SpeechOptions)
ready = Path(sys.argv[3]).with_suffix(".ready")
uvloop.run(serve(options, Path(sys.argv[2]), Path(sys.argv[3]), ready.touch))
"""


class SpeechProcess:
    """The speech process of one test site, started and ended as often as a test likes."""

    def __init__(self, site: Path, options: SpeechOptions) -> None:
        self.site = site
        self.options = options
        # Socket paths stop at 108 bytes, pytest's folders are long.
        self.run_dir = Path(tempfile.mkdtemp(prefix="hf-speech-"))
        self.socket = self.run_dir / "speech.sock"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        encoded = msgspec.json.encode(self.options).decode()
        command = [sys.executable, "-c", START, encoded, str(self.site), str(self.socket)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        ready = self.socket.with_suffix(".ready")
        while not ready.exists():
            assert self.process.poll() is None, "the speech process ended"
            assert time.monotonic() < deadline, "the speech process did not start"
            time.sleep(0.02)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.socket.with_suffix(".ready").unlink(missing_ok=True)

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.run_dir)
