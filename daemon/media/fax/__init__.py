"""Faxes in the media process: their workers, sockets and audio ports."""
