"""The compiled reader of descriptions; ``oracle_sdp.py`` is the same in plain Python."""

from cython_ext.sip_wire.oracle_sdp import Description

def read_description(data: bytes) -> Description: ...
