"""Descriptions of a session as they stand and are numbered, those not about audio included."""

from drivers.sip.fax.description import runs_t38


class OtherStreams:
    """The part of ``Session`` that holds them."""

    __slots__ = ("_chosen", "_described", "_refused", "session_id", "version")

    session_id: int
    version: int
    _described: bytes
    _chosen: int
    _refused: tuple[tuple[str, str, str], ...]

    @property
    def speaks_t38(self) -> bool:
        """Whether our description is about T.38 instead of audio."""
        return runs_t38(self._described)

    @property
    def description(self) -> bytes:
        """Our description, for ``put_back``."""
        return self._described

    @property
    def streams(self) -> tuple[int, tuple[tuple[str, str, str], ...]]:
        """Place of our stream, and the others: kind, protocol, a format."""
        return self._chosen, self._refused

    def take_streams(self, place: int, others: tuple[tuple[str, str, str], ...]) -> None:
        """The peer has named more streams, or others."""
        self._chosen, self._refused = place, others

    def put(self, described: bytes) -> bytes:
        """Describe anew, audio or not; a 0 stands where the version goes, here as everywhere."""
        if described != self._described:
            self._described = described
            self.version += 1
        return self._numbered(described)

    def put_back(self, described: bytes) -> None:
        """What was put was refused: this stands again."""
        self._described = described

    def _numbered(self, described: bytes) -> bytes:
        start = f"o=- {self.session_id} "
        return described.replace(f"{start}0 ".encode(), f"{start}{self.version} ".encode(), 1)
