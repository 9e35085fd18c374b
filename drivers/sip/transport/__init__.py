"""Sockets of the SIP driver: listeners, connections, framing, look-ups, and the guard before them."""
