"""A SIP user agent with a socket of its own: the other side of our driver.

For demo and conformance tests. It shares no code with the driver, text handling included,
so that one bug cannot hide in both ends. It speaks what a plain desk phone or a small
carrier speaks: REGISTER with digest, calls both ways, hold, CANCEL, OPTIONS, NOTIFY.
"""
