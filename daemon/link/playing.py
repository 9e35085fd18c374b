"""Control's end of the link: players of files, tones and caller identity."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Sequence

from daemon.link import commands as ask
from daemon.link.messages import Command
from drivers.api import PortId


class Playing(ABC):
    """The part of a link that plays; ``MediaLink`` supplies how a command is asked."""

    @abstractmethod
    def _do(self, command: Command) -> Awaitable[None]:
        """Ask what is answered by Done."""

    def play(
        self,
        port: PortId,
        player: int,
        files: Sequence[str],
        *,
        repeat: int = 1,
        gain_db: float = 0.0,
        stop_on_digit: bool = False,
        start_ms: int = 0,
        speed: float = 1.0,
        in_step: bool = False,
    ) -> Awaitable[None]:
        """Play raw 8 kHz files, paths relative to the site; ``repeat`` 0 is for ever.

        ``in_step``: for ever, and as far as all others who play the same files in step, as
        music on hold should be.
        """
        return self._do(
            ask.Play(
                port=port,
                player=player,
                files=tuple(files),
                repeat=repeat,
                gain_db=gain_db,
                stop_on_digit=stop_on_digit,
                start_ms=start_ms,
                speed=speed,
                in_step=in_step,
            )
        )

    def play_tone(
        self,
        port: PortId,
        player: int,
        frequencies: Sequence[tuple[float, float]],
        cadence_ms: Sequence[tuple[int, int]],
        repeat: int = 0,
        *,
        level_dbm0: float = -13.0,
        stop_on_digit: bool = False,
    ) -> Awaitable[None]:
        """Play tones in a cadence of (on, off); step n sounds the n-th pair, or the only one.

        An empty cadence is a continuous tone; ``repeat`` 0 is for ever; the second
        frequency of a pair may be 0.
        """
        return self._do(
            ask.PlayTone(
                port=port,
                player=player,
                frequencies=tuple((float(a), float(b)) for a, b in frequencies),
                cadence_ms=tuple(cadence_ms),
                repeat=repeat,
                level_dbm0=level_dbm0,
                stop_on_digit=stop_on_digit,
            )
        )

    def stop_play(self, player: int) -> Awaitable[None]:
        """Stop a player; PlayFinished follows when it was playing."""
        return self._do(ask.StopPlay(player=player))

    def seek_play(self, player: int, ms: int, *, relative: bool = False) -> Awaitable[None]:
        """Move a player of files to a place, or by so much; at most to their ends."""
        return self._do(ask.SeekPlay(player=player, ms=ms, relative=relative))

    def set_speed(self, player: int, speed: float) -> Awaitable[None]:
        """Play files in another time with the pitch they have, 0.5 to 2."""
        return self._do(ask.SetSpeed(player=player, speed=speed))

    def set_repeat(self, player: int, repeat: int) -> Awaitable[None]:
        """Play files so many times, the round that plays counted; 0 for ever."""
        return self._do(ask.SetRepeat(player=player, repeat=repeat))

    def play_caller(
        self,
        port: PortId,
        player: int,
        message: bytes,
        *,
        standard: str = "bell202",
        level_dbm0: float = -14.0,
    ) -> Awaitable[None]:
        """Send a caller-identity message (with its checksum) by FSK, bell202 or v23."""
        return self._do(
            ask.PlayCaller(
                port=port,
                player=player,
                message=message,
                standard=standard,
                level_dbm0=level_dbm0,
            )
        )
