"""The process a synthesiser runs in: texts in over a socket, WAV files out.

``python -m speech.synthesizers.worker_process espeak FD`` or ``... pyttsx3 FD VOICE RATE``.
It ends when the socket closes or its parent dies.
"""

import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from speech.errors import EngineMissing, SpeechError
from speech.link.child import serve_orders, take_socket
from speech.link.messages import Failed, Order, Ready, Speak, Spoken, encode

Voice = Callable[[Speak], None]


def main() -> int:
    """Load the engine named on the command line and serve until the socket closes."""
    sock = take_socket(int(sys.argv[2]))
    try:
        speak, engine_version = _load(sys.argv[1], sys.argv[3:])
    except SpeechError as error:
        sock.send(encode(Failed(0, type(error).__name__, str(error))))
        return 1
    sock.send(encode(Ready(0, engine_version)))

    def handle(order: Order) -> None:
        if not isinstance(order, Speak):
            return
        try:
            speak(order)
        except SpeechError as error:
            sock.send(encode(Failed(order.id, type(error).__name__, str(error))))
        else:
            sock.send(encode(Spoken(order.id)))

    serve_orders(sock, handle)
    return 0


def _load(name: str, arguments: list[str]) -> tuple[Voice, str]:
    if name == "espeak":
        from speech.synthesizers.espeak import EspeakLibrary

        library = EspeakLibrary()
        return (
            lambda order: library.speak(order.text, order.voice, order.rate, Path(order.path)),
            library.version,
        )
    try:
        from speech.synthesizers.pyttsx3 import Pyttsx3Voice
    except ImportError as error:
        raise EngineMissing(f"pyttsx3 is not usable ({error}): pip install pyttsx3") from error
    voice = Pyttsx3Voice(arguments[0], int(arguments[1]))
    return lambda order: voice.speak(order.text, Path(order.path)), version("pyttsx3")


if __name__ == "__main__":
    sys.exit(main())
