"""Models: what happened. Calls, their segments, queue visits, agent states, recordings.

Times are UTC milliseconds since 1970, durations milliseconds. Ids are the 63-bit ids of
``acd_core.ids``. Rows are written by the history writer only (``rows.py`` has the same
columns) and refer to queues and agents by their integer keys, without foreign keys: a
record outlives what it speaks of, and batches may arrive in any order.
"""

from enum import StrEnum

from tortoise import fields
from tortoise.models import Model


class Outcome(StrEnum):
    """How a call or a queue visit ended, a visit ends in exactly one, a call too."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"
    OVERFLOWED = "overflowed"
    TIMED_OUT = "timed_out"
    REFUSED = "refused"
    """Full, closed, or nobody there, the visit's ``detail`` says which."""
    VOICEMAIL = "voicemail"
    CALLBACK_TAKEN = "callback_taken"
    TRANSFERRED_OUT = "transferred_out"
    IVR_CONTAINED = "ivr_contained"
    """Calls only: the caller was served by the flow and entered no queue."""
    MACHINE = "machine"
    """Calls only: an answering machine took a call of ours."""
    FAILED = "failed"
    """Calls only: ended by a fault of ours or of a line, the cause says which."""


VISIT_OUTCOMES = tuple(
    outcome
    for outcome in Outcome
    if outcome not in (Outcome.IVR_CONTAINED, Outcome.MACHINE, Outcome.FAILED)
)


class SegmentKind(StrEnum):
    """What a call did during a segment."""

    IVR = "ivr"
    WAIT = "wait"
    RING = "ring"
    TALK = "talk"
    HOLD = "hold"
    WRAP_UP = "wrap_up"
    MESSAGE = "message"
    FAX = "fax"
    T38 = "t38"
    """A fax of two who talk passes by T.38."""
    TRANSFER = "transfer"
    """Somebody beyond the queues is rung."""
    OUTSIDE = "outside"
    """The caller talks with him."""
    CONSULT = "consult"
    """The agent asks somebody while the caller waits."""
    PARKED = "parked"
    """The caller rests in a slot."""


class Call(Model):
    """One call from first ring to last release."""

    id = fields.BigIntField(primary_key=True, generated=False)
    direction = fields.CharField(max_length=8, default="in")
    """in, out or internal."""
    line = fields.CharField(max_length=64, default="")
    """Line of the first leg: ``trunk/7``."""
    ani = fields.CharField(max_length=64, default="", db_index=True)
    """Calling number, E.164 where it can be."""
    ani_verbatim = fields.CharField(max_length=64, default="")
    dnis = fields.CharField(max_length=64, default="")
    """Called number, verbatim."""
    name = fields.CharField(max_length=128, default="")
    """Calling name, when the network gave one."""
    redirecting = fields.CharField(max_length=64, default="")
    reason = fields.CharField(max_length=32, default="")
    """Why the call was forwarded to us: direct, cfu, cfb, cfna, or empty."""
    language = fields.CharField(max_length=8, default="")
    flow = fields.CharField(max_length=64, default="")
    path: fields.Field[list[str]] = fields.JSONField(default=list)
    """Flow nodes visited, in order."""
    data: fields.Field[dict[str, object]] = fields.JSONField(default=dict)
    """The call's variables as the flow and the agent left them."""
    started_ms = fields.BigIntField(db_index=True)
    answered_ms = fields.BigIntField(null=True)
    """When an agent answered first, null when none did."""
    ended_ms = fields.BigIntField(null=True)
    """Null while the call is in progress."""
    outcome = fields.CharField(max_length=16, default="")
    """An ``Outcome``, empty while the call is in progress."""
    queue_id = fields.IntField(null=True)
    """The last queue entered."""
    agent_id = fields.IntField(null=True)
    """The last agent who talked with the caller."""
    cause = fields.IntField(default=0)
    """Q.850 cause of the caller's leg, 0 while in progress."""
    ended_by = fields.CharField(max_length=8, default="")
    """caller, agent or system."""
    disposition = fields.CharField(max_length=64, default="")

    class Meta:
        """Table name."""

        table = "call"


class Segment(Model):
    """One leg or one wait of a call: what it did from when to when."""

    id = fields.BigIntField(primary_key=True, generated=False)
    call_id = fields.BigIntField(db_index=True)
    leg_id = fields.BigIntField(null=True)
    visit_id = fields.BigIntField(null=True)
    """The queue visit a wait, ring, talk, hold or wrap-up segment belongs to."""
    kind = fields.CharField(max_length=8)
    """A ``SegmentKind``."""
    started_ms = fields.BigIntField(db_index=True)
    ended_ms = fields.BigIntField(null=True)
    line = fields.CharField(max_length=64, default="")
    queue_id = fields.IntField(null=True)
    agent_id = fields.IntField(null=True, db_index=True)
    result = fields.CharField(max_length=24, default="")
    """How it ended: a ring segment answered, answered_elsewhere, no_answer, refused, withdrawn."""
    detail: fields.Field[dict[str, object]] = fields.JSONField(default=dict)
    """Reasons of an offer, keys of an IVR segment."""

    class Meta:
        """Table name."""

        table = "segment"


