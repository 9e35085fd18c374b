"""Synthesis engines and the processes they run in."""
