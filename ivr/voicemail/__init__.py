"""Hearing messages by telephone: a dialogue of keys, without I/O."""
