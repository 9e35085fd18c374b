"""baresip, a softphone that others wrote: it registers, answers by itself, sends a tone."""

import subprocess
from pathlib import Path

from cython_ext import dsp

MODULES = Path("/usr/lib/baresip/modules")
TONE_HZ = 440.0
HEARD_DBM0 = -25.0
WAV_HEADER = 44
TENTH = 1600  # bytes, 100 ms
# What it decodes goes into a file beside this one; the "sink" only keeps its clock running.
CONFIG = """\
poll_method epoll
sip_listen 127.0.0.1:0
module_path {modules}
module g711.so
module aubridge.so
module_tmp account.so
module_app menu.so
module ausine.so
module sndfile.so
snd_path {folder}
audio_player aubridge,sink
audio_source ausine,{hz}
audio_alert aubridge,alert
ausrc_srate 48000
auplay_srate 8000
ausrc_channels 2
auplay_channels 1
rtp_timeout 60
call_max_calls 4
"""


class Softphone:
    """One baresip without a screen, ended by ``stop``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(
        self, station: str, secret: str, server: str, *commands: str,
        transport: str = "udp", config: str = "", account: str = "",
    ) -> None:  # fmt: skip
        """Register at ``server`` (host:port) and do what the commands say.

        ``config`` and ``account`` are more of its settings.
        """
        self._folder.mkdir(parents=True)
        (self._folder / "config").write_text(
            CONFIG.format(modules=MODULES, folder=self._folder, hz=int(TONE_HZ)) + config
        )
        whole = f"<sip:{station}@{server};transport={transport}>;auth_pass={secret}{account}"
        whole += ";answermode=auto;audio_codecs=PCMA/8000/1;regint=60\n"
        (self._folder / "accounts").write_text(whole)
        self._process = subprocess.Popen(
            ["baresip", "-4", "-f", str(self._folder), *(f"-e{item}" for item in commands)],
            stdin=subprocess.DEVNULL,
            stdout=(self._folder / "log").open("wb"),
            stderr=subprocess.STDOUT,
        )

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")

    def heard(self, hz: float) -> bool:
        """Whether its last 100 ms that are on disk hold this frequency."""
        for file in self._folder.glob("dump-*-dec.wav"):
            samples = file.read_bytes()[WAV_HEADER:]
            block = samples[: len(samples) // TENTH * TENTH][-TENTH:]
            if block and dsp.goertzel(block, 8000, hz) > HEARD_DBM0:
                return True
        return False

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
