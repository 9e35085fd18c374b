"""Connections of the SIP driver: framing, keep-alives, TLS, WebSocket, and the table of flows."""
