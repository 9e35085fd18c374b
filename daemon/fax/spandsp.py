"""libspandsp through ctypes: the functions that faxes need, with their types.

Some thirty functions called fifty times a second need no compiled wrapper, and the licence's
wish for a library that can be replaced is met.
"""

import ctypes
from typing import Any, Final

LIBRARY: Final = "libspandsp.so.2"

Phase = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
"""``t30_phase_b_handler_t`` and ``t30_phase_d_handler_t``."""
Over = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
"""``t30_phase_e_handler_t``."""
SendPacket = ctypes.CFUNCTYPE(
    ctypes.c_int,
    *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int),
)
"""``t38_tx_packet_handler_t``: state, user, octets, how many, how often to be sent."""

TRANSFERRED_TCF: Final = 2  # T38_DATA_RATE_MANAGEMENT_TRANSFERRED_TCF: what UDP needs
UDPTL: Final = 0  # T38_TRANSPORT_UDPTL

_STATE, _TEXT, _NUMBER = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
_FUNCTIONS: Final = (
    ("fax_init", _STATE, (_STATE, _NUMBER)),
    ("fax_release", _NUMBER, (_STATE,)),
    ("fax_free", _NUMBER, (_STATE,)),
    ("fax_rx", _NUMBER, (_STATE, _STATE, _NUMBER)),
    ("fax_tx", _NUMBER, (_STATE, _STATE, _NUMBER)),
    ("fax_get_t30_state", _STATE, (_STATE,)),
    ("fax_set_transmit_on_idle", None, (_STATE, _NUMBER)),
    ("t30_set_tx_file", None, (_STATE, _TEXT, _NUMBER, _NUMBER)),
    ("t30_set_rx_file", None, (_STATE, _TEXT, _NUMBER)),
    ("t30_set_tx_ident", _NUMBER, (_STATE, _TEXT)),
    ("t30_set_tx_page_header_info", _NUMBER, (_STATE, _TEXT)),
    ("t30_set_ecm_capability", _NUMBER, (_STATE, _NUMBER)),
    ("t30_set_phase_b_handler", None, (_STATE, Phase, _STATE)),
    ("t30_set_phase_d_handler", None, (_STATE, Phase, _STATE)),
    ("t30_set_phase_e_handler", None, (_STATE, Over, _STATE)),
    ("t30_get_transfer_statistics", None, (_STATE, _STATE)),
    ("t30_get_rx_ident", _TEXT, (_STATE,)),
    ("t30_completion_code_to_str", _TEXT, (_NUMBER,)),
    ("t30_terminate", None, (_STATE,)),
    ("t38_terminal_init", _STATE, (_STATE, _NUMBER, SendPacket, _STATE)),
    ("t38_terminal_release", _NUMBER, (_STATE,)),
    ("t38_terminal_free", _NUMBER, (_STATE,)),
    ("t38_terminal_get_t30_state", _STATE, (_STATE,)),
    ("t38_terminal_get_t38_core_state", _STATE, (_STATE,)),
    ("t38_terminal_send_timeout", _NUMBER, (_STATE, _NUMBER)),
    ("t38_gateway_init", _STATE, (_STATE, SendPacket, _STATE)),
    ("t38_gateway_release", _NUMBER, (_STATE,)),
    ("t38_gateway_free", _NUMBER, (_STATE,)),
    ("t38_gateway_get_t38_core_state", _STATE, (_STATE,)),
    ("t38_gateway_get_transfer_statistics", None, (_STATE, _STATE)),
    ("t38_gateway_rx", _NUMBER, (_STATE, _STATE, _NUMBER)),
    ("t38_gateway_tx", _NUMBER, (_STATE, _STATE, _NUMBER)),
    ("t38_gateway_set_ecm_capability", None, (_STATE, _NUMBER)),
    ("t38_gateway_set_transmit_on_idle", None, (_STATE, _NUMBER)),
    ("t38_core_rx_ifp_packet", _NUMBER, (_STATE, _TEXT, _NUMBER, ctypes.c_uint16)),
    ("t38_set_t38_version", None, (_STATE, _NUMBER)),
    ("t38_set_data_rate_management_method", None, (_STATE, _NUMBER)),
    ("t38_set_data_transport_protocol", None, (_STATE, _NUMBER)),
)


class TerminalMissing(RuntimeError):
    """libspandsp is not installed, or gives no terminal."""


def version() -> str:
    """Name of the library when it can be loaded; TerminalMissing when not."""
    load()
    return LIBRARY


def load() -> Any:
    """The library with the types of what we call; TerminalMissing without it."""
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise TerminalMissing(
            f"{LIBRARY} cannot be loaded: {error}; install the package libspandsp2"
        ) from error
    for name, result, arguments in _FUNCTIONS:
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
