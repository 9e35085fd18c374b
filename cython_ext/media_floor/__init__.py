"""Bare senders and receivers: what the media engine is measured against."""
