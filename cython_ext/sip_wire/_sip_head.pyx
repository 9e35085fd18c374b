"""The head of a SIP message, compiled: one pass leaves a table of offsets.

What every message needs is checked here: start line, counts, CSeq, Call-ID, Max-Forwards,
From, To, the top Via and the length. Same answers as ``oracle.py``. RFC 3261 7 and 25.
"""

from libc.stdlib cimport malloc
from libc.string cimport memchr, memcmp, memcpy

from cython_ext.sip_wire._sip_scan cimport (
    Cut, ScannedVia, is_blank, is_token_byte, lower_byte, next_element, scan_name_addr,
    scan_params, scan_via, stripped,
)

import re

from cython_ext.sip_wire.names import CANONICAL
from cython_ext.sip_wire.structs import WireError

header_names = [
    "Via", "From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Content-Type",
]
header_names += sorted(set(CANONICAL.values()) - set(header_names))
if len(header_names) > NAMES:
    raise ImportError("the table of header names is too small")
_number = {name: number for number, name in enumerate(header_names)}
header_numbers = {key: _number[name] for key, name in CANONICAL.items()} | _number
cdef list _keys = [key.encode() for key in CANONICAL]  # keeps the bytes of the table alive
cdef const char *_table_key[TABLE]
cdef int _table_len[TABLE]
cdef short _table_known[TABLE]
_FOLD = re.compile(rb"[ \t]*\r\n[ \t]+")


cdef void fill_table():
    cdef bytes key
    cdef unsigned int at
    cdef unsigned int value
    for at in range(TABLE):
        _table_key[at] = NULL
    for key in _keys:
        value = 0
        for letter in key:
            value = value * 31 + <unsigned int>letter
        at = value % TABLE
        while _table_key[at] != NULL:
            at = (at + 1) % TABLE
        _table_key[at] = key
        _table_len[at] = len(key)
        _table_known[at] = header_numbers[key.decode()]


fill_table()


cdef short known_header(const char *p, Py_ssize_t n, unsigned int value) noexcept nogil:
    # Which header this name is, in any spelling; -1 for one we do not know.
    cdef unsigned int at = value % TABLE
    cdef Py_ssize_t same
    while _table_key[at] != NULL:
        if _table_len[at] == n:
            same = 0
            while same < n and lower_byte(<unsigned char>p[same]) == <unsigned char>_table_key[at][same]:
                same += 1
            if same == n:
                return _table_known[at]
        at = (at + 1) % TABLE
    return -1


cdef Cut cut_of(Head *head, int at, list kept):
    # The value of a header; a folded one is unfolded into bytes that ``kept`` keeps.
    cdef Slot *slot = &head.slots[at]
    cdef bytes plain
    if not slot.folded:
        return stripped(head.data + slot.value_at, slot.value_len)
    plain = _FOLD.sub(b" ", head.data[slot.value_at : slot.value_at + slot.value_len])
    kept.append(plain)
    return stripped(plain, len(plain))


cdef Cut first_via(Head *head, list kept):
    cdef Cut element
    cdef Cut whole = cut_of(head, head.first[VIA], kept)
    cdef const char *at = whole.at
    if not next_element(&at, whole.at + whole.len, &element):
        element.at = at
        element.len = 0
    return element


cdef const char *line_break(const char *p, const char *end) noexcept nogil:
    # The next CR LF; NULL when there is none.
    while end - p >= 2:
        p = <const char *>memchr(p, 13, end - p - 1)
        if p == NULL or p[1] == 10:
            return p
        p += 1
    return NULL


