"""Offer and answer (RFC 3264) for one audio stream: codecs, keys, directions, versions."""
