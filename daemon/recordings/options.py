"""Options of recordings and messages, ``[recordings]`` and ``[voicemail]`` of ``hookflash.toml``."""

from typing import Annotated

import msgspec

Days = Annotated[int, msgspec.Meta(ge=0, le=36_500)]


class RecordingsOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[recordings]``: how long conversations are kept."""

    keep_days: Days = 0
    """Days after its end that the audio of a conversation is deleted; 0: it is kept for ever.
    What is on record of the call stays, and so does a recording that is held."""
    alarm_free_mb: Annotated[int, msgspec.Meta(ge=0)] = 500
    """Free room on the disk of the recordings, in MiB, below which there is an alarm; 0: none."""


class VoicemailOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[voicemail]``: how long messages of callers are kept."""

    keep_days: Days = 0
    """Days after its end that a message is deleted, heard or not; 0: it is kept for ever."""
