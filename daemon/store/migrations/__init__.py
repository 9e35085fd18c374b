"""Numbered migrations of the database, forward only."""
