"""Descriptions of a session as they stand and are numbered, those not about audio included."""

from drivers.sip.fax.description import runs_t38
from drivers.sip.negotiation.wording import Worded


class OtherStreams:
    """The part of ``Session`` that holds them."""

    __slots__ = (
        "_chosen",
        "_described",
        "_described_port",
        "_keys",
        "_refused",
        "_worded",
        "session_id",
        "version",
    )

    session_id: int
    version: int
    _described: bytes
    """Our description; empty where its pieces are kept, which calls share."""
    _worded: Worded | None
    _described_port: int
    _keys: str
    """Lines of ours with keys, a part of what is described."""
    _chosen: int
    _refused: tuple[tuple[str, str, str], ...]

    @property
    def speaks_t38(self) -> bool:
        """Whether our description is about T.38 instead of audio."""
        return self._worded is None and runs_t38(self._described)

    @property
    def description(self) -> bytes:
        """Our description, for ``put_back``."""
        words = self._worded
        if words is None:
            return self._described
        return written(words, self.session_id, self._described_port, self._keys)

    @property
    def streams(self) -> tuple[int, tuple[tuple[str, str, str], ...]]:
        """Place of our stream, and the others: kind, protocol, a format."""
        return self._chosen, self._refused

    def take_streams(self, place: int, others: tuple[tuple[str, str, str], ...]) -> None:
        """The peer has named more streams, or others."""
        self._chosen, self._refused = place, others

    def put(self, described: bytes) -> bytes:
        """Describe anew, audio or not; a 0 stands where the version goes, here as everywhere."""
        if described != self.description:
            self.put_back(described)
            self.version += 1
        return self._numbered(described)

    def put_words(self, words: Worded, port: int, keys: str) -> bytes:
        """Describe anew in pieces, and keep those: hundreds of octets that are alike in all calls."""
        numbered = self.put(written(words, self.session_id, port, keys))
        self._described, self._worded = b"", words
        self._described_port, self._keys = port, keys
        return numbered

    def put_back(self, described: bytes) -> None:
        """What was put was refused: this stands again."""
        self._described, self._worded, self._keys = described, None, ""

    @property
    def pieces(self) -> tuple[bytes, Worded | None, str]:
        """Our description as it is kept, for ``put_pieces``."""
        return self._described, self._worded, self._keys

    def put_pieces(self, pieces: tuple[bytes, Worded | None, str]) -> None:
        """This stands again, as it was kept."""
        self._described, self._worded, self._keys = pieces

    def _numbered(self, described: bytes) -> bytes:
        start = f"o=- {self.session_id} "
        return described.replace(f"{start}0 ".encode(), f"{start}{self.version} ".encode(), 1)


def written(words: Worded, session_id: int, port: int, keys: str) -> bytes:
    """Put the pieces of a description together, under version 0."""
    return (
        f"{words.start}{session_id} 0{words.middle}{port}{words.stream}{keys}{words.end}"
    ).encode()
