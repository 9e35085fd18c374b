"""Synthetic days for the distribution engine."""
