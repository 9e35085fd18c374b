"""Models: who may do what. Users with a role, agents, skills, stations, log-ins."""

from enum import StrEnum

from tortoise import fields
from tortoise.models import Model


class Role(StrEnum):
    """What a user may do, a person may have several."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"
    TECHNICIAN = "technician"


class User(Model):
    """A person who may log in to the console."""

    id = fields.IntField(primary_key=True)
    login = fields.CharField(max_length=64, unique=True)
    name = fields.CharField(max_length=128, default="")
    roles: fields.Field[list[str]] = fields.JSONField(default=list)
    """``Role`` values."""
    language = fields.CharField(max_length=8, default="en")
    password_hash = fields.CharField(max_length=255, default="")
    """Argon2, empty means nobody can log in."""
    must_change_password = fields.BooleanField(default=False)
    """True while the password is the one-time one."""
    enabled = fields.BooleanField(default=True)
    version = fields.IntField(default=1)
    """Counts the changes, so that two editors notice each other."""
    created_ms = fields.BigIntField(default=0)

    class Meta:
        """Table name."""

        table = "user"


class Station(Model):
    """A phone at which an agent can sit."""

    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=64, unique=True)
    line = fields.CharField(max_length=64, default="")
    """The line of a board station port, empty for a SIP phone that registers."""
    realm = fields.CharField(max_length=128, default="")
    ha1_md5 = fields.CharField(max_length=32, default="")
    """MD5 of name:realm:secret, in hex, a digest cannot be answered from argon2."""
    ha1_sha256 = fields.CharField(max_length=64, default="")
    pin_hash = fields.CharField(max_length=255, default="", db_default="")
    """Argon2 of what opens the mailbox of this name by telephone, empty for nobody."""
    enabled = fields.BooleanField(default=True)
    version = fields.IntField(default=1, db_default=1)

    class Meta:
        """Table name."""

        table = "station"


class Agent(Model):
    """A user who takes calls, its id is the AgentId of the engine."""

    id = fields.IntField(primary_key=True)
    user: fields.OneToOneRelation[User] = fields.OneToOneField(
        "store.User", related_name="agent", on_delete=fields.CASCADE
    )
    station = fields.CharField(max_length=64, default="")
    """Name of the station where the agent usually sits."""
    reserve: fields.Field[list[str]] = fields.JSONField(default=list, db_default=[])
    """Names of skills lent only while a queue's service is below its limit."""
    queues: fields.Field[list[str]] = fields.JSONField(default=list, db_default=[])
    """Slugs of the queues whose calls come first to the agent, in this order."""
    only_queues = fields.BooleanField(default=False, db_default=False)
    """No other queues than those."""
    capacity: fields.Field[dict[str, int]] = fields.JSONField(default=dict, db_default={})
    """Medium -> contacts at a time, empty means one call and nothing else."""
    interruptible: fields.Field[list[str]] = fields.JSONField(default=list, db_default=[])
    """Media in spite of which calls are offered."""
    enabled = fields.BooleanField(default=True)

    class Meta:
        """Table name."""

        table = "agent"


class Skill(Model):
    """What a call may need and an agent may know, its id is the SkillId of the engine."""

    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=64, unique=True)
    title = fields.CharField(max_length=128, default="")

    class Meta:
        """Table name."""

        table = "skill"


class AgentSkill(Model):
    """How well an agent knows a skill: level 1 to 10, 10 is best."""

    id = fields.IntField(primary_key=True)
    agent: fields.ForeignKeyRelation[Agent] = fields.ForeignKeyField(
        "store.Agent", related_name="skills", on_delete=fields.CASCADE
    )
    skill: fields.ForeignKeyRelation[Skill] = fields.ForeignKeyField(
        "store.Skill", related_name="agents", on_delete=fields.CASCADE
    )
    level = fields.IntField()

    class Meta:
        """Table name; one level a pair."""

        table = "agent_skill"
        unique_together = (("agent", "skill"),)


class Session(Model):
    """A log-in to the console."""

    id = fields.CharField(max_length=64, primary_key=True)
    """SHA-256 of the cookie's token, in hex: who reads the table cannot log in with it."""
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "store.User", related_name="sessions", on_delete=fields.CASCADE
    )
    created_ms = fields.BigIntField()
    expires_ms = fields.BigIntField()
    address = fields.CharField(max_length=64, default="")

    class Meta:
        """Table name."""

        table = "session"


class PauseReason(Model):
    """A reason that agents may give for a pause."""

    id = fields.IntField(primary_key=True)
    slug = fields.CharField(max_length=64, unique=True)
    text_en = fields.CharField(max_length=128)
    text_zh = fields.CharField(max_length=128, default="")
    enabled = fields.BooleanField(default=True)
    version = fields.IntField(default=1)

    class Meta:
        """Table name."""

        table = "pause_reason"


class ApiToken(Model):
    """A key for programs that use the API as a user."""

    id = fields.IntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "store.User", related_name="tokens", on_delete=fields.CASCADE
    )
    name = fields.CharField(max_length=64)
    token_hash = fields.CharField(max_length=64, unique=True)
    """SHA-256 of the token, in hex."""
    created_ms = fields.BigIntField()
    expires_ms = fields.BigIntField(null=True)
    last_used_ms = fields.BigIntField(null=True)

    class Meta:
        """Table name."""

        table = "api_token"
