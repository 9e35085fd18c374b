"""The head of a SIP message, compiled; its names of headers are used by ``_sip_wire``."""

header_names: list[str]
header_numbers: dict[str, int]
