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

from speech.api import Hypothesis
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
from speech.recognizers.engine import Engine
from speech.recognizers.wide_band import front_for

GOOD_GUESS = 1.4  # factor of gain, 3 dB: within it both engines hear the same


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
        self._open: dict[int, _Utterance] = {}
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
            self._open[order.id] = _Utterance(self._engine, heard, order.rate)
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


class _Utterance:
    """Telephone audio, or a wide-band leg's, for a wide-band engine.

    Partial texts come from decoding as the audio arrives, at a gain and a band guessed from its
    first piece. At the end the right ones are known: unless the guess was good and the engine's
    streaming is as good as its best, the whole is decoded once more (3 % of its length).
    """

    def __init__(self, engine: Engine, phrases: list[str], rate: int) -> None:
        self._engine = engine
        self._phrases = phrases
        self._stream = engine.utterance(phrases)
        self._audio = bytearray()
        self._rate = rate
        self._front = front_for(b"", rate)
        self._text = ""

    def feed(self, pcm: bytes) -> str:
        if not self._audio:
            self._front = front_for(pcm, self._rate)
        self._audio += pcm
        self._feed_stream(self._front.feed(pcm))
        return self._text

    def finish(self) -> Hypothesis:
        audio = bytes(self._audio)
        front = front_for(audio, self._rate)
        good = 1 / GOOD_GUESS < front.gain / self._front.gain < GOOD_GUESS
        good = good and bool(audio) and type(front) is type(self._front)
        if self._engine.streaming_is_final and good:
            self._feed_stream(self._front.flush())
            return self._stream.finish()
        self._stream.close()
        wide = front.feed(audio) + front.flush()
        return self._engine.decode(self._phrases, wide) if audio else Hypothesis("", 0.0)

    def close(self) -> None:
        self._stream.close()

    def _feed_stream(self, wide: bytes) -> None:
        if wide:  # PocketSphinx raises on nothing
            self._text = self._stream.feed(wide)


if __name__ == "__main__":
    sys.exit(main())
