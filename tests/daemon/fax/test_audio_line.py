"""The audio of a fax: whole chunks, and every way in which the other end goes."""

import socket

from daemon.fax.audio_line import CHUNK, AudioLine


def test_chunks_are_whole_however_they_are_cut() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        line = AudioLine(theirs)
        sound = bytes(range(256)) * 5
        for at in range(0, CHUNK * 2, 64):
            ours.send(sound[at : at + 64])
        assert line.hear() + line.hear() == sound[: CHUNK * 2]
        assert line.say(sound)
        assert ours.recv(4096) == sound
        ours.send(sound[:10])
        ours.shutdown(socket.SHUT_WR)
        assert line.hear() == b""


def test_end_with_samples_unread_is_an_end() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        line = AudioLine(theirs)
        assert line.say(bytes(CHUNK))
        ours.close()
        assert line.hear() == b""
        assert not line.say(bytes(CHUNK))