class Stream(Model):
    """The audio of one leg over RTP: how it arrived here and, by its reports, there."""

    id = fields.BigIntField(primary_key=True, generated=False)
    call_id = fields.BigIntField(db_index=True)
    leg_id = fields.BigIntField()
    line = fields.CharField(max_length=64, default="")
    ended_ms = fields.BigIntField(db_index=True)
    packets_in = fields.BigIntField(default=0)
    packets_out = fields.BigIntField(default=0)
    lost = fields.BigIntField(default=0)
    """Packets that never came."""
    late = fields.BigIntField(default=0)
    """Packets that came too late to be heard."""
    jitter_ms = fields.FloatField(default=0.0)
    round_trip_ms = fields.FloatField(default=0.0)
    """0 when the far end sent no reports."""
    delay_ms = fields.FloatField(default=0.0)
    """Of the jitter buffer."""
    far_lost = fields.BigIntField(default=0)
    """Packets of ours that the far end missed."""
    far_jitter_ms = fields.FloatField(default=0.0)
    mos = fields.FloatField(default=0.0)
    """Estimated quality, 1 to 4.5; 0 when nothing came."""

    class Meta:
        """Table name."""

        table = "stream"


class QueueVisit(Model):
    """One stay of a call in one queue, ends in exactly one outcome."""

    id = fields.BigIntField(primary_key=True, generated=False)
    call_id = fields.BigIntField(db_index=True)
    queue_id = fields.IntField(db_index=True)
    entered_ms = fields.BigIntField(db_index=True)
    offers = fields.IntField(default=0)
    """How often an agent was rung."""
    first_offer_ms = fields.BigIntField(null=True)
    left_ms = fields.BigIntField(null=True)
    """When the wait ended: answered, abandoned and so on, null while in the queue."""
    outcome = fields.CharField(max_length=16, default="")
    """One of ``VISIT_OUTCOMES``, empty while in the queue."""
    detail = fields.CharField(max_length=16, default="")
    """Why refused or timed out: full, closed, no_agents, max_wait."""
    agent_id = fields.IntField(null=True)
    """Who answered."""
    priority = fields.IntField(default=0)
    talk_ms = fields.BigIntField(default=0)
    hold_ms = fields.BigIntField(default=0)
    wrap_up_ms = fields.BigIntField(default=0)

    class Meta:
        """Table name."""

        table = "queue_visit"


class AgentState(Model):
    """One interval an agent spent in one state."""

    id = fields.BigIntField(primary_key=True, generated=False)
    agent_id = fields.IntField(db_index=True)
    state = fields.CharField(max_length=16)
    """An agent state of ``acd_core.agent``."""
    reason = fields.CharField(max_length=64, default="")
    """Why paused."""
    station = fields.CharField(max_length=64, default="")
    call_id = fields.BigIntField(null=True)
    started_ms = fields.BigIntField(db_index=True)
    ended_ms = fields.BigIntField(null=True)
    """Null while the state lasts."""

    class Meta:
        """Table name."""

        table = "agent_state"


class Recording(Model):
    """One audio file of a call, or a message left by a caller."""

    id = fields.BigIntField(primary_key=True, generated=False)
    call_id = fields.BigIntField(db_index=True)
    leg_id = fields.BigIntField(null=True)
    kind = fields.CharField(max_length=8, default="call")
    """call, message or fax."""
    path = fields.CharField(max_length=255)
    """Relative to the site directory."""
    started_ms = fields.BigIntField()
    ended_ms = fields.BigIntField(null=True)
    duration_ms = fields.BigIntField(default=0)
    stereo = fields.BooleanField(default=True)
    queue_id = fields.IntField(null=True)
    """The queue a message was left for."""
    agent_id = fields.IntField(null=True)
    mailbox = fields.CharField(max_length=64, default="")
    """The station whose message lamp a message lights, empty for none."""
    heard_ms = fields.BigIntField(null=True)
    """When somebody first listened to a message."""
    deleted_ms = fields.BigIntField(null=True)
    """When retention removed the file, the row stays."""
    held_ms = fields.BigIntField(null=True)
    """Since when it may not be deleted, however old it is; null for those that may."""
    part_of = fields.BigIntField(null=True)
    """The first recording of a conversation that this one goes on with, null for a first one."""
    chain = fields.CharField(max_length=64, default="", db_default="")
    """Last link of the chain, hexadecimal: it vouches for the file; empty without one."""
    paused_ms = fields.BigIntField(default=0, db_default=0)
    """Silence in place of what was not to be recorded."""
    gap_ms = fields.BigIntField(default=0, db_default=0)
    """Silence in place of what a slow disk left no room for."""

    class Meta:
        """Table name."""

        table = "recording"


UNFINISHED_COPY = -1
"""The number while records are copied into a database and not all are there."""


class AppliedSequence(Model):
    """The last journal sequence number whose rows are in the database, one row, id 1."""

    id = fields.IntField(primary_key=True, generated=False)
    sequence = fields.BigIntField(default=0)

    class Meta:
        """Table name."""

        table = "applied_sequence"
