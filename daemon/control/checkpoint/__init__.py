"""Checkpoints of the journal: a start reads the newest one, and only what was written after it."""
