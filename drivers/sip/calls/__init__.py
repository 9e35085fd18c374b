"""Calls of the SIP core: what an INVITE starts, in either direction, until its BYE."""
