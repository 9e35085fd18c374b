"""Session descriptions taken apart, compiled. Same answers as ``oracle_sdp.py``.

What is not ASCII goes to the plain twin: it is rare, and Unicode has its own idea of blanks.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.string cimport memchr, memcmp, memcpy

from cython_ext.sip_wire import oracle_sdp
from cython_ext.sip_wire.oracle_sdp import MAX_LINES, MAX_MEDIA, MAX_USUAL
from cython_ext.sip_wire.structs import WireError

cdef enum:
    FIELDS = 64
    SHORT = 40  # letters of a bad line that are shown
    NUMBER = 24
    LONG = 60
    DIGITS = 19  # of a number that surely fits
    NAMES = 9

cdef struct Piece:
    const char *at
    Py_ssize_t len

cdef int _most_lines = MAX_LINES
cdef int _most_media = MAX_MEDIA
cdef Py_ssize_t _most_usual = MAX_USUAL
cdef const char *_usual[NAMES]
_usual[:] = [
    b"rtpmap:", b"fmtp:", b"ptime:", b"maxptime:", b"sendrecv", b"sendonly", b"recvonly",
    b"inactive", b"rtcp-mux",
]
cdef Py_ssize_t _usual_len[NAMES]
_usual_len[:] = [7, 5, 6, 9, 8, 8, 8, 8, 8]


def read_description(bytes data not None):
    """Take a description apart; see ``oracle_sdp.read_description``."""
    cdef const char *p = PyBytes_AS_STRING(data)
    cdef const char *end = p + PyBytes_GET_SIZE(data)
    cdef Piece line, value
    cdef tuple origin = None
    cdef tuple section = None
    cdef str name = "-"
    cdef str host = ""
    cdef str own_host = ""
    cdef list session = []
    cdef list attributes = session
    cdef list media = []
    if not is_ascii(p, end - p):
        return oracle_sdp.read_description(data)
    if not next_line(&p, end, &line) or line.len != 3 or memcmp(line.at, b"v=0", 3) != 0:
        raise WireError("does not begin with v=0")
    if count_lines(p, end) >= _most_lines:
        raise WireError("too many lines")
    while next_line(&p, end, &line):
        if line.len < 2 or line.at[1] != 61:
            raise bad("bad line", line, SHORT)
        value.at = line.at + 2
        value.len = line.len - 2
        if line.at[0] == 97:  # a
            attributes.append(attribute(value))
        elif line.at[0] == 109:  # m
            if len(media) + (section is not None) == _most_media:
                raise WireError("too many media")
            if section is not None:
                media.append((*section, own_host, tuple(attributes)))
            section = media_line(value)
            own_host = ""
            attributes = []
        elif line.at[0] == 99:  # c
            if section is not None:
                own_host = connection(value)
            else:
                host = connection(value)
        elif line.at[0] == 111:  # o
            origin = origin_line(value)
        elif line.at[0] == 115:  # s
            name = plain(value) or "-"
    if origin is None:
        raise WireError("no o= line")
    if section is not None:
        media.append((*section, own_host, tuple(attributes)))
    return origin, name, host, tuple(session), tuple(media)


cdef bint is_ascii(const char *p, Py_ssize_t n) noexcept nogil:
    cdef unsigned char seen = 0
    cdef Py_ssize_t at
    for at in range(n):
        seen |= <unsigned char>p[at]
    return seen < 128


cdef bint next_line(const char **at, const char *end, Piece *line) noexcept nogil:
    # The next line that is not empty; it ends with LF, and a CR right before that is no part of it.
    cdef const char *stop
    while at[0] < end:
        line.at = at[0]
        stop = <const char *>memchr(at[0], 10, end - at[0])
        if stop == NULL:
            line.len = end - at[0]
            at[0] = end
        else:
            line.len = stop - at[0]
            at[0] = stop + 1
            if line.len and (stop - 1)[0] == 13:
                line.len -= 1
        if line.len:
            return True
    return False


cdef int count_lines(const char *at, const char *end) noexcept nogil:
    cdef Piece line
    cdef int found = 0
    while next_line(&at, end, &line):
        found += 1
    return found


cdef inline bint is_space(char c) noexcept nogil:
    # What str.split() takes for a blank.
    return c == 32 or 9 <= c <= 13 or 28 <= c <= 31


cdef int split(Piece text, Piece *fields) noexcept nogil:
    # Fields between blanks; the first FIELDS of them, and how many there are.
    cdef const char *p = text.at
    cdef const char *end = p + text.len
    cdef const char *start
    cdef int found = 0
    while True:
        while p < end and is_space(p[0]):
            p += 1
        if p == end:
            return found
        start = p
        while p < end and not is_space(p[0]):
            p += 1
        if found < FIELDS:
            fields[found].at = start
            fields[found].len = p - start
        found += 1


cdef str text_of(Piece piece):
    return PyUnicode_DecodeASCII(piece.at, piece.len, NULL)


cdef object bad(str what, Piece piece, Py_ssize_t most):
    cdef str text = text_of(piece)
    return WireError(f"{what} {text[:most]!r}")


cdef str plain(Piece piece):
    if memchr(piece.at, 13, piece.len) != NULL or memchr(piece.at, 0, piece.len) != NULL:
        raise WireError("control character")
    return text_of(piece)


cdef tuple attribute(Piece value):
    cdef Piece name = value
    cdef Piece rest
    cdef Py_ssize_t at
    cdef const char *colon = <const char *>memchr(value.at, 58, value.len)
    rest.at = value.at + value.len
    rest.len = 0
    if colon != NULL:
        name.len = colon - value.at
        rest.at = colon + 1
        rest.len = value.at + value.len - rest.at
    if not name.len or (colon != NULL and not rest.len):
        raise bad("bad attribute", value, SHORT)
    for at in range(name.len):
        if not 32 <= name.at[at] < 127:
            raise bad("bad attribute", value, SHORT)
    return text_of(name), plain(rest)


cdef tuple media_line(Piece value):
    cdef Piece fields[FIELDS]
    cdef Piece port
    cdef const char *slash
    cdef int found = split(value, fields)
    cdef int at
    cdef tuple formats
    if found < 4:
        raise bad("bad m= line", value, SHORT)
    port = fields[1]
    slash = <const char *>memchr(port.at, 47, port.len)
    if slash != NULL:
        port.len = slash - port.at
    number = number_of(port, 65535)
    if found > FIELDS:
        formats = tuple(text_of(value).split()[3:])
    else:
        formats = tuple([text_of(fields[at]) for at in range(3, found)])
    return text_of(fields[0]), number, text_of(fields[2]), formats


cdef tuple origin_line(Piece value):
    cdef Piece fields[FIELDS]
    if split(value, fields) != 6:
        raise bad("bad o= line", value, LONG)
    # The address is only a name for the session (RFC 8866 5.2), so it may be anything.
    return (
        plain(fields[0]),
        number_of(fields[1], 0xffffffffffffffffULL),
        number_of(fields[2], 0xffffffffffffffffULL),
        text_of(fields[5]),
    )


cdef str connection(Piece value):
    cdef Piece fields[FIELDS]
    cdef Piece host
    cdef const char *slash
    if split(value, fields) != 3 or fields[0].len != 2 or memcmp(fields[0].at, b"IN", 2) != 0:
        raise bad("bad c= line", value, LONG)
    host = fields[2]
    slash = <const char *>memchr(host.at, 47, host.len)
    if slash != NULL:
        host.len = slash - host.at
    if not host.len:
        raise bad("bad address", value, LONG)
    return text_of(host)


cdef object number_of(Piece text, unsigned long long most):
    cdef unsigned long long number = 0
    cdef unsigned long long digit
    cdef Py_ssize_t at
    if not text.len or text.len > 20:
        raise bad("bad number", text, NUMBER)
    for at in range(text.len):
        if not 48 <= text.at[at] <= 57:
            raise bad("bad number", text, NUMBER)
        digit = <unsigned long long>(text.at[at] - 48)
        if number > (most - digit) // 10:
            raise bad("bad number", text, NUMBER)
        number = number * 10 + digit
    return number


def usual_description(bytes data not None):
    """What a description has in common with others of its kind; see ``oracle_sdp``."""
    cdef Py_ssize_t length = PyBytes_GET_SIZE(data)
    cdef const char *start = PyBytes_AS_STRING(data)
    cdef const char *end = start + length
    cdef const char *p = start + 7
    cdef const char *numbers
    cdef const char *behind
    cdef const char *port = NULL
    cdef const char *after = NULL
    cdef int number = 0
    cdef int place = 0
    cdef int media = 0
    if length > _most_usual or length < 8 or memcmp(start, b"v=0\r\no=", 7) != 0:
        return None
    while p < end and 33 <= p[0] <= 126:
        p += 1
    numbers = p + 1
    if p == start + 7 or p == end or p[0] != 32:
        return None
    behind = digits_end(numbers, end)
    if behind == NULL or behind == end or behind[0] != 32:
        return None
    behind = digits_end(behind + 1, end)
    if behind == NULL or behind == end or behind[0] != 32:
        return None
    p = behind
    while True:
        while p < end and 32 <= p[0] <= 126:
            p += 1
        if end - p < 2 or p[0] != 13 or p[1] != 10:
            return None
        p += 2
        if p == end:
            break
        if not is_usual(p, end):
            return None
        if p[0] == 109:  # m
            if port == NULL and end - p > 8 and memcmp(p, b"m=audio ", 8) == 0:
                port = p + 8
                after = port
                while after < end and after - port < 6 and 48 <= after[0] <= 57:
                    number = number * 10 + after[0] - 48
                    after += 1
                if port[0] == 48 or not 1 <= number <= 65535 or after == end or after[0] != 32:
                    return None
                place = media
            media += 1
    if port == NULL:
        return None
    return joined(start, numbers - start, behind, port - behind, after, end - after), number, place


cdef bytes joined(
    const char *first, Py_ssize_t a, const char *second, Py_ssize_t b, const char *third, Py_ssize_t c
):
    cdef bytes text = PyBytes_FromStringAndSize(NULL, a + b + c + 4)
    cdef char *at = PyBytes_AS_STRING(text)
    memcpy(at, first, a)
    memcpy(at + a, b"0 0", 3)
    memcpy(at + a + 3, second, b)
    at[a + b + 3] = 49
    memcpy(at + a + b + 4, third, c)
    return text


cdef const char *digits_end(const char *p, const char *end) noexcept nogil:
    # Behind a number of up to 19 digits; NULL when there is none.
    cdef const char *start = p
    while p < end and 48 <= p[0] <= 57:
        p += 1
    return p if 0 < p - start <= DIGITS else NULL


cdef bint is_usual(const char *p, const char *end) noexcept nogil:
    # Whether a line is one of those that hold no keys and say what many others say.
    cdef int at
    if end - p < 2 or p[1] != 61:
        return False
    if p[0] != 97:  # a
        return p[0] == 98 or p[0] == 99 or p[0] == 105 or p[0] == 109 or p[0] == 115 or p[0] == 116
    p += 2
    for at in range(NAMES):
        if end - p >= _usual_len[at] and memcmp(p, _usual[at], _usual_len[at]) == 0:
            return True
    return False
