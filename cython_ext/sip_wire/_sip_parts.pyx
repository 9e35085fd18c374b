"""Typed parts of header values, compiled; the same answers as ``oracle_parts.py``."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memchr

from cython_ext.sip_wire._sip_scan cimport (
    BRACKETS, Cut, FINE, QUOTE, Scanned, ScannedVia, URI, VIA, after_quoted, host_text, is_blank,
    is_token_byte, is_uri, next_element, scan_host, scan_name_addr, scan_params, scan_via,
    scheme_length, stripped, text_of, unquoted, wire_error,
)

from cython_ext.sip_wire.structs import Auth, NameAddr, Uri, Via, WireError


cdef bytes one_line(str text):
    if "\r" in text or "\n" in text:
        raise WireError("line break in a value")
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise WireError("bad text") from None


def split_list(str text not None):
    """Split at commas outside quotes and angle brackets; empty elements fall away."""
    cdef bytes raw = text.encode("utf-8", "surrogatepass")
    cdef const char *at = raw
    cdef const char *end = at + len(raw)
    cdef Cut element
    cdef list parts = []
    while next_element(&at, end, &element):
        parts.append(element.at[: element.len].decode("utf-8", "surrogatepass"))
    return parts


def parse_via(str text not None):
    """Parse one Via element."""
    cdef bytes raw = one_line(text)
    return make_via(raw, len(raw))


cdef object make_via(const char *p, Py_ssize_t n):
    cdef ScannedVia found
    cdef dict params = {}
    if scan_via(p, n, &found) or scan_params(found.params, NULL, params):
        raise wire_error(VIA)
    return Via(
        text_of(found.transport).upper(),
        host_text(found.host),
        None if found.port < 0 else found.port,
        params,
    )


def parse_name_addr(str text not None):
    """Parse one From, To, Contact, Route, ... value; ``*`` is a value of its own."""
    cdef bytes raw = one_line(text)
    cdef Cut whole = stripped(raw, len(raw))
    cdef Scanned found
    cdef dict params = {}
    cdef int fault
    if whole.len == 1 and whole.at[0] == 42:
        return NameAddr("", "*", params)
    fault = scan_name_addr(whole.at, whole.len, &found)
    if not fault:
        fault = scan_params(found.params, NULL, params)
    if fault:
        raise wire_error(fault)
    display = unquoted(found.display) if found.quoted else text_of(found.display)
    return NameAddr(display, text_of(found.uri), params)


def parse_uri(str text not None):
    """Parse a sip, sips or tel URI; WireError with status 416 for another scheme."""
    cdef bytes raw
    cdef Cut whole, rest, piece
    cdef Py_ssize_t length
    cdef const char *semicolon
    if not text.isascii():
        raise wire_error(URI)
    raw = text.encode("ascii")
    whole.at = raw
    whole.len = len(raw)
    if not is_uri(whole):
        raise wire_error(URI)
    length = scheme_length(whole)
    scheme = text[:length].lower()
    rest.at = whole.at + length + 1
    rest.len = whole.len - length - 1
    if scheme == "tel":
        semicolon = <const char *>memchr(rest.at, 59, rest.len)
        piece.at = rest.at
        piece.len = rest.len if semicolon == NULL else semicolon - rest.at
        if not piece.len:
            raise wire_error(URI)
        rest.at += piece.len
        rest.len -= piece.len
        return Uri(scheme, unescaped(piece), None, "", None, uri_params(rest), {})
    if scheme != "sip" and scheme != "sips":
        raise WireError("URI scheme not supported", 416)
    return sip_uri(scheme, rest)


cdef object sip_uri(str scheme, Cut rest):
    cdef Cut user, password, place, params, query, host
    cdef const char *at = <const char *>memchr(rest.at, 64, rest.len)
    cdef const char *colon = NULL
    cdef const char *mark
    cdef int port, fault
    user.at = rest.at
    user.len = 0
    if at != NULL:
        user.len = at - rest.at
        rest.len -= user.len + 1
        rest.at = at + 1
        colon = <const char *>memchr(user.at, 58, user.len)
        if colon != NULL:
            password.at = colon + 1
            password.len = at - password.at
            user.len = colon - user.at
        if not user.len or memchr(rest.at, 64, rest.len) != NULL:
            raise wire_error(URI)
    place = rest
    query.at = <const char *>memchr(rest.at, 63, rest.len)
    if query.at != NULL:
        place.len = query.at - place.at
        query.at += 1
        query.len = rest.at + rest.len - query.at
    params.at = place.at + place.len
    params.len = 0
    mark = <const char *>memchr(place.at, 59, place.len)
    if mark != NULL:
        params.len = params.at - mark
        params.at = mark
        place.len = mark - place.at
    fault = scan_host(place.at, place.len, False, &host, &port)
    if fault:
        raise wire_error(fault)
    return Uri(
        scheme,
        unescaped(user),
        None if colon == NULL else unescaped(password),
        host_text(host).lower(),
        None if port < 0 else port,
        uri_params(params),
        {} if query.at == NULL else uri_headers(query),
    )


cdef dict uri_params(Cut text):
    # `text` is empty or begins with its semicolon.
    cdef dict params = {}
    cdef const char *p = text.at
    cdef const char *end = p + text.len
    cdef const char *stop
    cdef const char *equals
    cdef Cut name, value
    while p < end:
        p += 1
        stop = <const char *>memchr(p, 59, end - p)
        if stop == NULL:
            stop = end
        equals = <const char *>memchr(p, 61, stop - p)
        name.at = p
        name.len = (stop if equals == NULL else equals) - p
        if equals != NULL:
            value.at = equals + 1
            value.len = stop - value.at
        if not name.len or (equals != NULL and not value.len):
            raise WireError("bad URI parameter")
        key = unescaped(name).lower()
        content = None if equals == NULL else unescaped(value)
        params.setdefault(key, content)
        p = stop
    return params


cdef dict uri_headers(Cut text):
    cdef dict headers = {}
    cdef const char *p = text.at
    cdef const char *end = p + text.len
    cdef const char *stop
    cdef const char *equals
    cdef Cut name, value
    while p <= end:
        stop = <const char *>memchr(p, 38, end - p)
        if stop == NULL:
            stop = end
        equals = <const char *>memchr(p, 61, stop - p)
        if equals == NULL or equals == p:
            raise WireError("bad URI header")
        name.at = p
        name.len = equals - p
        value.at = equals + 1
        value.len = stop - value.at
        key = unescaped(name)
        headers.setdefault(key, unescaped(value))
        p = stop + 1
    return headers


cdef int hex_value(unsigned char c) noexcept nogil:
    if 48 <= c <= 57:
        return c - 48
    c |= 32
    return c - 87 if 97 <= c <= 102 else -1


cdef str unescaped(Cut text):
    cdef bytes room
    cdef char *plain
    cdef Py_ssize_t at = 0
    cdef Py_ssize_t length = 0
    cdef int high, low
    if not text.len or memchr(text.at, 37, text.len) == NULL:
        return text_of(text)
    room = PyBytes_FromStringAndSize(NULL, text.len)
    plain = room
    while at < text.len:
        if text.at[at] == 37:
            high = hex_value(<unsigned char>text.at[at + 1]) if at + 2 < text.len else -1
            low = hex_value(<unsigned char>text.at[at + 2]) if at + 2 < text.len else -1
            if high < 0 or low < 0:
                raise WireError("bad escape")
            plain[length] = <char>(high * 16 + low)
            at += 3
        else:
            plain[length] = text.at[at]
            at += 1
        length += 1
    return PyUnicode_DecodeUTF8(plain, length, "surrogateescape")


def parse_auth(str text not None):
    """Parse an Authorization or WWW-Authenticate value (and their Proxy- twins)."""
    cdef bytes raw = one_line(text)
    cdef Cut whole = stripped(raw, len(raw))
    cdef Cut part, name, value
    cdef const char *end = whole.at + whole.len
    cdef const char *at = whole.at
    cdef const char *equals
    cdef Py_ssize_t after
    cdef dict params = {}
    while at < end and is_token_byte(<unsigned char>at[0]):
        at += 1
    if at == whole.at or (at < end and at[0] != 32):
        raise WireError("bad authentication")
    scheme = whole.at[: at - whole.at].decode("ascii")
    while next_element(&at, end, &part):
        equals = <const char *>memchr(part.at, 61, part.len)
        if equals == NULL:
            raise WireError("bad authentication")
        name = stripped(part.at, equals - part.at)
        value = stripped(equals + 1, part.at + part.len - equals - 1)
        if not value.len or not is_token(name):
            raise WireError("bad authentication")
        if value.at[0] == 34:
            after = after_quoted(value.at, value.len, 0)
            if after < 0:
                raise wire_error(QUOTE)
            if after != value.len:
                raise WireError("bad authentication")
            content = unquoted(value)
        else:
            for after in range(value.len):
                if is_blank(value.at[after]) or value.at[after] == 34:
                    raise WireError("bad authentication")
            content = text_of(value)
        params.setdefault(text_of(name).lower(), content)
    return Auth(scheme, params)


cdef bint is_token(Cut text) noexcept nogil:
    cdef Py_ssize_t at
    for at in range(text.len):
        if not is_token_byte(<unsigned char>text.at[at]):
            return False
    return text.len > 0
