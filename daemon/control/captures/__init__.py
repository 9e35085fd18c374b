"""Captures of calls as files that packet analysers read."""
