"""Compiled kernels: distribution, SIP wire, signal processing and the media engine."""
