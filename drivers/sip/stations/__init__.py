"""Agents' phones: where they are registered, and their message lamps."""
