"""Models: activated flow versions. The drafts are the site's ``flows/*.yaml``."""

from tortoise import fields
from tortoise.models import Model


class FlowVersion(Model):
    """One activated text of a flow, never changed after it is stored."""

    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=64, db_index=True)
    """File name of the draft without ``.yaml``."""
    version = fields.IntField()
    """Counts from 1 in each flow."""
    text = fields.TextField()
    sha256 = fields.CharField(max_length=64)
    """Of the text in UTF-8, in hex: tells whether the draft differs."""
    active = fields.BooleanField(default=False)
    """True for the version that calls use, at most one a flow."""
    author = fields.CharField(max_length=64, default="")
    note = fields.CharField(max_length=255, default="")
    created_ms = fields.BigIntField()

    class Meta:
        """Table name; one text a version."""

        table = "flow_version"
        unique_together = (("name", "version"),)