cdef int fill(Head *head, const char *p, const char *end, list kept) except -1:
    cdef const char *head_end
    cdef const char *line_end
    cdef const char *after
    cdef Cut element
    cdef ScannedVia via
    if end - head.data > MOST_BYTES:
        raise WireError("message too large", 513)
    head_end = line_break(p, end)
    while head_end != NULL and not (end - head_end >= 4 and head_end[2] == 13 and head_end[3] == 10):
        head_end = line_break(head_end + 2, end)
    if head_end == NULL:
        raise WireError("head without end")
    line_end = line_break(p, head_end)
    after = line_end + 2
    if line_end == NULL:
        line_end = after = head_end
    if memchr(p, 13, line_end - p) != NULL or memchr(p, 10, line_end - p) != NULL:
        raise WireError("bare CR or LF")
    if head.is_request:
        request_line(head, p, line_end)
    else:
        status_line(head, p, line_end)
    split_headers(head, after, head_end)
    check_counts(head)
    check_cseq(head, kept)
    element = cut_of(head, head.first[CALL_ID], kept)
    if not element.len or memchr(element.at, 32, element.len) != NULL or (
        memchr(element.at, 9, element.len) != NULL
    ):
        raise WireError("bad Call-ID")
    if head.seen[MAX_FORWARDS]:
        head.forwards = small_number(cut_of(head, head.first[MAX_FORWARDS], kept), 255)
        if head.forwards < 0:
            raise WireError("bad Max-Forwards")
    element = cut_of(head, head.first[FROM], kept)
    if scan_name_addr(element.at, element.len, &head.from_scan) or scan_params(
        head.from_scan.params, &head.from_scan, None
    ):
        raise WireError("bad From")
    element = cut_of(head, head.first[TO], kept)
    if scan_name_addr(element.at, element.len, &head.to_scan) or scan_params(
        head.to_scan.params, &head.to_scan, None
    ):
        raise WireError("bad To")
    element = first_via(head, kept)
    if scan_via(element.at, element.len, &via) or scan_params(via.params, NULL, None):
        raise WireError("bad Via")
    return check_length(head, head_end + 4, end, kept)


cdef int request_line(Head *head, const char *p, const char *end) except -1:
    cdef const char *at = p
    cdef const char *last = end
    cdef unsigned char c
    cdef bint digits = False
    while at < end and is_token_byte(<unsigned char>at[0]):
        at += 1
    while last > at and (last - 1)[0] != 32:
        last -= 1
    if at == p or at == end or at[0] != 32 or last - 1 <= at:
        raise WireError("bad request line")
    head.method.at = p
    head.method.len = at - p
    check_version(last, end)
    head.uri.at = at + 1
    head.uri.len = last - 1 - (at + 1)
    at += 1
    if at == last - 1:
        raise WireError("bad request URI")
    while at < last - 1:
        c = <unsigned char>at[0]
        if c < 33 or c > 126 or c == 60 or c == 62 or c == 34:
            raise WireError("bad request URI")
        at += 1
    return 0


cdef int check_version(const char *p, const char *end) except -1:
    cdef const char *major
    cdef const char *minor
    if end - p < 4 or not (
        lower_byte(<unsigned char>p[0]) == 115
        and lower_byte(<unsigned char>p[1]) == 105
        and lower_byte(<unsigned char>p[2]) == 112
        and p[3] == 47
    ):
        raise WireError("bad request line")
    p += 4
    major = p
    while p < end and 48 <= p[0] <= 57:
        p += 1
    if p == major or p == end or p[0] != 46:
        raise WireError("bad request line")
    p += 1
    minor = p
    while p < end and 48 <= p[0] <= 57:
        p += 1
    if p == minor or p != end:
        raise WireError("bad request line")
    if end - major != 3 or major[0] != 50 or minor[0] != 48:
        raise WireError("SIP version not supported", 505)
    return 0


cdef int status_line(Head *head, const char *p, const char *end) except -1:
    cdef int at
    if end - p < 11 or p[4] != 50 or p[5] != 46 or p[6] != 48 or p[7] != 32:
        raise WireError("bad status line")
    for at in range(8, 11):
        if not 48 <= p[at] <= 57:
            raise WireError("bad status line")
        head.status = head.status * 10 + p[at] - 48
    if not 100 <= head.status <= 699 or (end - p > 11 and p[11] != 32):
        raise WireError("bad status line")
    head.reason.at = p + 12
    head.reason.len = end - p - 12 if end - p > 12 else 0
    return 0


