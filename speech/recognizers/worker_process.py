"""The process an engine runs in: orders in over a socket, outcomes back.

``python -m speech.recognizers.worker_process vosk FD MODEL`` or ``... pocketsphinx FD``.
It ends when the socket closes or its parent dies.
"""

import os
import queue
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soxr

from speech.api import SAMPLE_RATE, Hypothesis
from speech.errors import EngineMissing, SpeechError
from speech.link.child import serve_orders, take_socket
from speech.link.messages import (
    CheckPhrases,
    Close,
    Failed,
    Fed,
    Feed,
    Finish,
    Finished,
    Opened,
    OpenUtterance,
    Order,
    Outcome,
    Ready,
    encode,
)
from speech.recognizers.engine import ENGINE_RATE, Engine, Utterance


def main() -> int:
    """Load the engine named on the command line and serve until the socket closes."""
    sock = take_socket(int(sys.argv[2]))
    try:
        engine = _load(sys.argv[1], sys.argv[3:])
    except SpeechError as error:
        sock.send(encode(Failed(0, type(error).__name__, str(error))))
        return 1
    sock.send(encode(Ready(0, engine.version)))
    desks = [_Desk(engine, sock) for _ in range(engine.threads)]
    # One utterance stays with one thread: order is kept and no recogniser sees two threads.
    serve_orders(sock, lambda order: desks[order.id % len(desks)].orders.put(order))
    return 0


def _load(name: str, arguments: list[str]) -> Engine:
    try:
        if name == "vosk":
            from speech.recognizers.vosk import VoskEngine

            return VoskEngine(Path(arguments[0]))
        from speech.recognizers.pocketsphinx import PocketSphinxEngine

        return PocketSphinxEngine()
    except (ImportError, OSError) as error:
        raise EngineMissing(f"{name} is not usable ({error}): pip install {name}") from error


class _Desk:
    """One thread with its own utterances."""

    def __init__(self, engine: Engine, sock: socket.socket) -> None:
        self.orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._engine = engine
        self._sock = sock
        self._open: dict[int, _Upsampled] = {}
        self._actions: dict[type[Order], Callable[..., Outcome | None]] = {
            CheckPhrases: self._check,
            OpenUtterance: self._begin,
            Feed: self._feed,
            Finish: self._finish,
            Close: self._close,
        }
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        try:
            while True:
                order = self.orders.get()
                outcome = self._actions[type(order)](order)
                if outcome is not None:
                    self._sock.send(encode(outcome))
        except BaseException:
            # A dead thread would leave its callers waiting; a dead process is started again.
            traceback.print_exc()
            os._exit(1)

    def _check(self, order: CheckPhrases) -> Outcome:
        heard, problems = self._engine.check(order.phrases)
        return Opened(order.id, problems, len(heard))

    def _begin(self, order: OpenUtterance) -> Outcome:
        heard, problems = self._engine.check(order.phrases)
        if heard:
            self._open[order.id] = _Upsampled(self._engine.utterance(heard))
        return Opened(order.id, problems, len(heard))

    def _feed(self, order: Feed) -> Outcome:
        utterance = self._open.get(order.id)
        started = time.thread_time()
        text = utterance.feed(order.pcm) if utterance is not None else ""
        return Fed(order.id, text, time.thread_time() - started)

    def _finish(self, order: Finish) -> Outcome:
        utterance = self._open.pop(order.id, None)
        if utterance is None:
            return Finished(order.id, "", 0.0, 0.0)
        started = time.thread_time()
        heard = utterance.finish()
        return Finished(order.id, heard.text, heard.score, time.thread_time() - started)

    def _close(self, order: Close) -> None:
        utterance = self._open.pop(order.id, None)
        if utterance is not None:
            utterance.close()


class _Upsampled:
    """An utterance fed with telephone audio; never left to the engine, few models can."""

    def __init__(self, utterance: Utterance) -> None:
        self._utterance = utterance
        self._text = ""
        self._resampler = soxr.ResampleStream(SAMPLE_RATE, ENGINE_RATE, 1, dtype="int16")

    def feed(self, pcm: bytes) -> str:
        wide = self._resample(pcm)
        if wide:  # the resampler may still be filling; PocketSphinx raises on nothing
            self._text = self._utterance.feed(wide)
        return self._text

    def finish(self) -> Hypothesis:
        rest = self._resample(b"", last=True)
        if rest:
            self._utterance.feed(rest)
        heard = self._utterance.finish()
        self._utterance.close()
        return heard

    def close(self) -> None:
        self._utterance.close()

    def _resample(self, pcm: bytes, *, last: bool = False) -> bytes:
        samples = np.frombuffer(pcm, "<i2")
        return bytes(self._resampler.resample_chunk(samples, last=last).tobytes())


if __name__ == "__main__":
    sys.exit(main())
