"""Players: prompts, tones and caller identity, as the owner of an engine keeps them."""

from collections.abc import Sequence
from typing import Final

from cython_ext.media import _media
from cython_ext.media._media import Handle
from cython_ext.media.clips import ClipCache, EngineError, factor
from cython_ext.media.owner import Owner

PEAK_0_DBM0: Final = 22300.0  # of one sine; full scale of mu-law is +3.17 dBm0 (G.711)
SLOWEST: Final = 0.5
FASTEST: Final = 2.0
_FSK: Final = ("bell202", "v23")


class Playing(Owner):
    """The part of an engine that plays."""

    def __init__(self) -> None:
        self._clips = ClipCache()
        self._players: dict[int, tuple[Handle, int]] = {}
        super().__init__()

    def play(
        self,
        port: int,
        player: int,
        files: Sequence[str],
        *,
        repeat: int = 1,
        gain_db: float = 0.0,
        stop_on_digit: bool = False,
        start_ms: int = 0,
        speed: float = 1.0,
        in_step: bool = False,
    ) -> None:
        """Play raw 16-bit 8 kHz files in turn, ``repeat`` 0 for ever; replaces another.

        ``in_step`` plays them for ever from where all others are who play them in step.
        """
        _check_speed(speed)
        self._check_player(port, player, len(files))
        handle = _media.new_player(
            player,
            [self._clips.load(path) for path in files],
            repeat=0 if in_step else repeat,
            gain=factor(gain_db),
            stop_on_key=stop_on_digit,
            speed=1.0 if in_step else speed,
            start_ms=start_ms,
            in_step=in_step,
        )
        self._start(port, handle)

    def play_tone(
        self,
        port: int,
        player: int,
        frequencies: Sequence[tuple[float, float]],
        cadence_ms: Sequence[tuple[int, int]],
        *,
        repeat: int = 0,
        level_dbm0: float = -13.0,
        stop_on_digit: bool = False,
    ) -> None:
        """Play tones in a cadence of (on, off); an empty cadence is a continuous tone."""
        cadence = cadence_ms or [(0, 0)]
        self._check_player(port, player, len(frequencies))
        if len(frequencies) not in (1, len(cadence)):
            raise EngineError("bad-argument", "give one pair of frequencies, or one a step")
        pairs = list(frequencies) * len(cadence) if len(frequencies) == 1 else frequencies
        handle = _media.new_tones(
            player,
            [(*pair, on * 8, off * 8) for pair, (on, off) in zip(pairs, cadence, strict=True)],
            repeat=repeat,
            peak=PEAK_0_DBM0 * factor(min(level_dbm0, 0.0)),
            stop_on_key=stop_on_digit,
        )
        self._start(port, handle)

    def _check_player(self, port: int, player: int, items: int) -> None:
        self._port(port)
        if player in self._players:
            raise EngineError("player-exists", f"player {player} already plays")
        if not items:
            raise EngineError("bad-argument", "there is nothing to play")

    def _start(self, port: int, handle: Handle) -> None:
        self._push(_media.PLAY, self._port(port), handle)
        self._players[handle.id] = (handle, port)

    def stop_play(self, player: int) -> None:
        """Stop a player; nothing happens when it has ended."""
        if player in self._players:
            self._push(_media.STOP_PLAY, None, self._players[player][0])

    def play_caller(
        self, port: int, player: int, message: bytes, *, standard: str, level_dbm0: float = -14.0
    ) -> None:
        """Send a caller-identity message with its checksum by FSK, bell202 or v23."""
        self._check_player(port, player, len(message))
        if standard not in _FSK or sum(message) % 256 or not 3 <= len(message) <= 258:
            text = f"a {standard} message of {len(message)} octets with the sum {sum(message)}"
            raise EngineError("bad-argument", f"no caller identity: {text}")
        amplitude = PEAK_0_DBM0 * factor(min(level_dbm0, 0.0))
        samples = _media.caller_id_samples(message, _FSK.index(standard), amplitude)
        self._start(
            port,
            _media.new_player(player, [samples], repeat=1, gain=1.0, stop_on_key=False),
        )

    def seek_play(self, player: int, ms: int, *, relative: bool = False) -> None:
        """Go on at a place of the files together, or so far from here; not beyond their ends.

        Nothing happens when the player has ended, and to one of tones.
        """
        self._steer(player, _media.SEEK_BY if relative else _media.SEEK_TO, float(ms))

    def set_speed(self, player: int, speed: float) -> None:
        """Play files in another time with the pitch they have, 0.5 to 2."""
        _check_speed(speed)
        self._steer(player, _media.SPEED, speed)

    def set_repeat(self, player: int, repeat: int) -> None:
        """Play files so many times, this one counted; 0 for ever."""
        self._steer(player, _media.REPEAT, float(repeat))

    def _steer(self, player: int, what: int, value: float) -> None:
        if player in self._players:
            self._push(_media.STEER, None, self._players[player][0], flag=what, gain=value)

    def players(self) -> list[tuple[int, int]]:
        """Players that have not ended, with their port."""
        return [(player, port) for player, (_, port) in self._players.items()]


def _check_speed(speed: float) -> None:
    if not SLOWEST <= speed <= FASTEST:
        raise EngineError("bad-argument", f"nothing is played at {speed} of its speed")
