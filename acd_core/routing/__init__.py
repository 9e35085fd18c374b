"""Routing rules by name, one file a rule."""
