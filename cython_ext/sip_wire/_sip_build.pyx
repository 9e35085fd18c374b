"""Messages written, compiled: straight into one buffer. Same answers as ``oracle.py``."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memchr, memcpy

from cython_ext.sip_wire._sip_scan cimport is_token_byte

from cython_ext.sip_wire.names import canonical_name
from cython_ext.sip_wire.structs import WireError

cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(str text)
    const char *PyUnicode_DATA(str text)
    Py_ssize_t PyUnicode_GET_LENGTH(str text)

cdef enum:
    ROOM = 2048  # bytes; most messages fit
    NAMES_KEPT = 512

cdef struct Buffer:
    char *at
    Py_ssize_t used
    Py_ssize_t room
    bint unwritable  # a text that has no UTF-8
    char inside[ROOM]

# Each message has the same few names: name and colon, ready; empty for what we write ourselves.
cdef dict _starts = {}


def build_request(str method not None, str uri not None, headers, bytes body not None=b""):
    """Write a request; Content-Length is always ours. WireError for what cannot be written."""
    cdef Py_ssize_t at
    cdef const char *text
    if not is_token(method) or not uri or not PyUnicode_IS_COMPACT_ASCII(uri):
        raise WireError("bad request line", 500)
    text = PyUnicode_DATA(uri)
    for at in range(PyUnicode_GET_LENGTH(uri)):
        if text[at] < 33 or text[at] > 126 or text[at] == 60 or text[at] == 62 or text[at] == 34:
            raise WireError("bad request line", 500)
    return build(method, uri, 0, headers, body)


def build_response(int status, str reason not None, headers, bytes body not None=b""):
    """Write a response; Content-Length is always ours. WireError for what cannot be written."""
    if not 100 <= status <= 699 or "\r" in reason or "\n" in reason:
        raise WireError("bad status line", 500)
    return build(None, reason, status, headers, body)


cdef bytes build(str method, str rest, int status, object headers, bytes body):
    cdef Buffer out
    out.at = out.inside
    out.used = 0
    out.room = ROOM
    out.unwritable = False
    try:
        return written(&out, method, rest, status, headers, body)
    finally:
        if out.at != out.inside:
            free(out.at)


cdef bytes written(Buffer *out, str method, str rest, int status, object headers, bytes body):
    cdef str name, value
    cdef bytes start, whole
    cdef char *place
    cdef Py_ssize_t size
    cdef Py_ssize_t length = PyBytes_GET_SIZE(body)
    if method is not None:
        put_text(out, method)
        put(out, b" ", 1)
        put_text(out, rest)
        put(out, b" SIP/2.0\r\n", 10)
    else:
        put(out, b"SIP/2.0 ", 8)
        put_number(out, status)
        put(out, b" ", 1)
        put_text(out, rest)
        put(out, b"\r\n", 2)
    for name, value in headers:
        start = <bytes>_starts.get(name)
        if start is None:
            start = start_of(name)
        if has_break(value):
            raise WireError("bad header to build", 500)
        size = PyBytes_GET_SIZE(start)
        if size and PyUnicode_IS_COMPACT_ASCII(value) and (
            out.used + size + PyUnicode_GET_LENGTH(value) + 2 <= out.room
        ):
            place = out.at + out.used
            memcpy(place, PyBytes_AS_STRING(start), size)
            place += size
            size = PyUnicode_GET_LENGTH(value)
            memcpy(place, PyUnicode_DATA(value), size)
            place[size] = 13
            place[size + 1] = 10
            out.used = place + size + 2 - out.at
        elif size:
            put(out, PyBytes_AS_STRING(start), size)
            put_text(out, value)
            put(out, b"\r\n", 2)
    if out.unwritable:
        raise WireError("bad text to build", 500)
    put(out, b"Content-Length: ", 16)
    put_number(out, length)
    put(out, b"\r\n\r\n", 4)
    whole = PyBytes_FromStringAndSize(NULL, out.used + length)
    place = PyBytes_AS_STRING(whole)
    memcpy(place, out.at, out.used)
    memcpy(place + out.used, PyBytes_AS_STRING(body), length)
    return whole


cdef bytes start_of(str name):
    # Of a name that was not written before; WireError for one that is none.
    cdef bytes start = b""
    if name is None or not is_token(name):
        raise WireError("bad header to build", 500)
    if canonical_name(name) != "Content-Length":
        start = name.encode("ascii") + b": "
    if len(_starts) < NAMES_KEPT:
        _starts[name] = start
    return start


cdef bint has_break(str text) except -1:
    cdef const char *at
    cdef Py_ssize_t length
    if text is None:
        raise TypeError("a header needs a text")
    if not PyUnicode_IS_COMPACT_ASCII(text):
        return "\r" in text or "\n" in text
    at = PyUnicode_DATA(text)
    length = PyUnicode_GET_LENGTH(text)
    return memchr(at, 13, length) != NULL or memchr(at, 10, length) != NULL


cdef int put_text(Buffer *out, str text) except -1:
    cdef bytes encoded
    if PyUnicode_IS_COMPACT_ASCII(text):
        return put(out, PyUnicode_DATA(text), PyUnicode_GET_LENGTH(text))
    try:
        encoded = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        out.unwritable = True  # said at the end: the names and line breaks come first
        return 0
    return put(out, PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded))


cdef int put_number(Buffer *out, Py_ssize_t number) except -1:
    cdef char digits[24]
    cdef int at = 24
    while True:
        at -= 1
        digits[at] = <char>(48 + number % 10)
        number //= 10
        if not number:
            break
    return put(out, &digits[at], 24 - at)


cdef int put(Buffer *out, const char *text, Py_ssize_t length) except -1:
    cdef Py_ssize_t room = out.room
    cdef char *bigger
    if out.used + length > room:
        while out.used + length > room:
            room *= 2
        if out.at == out.inside:
            bigger = <char *>malloc(room)
            if bigger != NULL:
                memcpy(bigger, out.inside, out.used)
        else:
            bigger = <char *>realloc(out.at, room)
        if bigger == NULL:
            raise MemoryError
        out.at = bigger
        out.room = room
    memcpy(out.at + out.used, text, length)
    out.used += length
    return 0


cdef bint is_token(str text):
    cdef Py_ssize_t at
    cdef const char *letters
    if not PyUnicode_IS_COMPACT_ASCII(text):
        return False
    letters = PyUnicode_DATA(text)
    for at in range(PyUnicode_GET_LENGTH(text)):
        if not is_token_byte(<unsigned char>letters[at]):
            return False
    return PyUnicode_GET_LENGTH(text) > 0
