"""Figures for Prometheus: what they are called, and how they are written."""
