"""Models: where calls go. Queues, called numbers, tiers of callers, calendars."""

from typing import Any

from tortoise import fields
from tortoise.models import Model


class Queue(Model):
    """A queue: who may serve it and its limits, its id is the QueueId of the engine."""

    id = fields.IntField(primary_key=True)
    slug = fields.CharField(max_length=64, unique=True)
    name = fields.CharField(max_length=128, default="")
    skills: fields.Field[dict[str, int]] = fields.JSONField(default=dict)
    """Skill name -> least level, 1 to 10, 10 best, none means every agent."""
    skill_expression = fields.CharField(max_length=1000, default="", db_default="")
    """Beside ``skills``, as in ``english>=3 and (billing or sales)``."""
    widening: fields.Field[list[dict[str, Any]]] = fields.JSONField(default=list, db_default=[])
    """``after_s``, ``skill_expression`` and ``when_nobody`` of each step, in order of time."""
    strategy = fields.CharField(max_length=32, default="longest_idle")
    """Name of a rule in ``acd_core/routing/``."""
    priority = fields.IntField(default=0)
    """-10 to 10; greater is served first."""
    call_rule = fields.CharField(max_length=32, default="priority", db_default="priority")
    """Order against calls of other queues, a name of ``acd_core.call_queue.CallRule``."""
    aging_s = fields.FloatField(default=60.0, db_default=60.0)
    """Wait that one level of priority is worth, for the rule aging."""
    call_share = fields.IntField(default=0, db_default=0)
    """Share of the calls served, for the rule percent."""
    weight = fields.FloatField(default=1.0, db_default=1.0)
    """What a second of wait counts against other queues, for the rule weighted."""
    medium = fields.CharField(max_length=16, default="call", db_default="call")
    """call, chat or mail."""
    shares: fields.Field[dict[str, int]] = fields.JSONField(default=dict, db_default={})
    """Login -> share of the queue's calls, for the rule percent_allocation."""
    seed = fields.IntField(default=0, db_default=0)
    """Where the lots of random rules begin."""
    ring_s = fields.FloatField(default=15.0)
    ring_step_s = fields.FloatField(default=5.0, db_default=5.0)
    """One more telephone rings after each, for ring_progressively."""
    reserve_below = fields.FloatField(default=0.0, db_default=0.0)
    """Service level, 0 to 1, below which reserve agents help, 0 never."""
    reserve_over_s = fields.FloatField(default=0.0, db_default=0.0)
    """Estimated wait above which reserve agents help, 0 never."""
    wrap_up_s = fields.FloatField(default=20.0)
    max_wait_s = fields.FloatField(default=0.0)
    """Then the caller goes to ``on_timeout``, 0 means no limit."""
    max_waiting = fields.IntField(default=0)
    """More callers are refused, 0 means no limit."""
    max_estimate_s = fields.FloatField(default=0.0, db_default=0.0)
    """Callers who would wait longer are refused, 0 means no limit."""
    max_ratio = fields.FloatField(default=0.0, db_default=0.0)
    """Most callers for each agent who is logged in, 0 means no limit."""
    no_agents = fields.CharField(max_length=16, default="wait", db_default="wait")
    """What becomes of callers when nobody serves: wait, refuse or leave."""
    absent: fields.Field[list[str]] = fields.JSONField(default=list, db_default=[])
    """Agent states that count as nobody, besides logged_out and unreachable."""
    calendar = fields.CharField(max_length=64, default="", db_default="")
    """Name of a calendar, empty means always open."""
    closing = fields.CharField(max_length=16, default="serve", db_default="serve")
    """What becomes of callers who wait when it closes: serve or leave."""
    unattended = fields.BooleanField(default=False, db_default=False)
    """No caller is let in, whoever is there."""
    overflow: fields.Field[list[dict[str, Any]]] = fields.JSONField(default=list, db_default=[])
    """Ways to other queues, as ``[[queues.overflow]]`` of the site's file, in their order."""
    max_overflows = fields.IntField(default=3, db_default=3)
    """A caller moves no more often than this."""
    announcements: fields.Field[dict[str, Any] | None] = fields.JSONField(null=True)
    """``[queues.announcements]`` of the site's file, null tells nothing."""
    callback: fields.Field[dict[str, Any] | None] = fields.JSONField(null=True)
    """``[queues.callback]`` of the site's file, null takes no call-backs."""
    on_timeout = fields.CharField(max_length=64, default="")
    """Flow for callers who waited too long, empty hangs up."""
    on_full = fields.CharField(max_length=64, default="")
    """Flow for refused callers, empty hangs up."""
    last_agent_s = fields.FloatField(default=0.0)
    """How long a caller is kept for the agent of the last call, 0 switches it off."""
    misses_to_pause = fields.IntField(default=1)
    """Offers missed in a row after which an agent is paused, 0 never."""
    music = fields.CharField(max_length=255, default="")
    """Prompt played while waiting, empty plays the built-in ring-back tone."""
    service_level_s = fields.FloatField(default=20.0)
    service_level_target = fields.FloatField(default=0.8)
    short_abandon_s = fields.FloatField(default=5.0)
    record = fields.BooleanField(default=True)
    record_tone_s = fields.FloatField(default=0.0, db_default=0.0)
    """Seconds from beep to beep that tell both sides of a recording, 0 is none."""
    enabled = fields.BooleanField(default=True)
    version = fields.IntField(default=1)

    class Meta:
        """Table name."""

        table = "queue"


