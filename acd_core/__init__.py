"""The distribution engine: events and time in, commands with reasons out, no I/O."""
