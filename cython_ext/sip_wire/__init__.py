"""SIP messages on the wire: parse, take apart, build (RFC 3261 7 and 25).

``parse(data)`` gives a :class:`Message` or raises :class:`WireError`; ``parse_via``,
``parse_name_addr``, ``parse_uri`` and ``parse_auth`` take header values apart;
``build_request`` and ``build_response`` write messages with a right Content-Length;
``read_description`` takes a session description apart (RFC 8866), ``usual_description`` says
what it has in common with others.
"""

from typing import TYPE_CHECKING

from cython_ext.implementation import PURE_PYTHON
from cython_ext.sip_wire.structs import (
    Auth,
    CSeq,
    NameAddr,
    Uri,
    Via,
    WireError,
    format_host,
    format_name_addr,
    format_params,
    format_uri,
    format_via,
    quote_string,
)

if TYPE_CHECKING or not PURE_PYTHON:
    try:
        from cython_ext.sip_wire._sip_wire import (
            Message,
            build_request,
            build_response,
            parse,
            parse_auth,
            parse_name_addr,
            parse_uri,
            parse_via,
            read_description,
            split_list,
            usual_description,
        )
    except ModuleNotFoundError as error:
        raise ImportError(
            "the compiled SIP parser is missing: run `make build`, "
            "or set HOOKFLASH_PURE_PYTHON=1 to do without compiled kernels"
        ) from error
else:
    from cython_ext.sip_wire.oracle import Message, build_request, build_response, parse
    from cython_ext.sip_wire.oracle_parts import (
        parse_auth,
        parse_name_addr,
        parse_uri,
        parse_via,
        split_list,
    )
    from cython_ext.sip_wire.oracle_sdp import read_description, usual_description

__all__ = [
    "Auth",
    "CSeq",
    "Message",
    "NameAddr",
    "Uri",
    "Via",
    "WireError",
    "build_request",
    "build_response",
    "format_host",
    "format_name_addr",
    "format_params",
    "format_uri",
    "format_via",
    "parse",
    "parse_auth",
    "parse_name_addr",
    "parse_uri",
    "parse_via",
    "quote_string",
    "read_description",
    "split_list",
    "usual_description",
]
