"""Counters of the distribution engine."""
