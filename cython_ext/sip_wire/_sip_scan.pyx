"""Scanners over bytes, compiled: they leave cuts and make no Python object while scanning.

Same answers as ``oracle_parts.py``, which explains the grammar. RFC 3261 25.1. Numbers are
characters: 34 quote, 44 comma, 47 slash, 58 colon, 59 semicolon, 60 and 62 angle brackets,
61 equals, 63 question mark, 92 backslash.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memchr, memcpy

from cython_ext.sip_wire.structs import WireError

cdef extern from "arpa/inet.h" nogil:
    int AF_INET6
    int inet_pton(int family, const char *text, void *address)

_REASONS = (
    "", "bad name-addr", "bad display name", "URI needs angle brackets", "bad URI",
    "bad parameter", "quote without end", "bad host", "bad port", "bad Via",
)  # in the order of FINE ... VIA


cdef object wire_error(int fault):
    return WireError(_REASONS[fault])


cdef str text_of(Cut cut):
    return PyUnicode_DecodeUTF8(cut.at, cut.len, "surrogateescape")


cdef str unquoted(Cut cut):
    cdef bytes room
    cdef char *plain
    cdef Py_ssize_t length = 0
    cdef Py_ssize_t at = 1
    cdef Py_ssize_t end = cut.len - 1
    if memchr(cut.at, 92, cut.len) == NULL:
        return PyUnicode_DecodeUTF8(cut.at + 1, cut.len - 2, "surrogateescape")
    room = PyBytes_FromStringAndSize(NULL, cut.len)
    plain = room
    while at < end:
        if cut.at[at] == 92 and at + 1 < end:
            at += 1
        plain[length] = cut.at[at]
        length += 1
        at += 1
    return PyUnicode_DecodeUTF8(plain, length, "surrogateescape")


cdef Py_ssize_t after_quoted(const char *p, Py_ssize_t n, Py_ssize_t at) noexcept nogil:
    # The place behind the quoted string that begins at `at`, or -1 when it does not end.
    at += 1
    while at < n:
        if p[at] == 92:
            at += 2
            continue
        if p[at] == 34:
            return at + 1
        at += 1
    return -1


cdef bint next_element(const char **at, const char *end, Cut *element) noexcept nogil:
    # The next element of a comma list that is not empty; False at the end.
    cdef const char *p = at[0]
    cdef const char *begin = p
    cdef Py_ssize_t after
    cdef bint inside = False
    while p <= end:
        if p == end or (p[0] == 44 and not inside):
            element[0] = stripped(begin, p - begin)
            p += 1
            if element.len:
                at[0] = p
                return True
            begin = p
            continue
        if p[0] == 34 and not inside:
            after = after_quoted(p, end - p, 0)
            p = end if after < 0 else p + after
            continue
        if p[0] == 60:
            inside = True
        elif p[0] == 62:
            inside = False
        p += 1
    at[0] = p
    return False


cdef int scan_params(Cut text, Scanned *found, dict out) except -1:
    # `;name=value;name`; the first of a name wins. With `out` None nothing is made.
    cdef const char *p = text.at
    cdef const char *end
    cdef Cut name
    cdef Cut value
    cdef bint quoted, has_value, have_tag = False
    cdef Py_ssize_t after
    cdef Cut whole = stripped(p, text.len)
    p = whole.at
    end = p + whole.len
    while p < end:
        if p[0] != 59:
            return PARAMETER
        p += 1
        while p < end and is_blank(p[0]):
            p += 1
        name.at = p
        while p < end and is_token_byte(<unsigned char>p[0]):
            p += 1
        name.len = p - name.at
        if not name.len:
            return PARAMETER
        while p < end and is_blank(p[0]):
            p += 1
        has_value = quoted = False
        value.at = p
        value.len = 0
        if p < end and p[0] == 61:
            has_value = True
            p += 1
            while p < end and is_blank(p[0]):
                p += 1
            value.at = p
            if p < end and p[0] == 34:
                quoted = True
                after = after_quoted(p, end - p, 0)
                if after < 0:
                    return QUOTE
                p += after
            else:
                while p < end and is_value_byte(<unsigned char>p[0]):
                    p += 1
                if p == value.at:
                    return PARAMETER
            value.len = p - value.at
            while p < end and is_blank(p[0]):
                p += 1
        if out is not None:
            key = text_of(name).lower()
            if key not in out:
                out[key] = None if not has_value else unquoted(value) if quoted else text_of(value)
        elif found != NULL and not have_tag and is_tag(name):
            have_tag = True
            found.tag = value
            found.tag_quoted = quoted
    return FINE


cdef Py_ssize_t scheme_length(Cut uri) noexcept nogil:
    # Letters before the colon of a URI with something behind it; 0 when it has none.
    cdef Py_ssize_t at = 0
    cdef unsigned char c
    if not uri.len or not is_alpha(<unsigned char>uri.at[0]):
        return 0
    while at < uri.len:
        c = <unsigned char>uri.at[at]
        if not (is_alpha(c) or is_digit(c) or c == 43 or c == 45 or c == 46):
            break
        at += 1
    return at if at + 1 < uri.len and uri.at[at] == 58 else 0


cdef bint is_uri(Cut uri) noexcept nogil:
    cdef Py_ssize_t at
    cdef unsigned char c
    if not scheme_length(uri):
        return False
    for at in range(uri.len):
        c = <unsigned char>uri.at[at]
        if c <= 32 or c == 127 or c == 60 or c == 62 or c == 34:
            return False
    return True


cdef int scan_name_addr(const char *p, Py_ssize_t n, Scanned *found) noexcept nogil:
    # Display, URI and the text of the parameters, which scan_params checks.
    cdef Cut text = stripped(p, n)
    cdef const char *end
    cdef const char *left
    cdef const char *quote
    cdef const char *right
    cdef const char *semicolon
    cdef Py_ssize_t at
    cdef unsigned char c
    p = text.at
    end = p + text.len
    found.display.at = p
    found.display.len = 0
    found.quoted = False
    found.tag.at = p
    found.tag.len = 0
    found.tag_quoted = False
    left = <const char *>memchr(p, 60, text.len)
    quote = <const char *>memchr(p, 34, text.len)
    if text.len and quote == p:
        at = after_quoted(p, text.len, 0)
        if at < 0:
            return QUOTE
        found.quoted = True
        found.display.len = at
        p += at
        while p < end and is_blank(p[0]):
            p += 1
        if p == end or p[0] != 60:
            return NAME_ADDR
        left = p
    elif left != NULL and (quote == NULL or left < quote):
        found.display = stripped(p, left - p)
        for at in range(found.display.len):
            c = <unsigned char>found.display.at[at]
            if c < 128 and not is_token_byte(c) and not is_blank(c):
                return DISPLAY
    else:
        left = NULL
    if left != NULL:
        p = left + 1
        right = <const char *>memchr(p, 62, end - p)
        if right == NULL:
            return NAME_ADDR
        found.uri = stripped(p, right - p)
        found.params.at = right + 1
    else:
        semicolon = <const char *>memchr(p, 59, end - p)
        if semicolon == NULL:
            semicolon = end
        found.uri = stripped(p, semicolon - p)
        found.params.at = semicolon
        if found.uri.len and (
            memchr(found.uri.at, 44, found.uri.len) != NULL
            or memchr(found.uri.at, 63, found.uri.len) != NULL
        ):
            return BRACKETS
    found.params.len = end - found.params.at
    return FINE if is_uri(found.uri) else URI


cdef int scan_host(const char *p, Py_ssize_t n, bint blanks, Cut *host, int *port) noexcept nogil:
    # host [":" port], blanks around the colon only where `blanks` says so.
    cdef Cut rest
    cdef Py_ssize_t at = 0
    cdef unsigned char c
    cdef const char *right
    cdef char name[64]
    cdef unsigned char address[16]
    cdef Py_ssize_t colon
    port[0] = -1
    if n and p[0] == 91:
        right = <const char *>memchr(p, 93, n)
        if right == NULL:
            return HOST
        host.at = p + 1
        host.len = right - host.at
        if not 0 < host.len < 64:
            return HOST
        for at in range(host.len):
            c = lower_byte(<unsigned char>host.at[at])
            if not (48 <= c <= 58 or 97 <= c <= 102 or c == 46):
                return HOST
        memcpy(name, host.at, host.len)
        name[host.len] = 0
        colon = third_colon(host[0])
        if colon:
            memcpy(name + colon, host.at + colon + 1, host.len - colon)
            name[host.len - 1] = 0
        if inet_pton(AF_INET6, name, address) != 1:
            return HOST
        at = right + 1 - p
    else:
        while at < n and p[at] != 58 and not is_blank(p[at]):
            c = <unsigned char>p[at]
            if not (is_alpha(c) or is_digit(c) or c == 46 or c == 95 or c == 45):
                return HOST
            at += 1
        if not at:
            return HOST
        host.at = p
        host.len = at
    rest.at = p + at
    rest.len = n - at
    if blanks:
        rest = stripped(rest.at, rest.len)
    if not rest.len:
        return FINE
    if rest.at[0] != 58:
        return PORT
    rest.at += 1
    rest.len -= 1
    if blanks:
        rest = stripped(rest.at, rest.len)
    if not 0 < rest.len < 6:
        return PORT
    port[0] = 0
    for at in range(rest.len):
        if not is_digit(<unsigned char>rest.at[at]):
            return PORT
        port[0] = port[0] * 10 + rest.at[at] - 48
    return FINE if port[0] <= 65535 else PORT


cdef Py_ssize_t third_colon(Cut host) noexcept nogil:
    # Place of the colon that the grammar of RFC 3261 writes too much before an embedded IPv4
    # address (RFC 5118 4.10); 0 when there is none.
    cdef Py_ssize_t at = host.len - 1
    while at > 1 and host.at[at] != 58:
        at -= 1
    if at < 2 or host.at[at - 1] != 58 or host.at[at - 2] != 58:
        return 0
    return 0 if memchr(host.at + at, 46, host.len - at) == NULL else at


cdef object host_text(Cut host):
    cdef Py_ssize_t colon = third_colon(host)
    cdef object text = text_of(host)
    return text[:colon] + text[colon + 1 :] if colon else text


cdef int scan_via(const char *p, Py_ssize_t n, ScannedVia *found) noexcept nogil:
    # "SIP" "/" "2.0" "/" transport, blanks, host [":" port]; the parameters stay unread.
    cdef Cut text = stripped(p, n)
    cdef const char *end
    cdef const char *semicolon
    p = text.at
    end = p + text.len
    if end - p < 3 or not (
        lower_byte(<unsigned char>p[0]) == 115
        and lower_byte(<unsigned char>p[1]) == 105
        and lower_byte(<unsigned char>p[2]) == 112
    ):
        return VIA
    p = after_slash(p + 3, end)
    if p == NULL or end - p < 3 or p[0] != 50 or p[1] != 46 or p[2] != 48:
        return VIA
    p = after_slash(p + 3, end)
    if p == NULL:
        return VIA
    found.transport.at = p
    while p < end and is_token_byte(<unsigned char>p[0]):
        p += 1
    found.transport.len = p - found.transport.at
    if not found.transport.len or p == end or not is_blank(p[0]):
        return VIA
    semicolon = <const char *>memchr(p, 59, end - p)
    if semicolon == NULL:
        semicolon = end
    text = stripped(p, semicolon - p)
    found.params.at = semicolon
    found.params.len = end - semicolon
    return VIA if scan_host(text.at, text.len, True, &found.host, &found.port) else FINE


cdef const char *after_slash(const char *p, const char *end) noexcept nogil:
    # The place behind a slash and the blanks around it; NULL when there is none.
    while p < end and is_blank(p[0]):
        p += 1
    if p == end or p[0] != 47:
        return NULL
    p += 1
    while p < end and is_blank(p[0]):
        p += 1
    return p
