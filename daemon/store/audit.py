"""Models: who did what, and every change of configuration with before and after."""

from tortoise import fields
from tortoise.models import Model


class AuditEntry(Model):
    """One act of a person or program: a log-in, a listening-in, an export."""

    id = fields.BigIntField(primary_key=True, generated=False)
    at_ms = fields.BigIntField(db_index=True)
    actor = fields.CharField(max_length=64)
    """Login of the user, or ``system``."""
    action = fields.CharField(max_length=64)
    """Dotted verb: ``session.open``, ``recording.play``."""
    subject = fields.CharField(max_length=128, default="")
    """What it was done to: ``queue/sales``."""
    address = fields.CharField(max_length=64, default="")
    detail: fields.Field[dict[str, object]] = fields.JSONField(default=dict)

    class Meta:
        """Table name."""

        table = "audit"


class Change(Model):
    """One change of configuration, with what to restore to take it back."""

    id = fields.BigIntField(primary_key=True, generated=False)
    at_ms = fields.BigIntField(db_index=True)
    actor = fields.CharField(max_length=64)
    subject = fields.CharField(max_length=128, db_index=True)
    """What was changed: ``queue/sales``, ``agent/anna``."""
    before: fields.Field[dict[str, object] | None] = fields.JSONField(null=True)
    """Null when it was created."""
    after: fields.Field[dict[str, object] | None] = fields.JSONField(null=True)
    """Null when it was removed."""
    note = fields.CharField(max_length=255, default="")

    class Meta:
        """Table name."""

        table = "change"
