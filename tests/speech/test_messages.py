from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech.api import EngineDown, Final, Limits, NoInput, Partial, TooLong
from speech.link import messages
from speech.link.messages import (
    ConvertRequest,
    Fed,
    Feed,
    Finished,
    Heard,
    ListenRequest,
    PromptRequest,
    Refused,
    Speak,
    StatusReply,
    StopListening,
    encode,
)

REQUESTS = [
    PromptRequest(1, "Willkommen 欢迎", "zh", ""),
    ConvertRequest(2, "incoming/a.mp3", "a"),
    ListenRequest(3, {"네": "YES"}, "ko", Limits(no_input_s=3)),
    StopListening(3),
]
REPLIES = [
    Heard(4, Partial("o", 1.5)),
    Heard(4, Final("one", "one", "1", 0.5, 2.0, "vosk")),
    Heard(4, NoInput(5.0)),
    Heard(4, TooLong("a", "", "", 0.0, 10.0)),
    Heard(4, EngineDown("gone")),
    StatusReply(5, {"streams": {"in_use": 1}}),
    Refused(6, "VoiceMissing", "no voice"),
]
ORDERS = [Feed(7, b"\x00\x01"), Speak(8, "hello", "en-us", 160, "/tmp/x.wav")]
OUTCOMES = [Fed(7, "hello", 0.01), Finished(7, "hello", 1.0, 0.02)]


@pytest.mark.parametrize("message", REQUESTS)
def test_requests_come_back_equal(message: messages.Request) -> None:
    assert messages.decode_request(encode(message)) == message


@pytest.mark.parametrize("message", REPLIES)
def test_replies_come_back_equal(message: messages.Reply) -> None:
    assert messages.decode_reply(encode(message)) == message


@pytest.mark.parametrize("message", ORDERS)
def test_orders_come_back_equal(message: messages.Order) -> None:
    assert messages.decode_order(encode(message)) == message


@pytest.mark.parametrize("message", OUTCOMES)
def test_outcomes_come_back_equal(message: messages.Outcome) -> None:
    assert messages.decode_outcome(encode(message)) == message


@pytest.mark.parametrize("decode", [messages.decode_request, messages.decode_reply])
@given(data=st.binary(max_size=200))
def test_any_bytes_give_a_message_or_a_decode_error(
    decode: Callable[[bytes], object], data: bytes
) -> None:
    try:
        decode(data)
    except msgspec.DecodeError:
        return