cdef int split_headers(Head *head, const char *p, const char *end) except -1:
    cdef const char *stop
    cdef const char *from_here
    cdef const char *name_end
    cdef const char *colon
    cdef unsigned int value
    cdef bint folded
    cdef Slot *slot
    cdef Cut trimmed
    if p < end and is_blank(p[0]):
        raise WireError("folded line without a header")
    while p < end:
        folded = False
        from_here = p
        while True:  # to the end of the logical line
            stop = <const char *>memchr(from_here, 13, end - from_here)
            if stop == NULL:
                stop = end
            elif stop + 1 == end or stop[1] != 10:
                raise WireError("bare CR or LF")
            if memchr(from_here, 10, stop - from_here) != NULL:
                raise WireError("bare CR or LF")
            if stop + 2 >= end or not is_blank(stop[2]):
                break
            folded = True
            from_here = stop + 2
        value = 0
        name_end = p
        while name_end < stop and is_token_byte(<unsigned char>name_end[0]):
            value = value * 31 + lower_byte(<unsigned char>name_end[0])
            name_end += 1
        colon = name_end
        while colon < stop and (is_blank(colon[0]) or colon[0] == 13 or colon[0] == 10):
            colon += 1
        if name_end == p or colon == stop or colon[0] != 58:
            raise WireError("bad header name")
        if head.count == MOST_HEADERS:
            raise WireError("too many headers", 513)
        if head.count == INLINE:
            grow(head)
        slot = &head.slots[head.count]
        slot.name_at = p - head.data
        slot.name_len = name_end - p
        slot.known = known_header(p, name_end - p, value)
        slot.folded = folded
        trimmed.at = colon + 1
        trimmed.len = stop - colon - 1
        if not folded:
            trimmed = stripped(trimmed.at, trimmed.len)
        slot.value_at = trimmed.at - head.data
        slot.value_len = trimmed.len
        if slot.known >= 0:
            if not head.seen[slot.known]:
                head.first[slot.known] = head.count
            if head.seen[slot.known] < 2:
                head.seen[slot.known] += 1
        head.count += 1
        p = stop + 2
    return 0


cdef int grow(Head *head) except -1:
    cdef Slot *bigger = <Slot *>malloc(MOST_HEADERS * sizeof(Slot))
    if bigger == NULL:
        raise MemoryError
    memcpy(bigger, head.inline_slots, sizeof(head.inline_slots))
    head.slots = bigger
    return 0


cdef int check_counts(Head *head) except -1:
    cdef int known
    for known in range(CSEQ + 1):
        if not head.seen[known]:
            raise WireError(f"missing {header_names[known]}")
    for known in range(FROM, CONTENT_TYPE + 1):
        if head.seen[known] > 1:
            raise WireError(f"repeated {header_names[known]}")
    return 0


cdef int check_cseq(Head *head, list kept) except -1:
    cdef Cut text = cut_of(head, head.first[CSEQ], kept)
    cdef const char *p = text.at
    cdef const char *end = p + text.len
    cdef const char *method
    cdef unsigned long long number = 0
    while p < end and 48 <= p[0] <= 57:
        number = number * 10 + <unsigned int>(p[0] - 48)
        if number > 0x7fffffff:
            raise WireError("bad CSeq")
        p += 1
    if p == text.at or p == end or not is_blank(p[0]):
        raise WireError("bad CSeq")
    while p < end and is_blank(p[0]):
        p += 1
    method = p
    while p < end and is_token_byte(<unsigned char>p[0]):
        p += 1
    if p == method or p != end:
        raise WireError("bad CSeq")
    head.cseq_method.at = method
    head.cseq_method.len = p - method
    if head.is_request and (
        head.method.len != head.cseq_method.len
        or memcmp(method, head.method.at, head.method.len) != 0
    ):
        raise WireError("CSeq method differs")
    head.cseq_number = number
    return 0


cdef int small_number(Cut text, int most) noexcept nogil:
    # The number, -1 when it is none, -2 when it is above `most`.
    cdef Py_ssize_t at
    cdef long number = 0
    if not text.len:
        return -1
    for at in range(text.len):
        if not 48 <= text.at[at] <= 57:
            return -1
        if number <= most:
            number = number * 10 + text.at[at] - 48
    return -2 if number > most else number


cdef int check_length(Head *head, const char *p, const char *end, list kept) except -1:
    cdef int length
    head.body.at = p
    head.body.len = end - p
    if head.seen[CONTENT_LENGTH]:
        length = small_number(cut_of(head, head.first[CONTENT_LENGTH], kept), end - p)
        if length == -1:
            raise WireError("bad Content-Length")
        if length < 0:
            raise WireError("body shorter than Content-Length")
        head.body.len = length  # the rest of a datagram is not ours: RFC 4475 3.1.1.8
    return 0