class Number(Model):
    """What a called number leads to."""

    id = fields.IntField(primary_key=True)
    number = fields.CharField(max_length=64, unique=True)
    """DNIS, verbatim, ``*`` at the end stands for any digits, ``*`` alone for every number."""
    name = fields.CharField(max_length=128, default="")
    flow = fields.CharField(max_length=64, default="")
    queue = fields.CharField(max_length=64, default="")
    """Slug, used when ``flow`` is empty."""
    calendar = fields.CharField(max_length=64, default="")
    """Name of a calendar, empty means always open."""
    closed_flow = fields.CharField(max_length=64, default="")
    """Flow outside the opening hours, empty hangs up."""
    language = fields.CharField(max_length=8, default="en")
    enabled = fields.BooleanField(default=True)
    version = fields.IntField(default=1)

    class Meta:
        """Table name."""

        table = "number"


class Tier(Model):
    """Callers who come before others, its id is the TierId of the engine."""

    id = fields.IntField(primary_key=True)
    slug = fields.CharField(max_length=64, unique=True)
    name = fields.CharField(max_length=128, default="")
    priority = fields.IntField(default=0)
    """-10 to 10, added to the priority of their calls."""
    agents: fields.Field[list[str]] = fields.JSONField(default=list)
    """Logins of who is asked first."""
    limit_s = fields.FloatField(default=0.0)
    """How long a call waits for these agents alone."""
    keep_lines = fields.IntField(default=0)
    """Lines that callers without a tier may not take."""
    numbers: fields.Field[list[str]] = fields.JSONField(default=list)
    """Calling numbers, ``*`` at the end stands for any rest."""
    enabled = fields.BooleanField(default=True)
    version = fields.IntField(default=1)

    class Meta:
        """Table name."""

        table = "tier"


class Calendar(Model):
    """Opening hours of a week and the days that differ."""

    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=64, unique=True)
    zone = fields.CharField(max_length=64, default="")
    """IANA zone, empty means the site's."""
    week: fields.Field[dict[str, list[str]]] = fields.JSONField(default=dict)
    """``mon`` to ``sun`` -> intervals ``09:00-12:30``, several a day."""
    days: fields.Field[dict[str, list[str]]] = fields.JSONField(default=dict)
    """``2027-01-01`` -> intervals of that day; an empty list is closed."""
    version = fields.IntField(default=1)

    class Meta:
        """Table name."""

        table = "calendar"
