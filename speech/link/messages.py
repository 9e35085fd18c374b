"""Messages between control and the speech process, and the speech process and its workers.

Each is one msgpack datagram; ``id`` is chosen by the asking side and comes back in each reply.
"""

from typing import Any

import msgspec

from speech.api import SAMPLE_RATE, Limits, SpeechEvent


class _Message(msgspec.Struct, frozen=True, tag=True, array_like=True):
    id: int


class PromptRequest(_Message, frozen=True, tag=True):
    """Make a prompt from text; answered by PathReply or Refused."""

    text: str
    language: str
    voice: str


class ConvertRequest(_Message, frozen=True, tag=True):
    """Convert an uploaded file; answered by PathReply or Refused."""

    upload: str
    name: str


class CheckRequest(_Message, frozen=True, tag=True):
    """Check a grammar; answered by ProblemsReply or Refused."""

    phrases: dict[str, str]
    language: str


class StatusRequest(_Message, frozen=True, tag=True):
    """Ask for health figures; answered by StatusReply."""


class ListenRequest(_Message, frozen=True, tag=True):
    """Listen to a tap; its memfd and eventfd travel with it. Answered by Heard messages."""

    phrases: dict[str, str]
    language: str
    limits: Limits


class StopListening(_Message, frozen=True, tag=True):
    """End the ListenRequest of that id; not answered."""


Request = (
    PromptRequest | ConvertRequest | CheckRequest | StatusRequest | ListenRequest | StopListening
)


class PathReply(_Message, frozen=True, tag=True):
    """A finished audio file, relative to the site."""

    path: str


class ProblemsReply(_Message, frozen=True, tag=True):
    """What is wrong with a grammar."""

    problems: list[str]


class StatusReply(_Message, frozen=True, tag=True):
    """Health figures."""

    status: dict[str, Any]


class Heard(_Message, frozen=True, tag=True):
    """One event of a listening session."""

    event: SpeechEvent


class Refused(_Message, frozen=True, tag=True):
    """The request failed: class name from the error tree and its message."""

    error: str
    message: str


Reply = PathReply | ProblemsReply | StatusReply | Heard | Refused


class OpenUtterance(_Message, frozen=True, tag=True):
    """To a recogniser: begin the utterance of that id; answered by Opened."""

    phrases: list[str]
    rate: int = SAMPLE_RATE
    """Of the audio that will come, 8000 or 16000 samples a second."""


class Feed(_Message, frozen=True, tag=True):
    """To a recogniser: audio of an utterance; answered by Fed."""

    pcm: bytes


class Finish(_Message, frozen=True, tag=True):
    """To a recogniser: end of the utterance; answered by Finished."""


class Close(_Message, frozen=True, tag=True):
    """To a recogniser: forget the utterance; not answered."""


class CheckPhrases(_Message, frozen=True, tag=True):
    """To a recogniser: which phrases can it hear; answered by Opened."""

    phrases: list[str]


class Speak(_Message, frozen=True, tag=True):
    """To a synthesiser: speak into a WAV file; answered by Spoken or Failed."""

    text: str
    voice: str
    rate: int
    path: str


Order = OpenUtterance | Feed | Finish | Close | CheckPhrases | Speak


class Ready(_Message, frozen=True, tag=True):
    """From a worker: loaded; ``version`` of its engine."""

    version: str


class Opened(_Message, frozen=True, tag=True):
    """From a recogniser: what is wrong with the phrases, and how many remain."""

    problems: list[str]
    usable: int


class Fed(_Message, frozen=True, tag=True):
    """From a recogniser: text so far, and processor seconds the audio took."""

    text: str
    cost: float


class Finished(_Message, frozen=True, tag=True):
    """From a recogniser: the final text and its score."""

    text: str
    score: float
    cost: float


class Spoken(_Message, frozen=True, tag=True):
    """From a synthesiser: the file is complete."""


class Failed(_Message, frozen=True, tag=True):
    """From a worker: class name from the error tree and its message; id 0 at start."""

    error: str
    message: str


Outcome = Ready | Opened | Fed | Finished | Spoken | Failed

encode = msgspec.msgpack.Encoder().encode
decode_request = msgspec.msgpack.Decoder(Request).decode
decode_reply = msgspec.msgpack.Decoder(Reply).decode
decode_order = msgspec.msgpack.Decoder(Order).decode
decode_outcome = msgspec.msgpack.Decoder(Outcome).decode
