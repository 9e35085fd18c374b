"""SIP messages, compiled: strings are made when somebody asks for them.

The bytes that came in are kept and never written to; ``_sip_head.pyx`` fills the table of
offsets into them. Same answers as ``oracle.py``.
"""

cimport cython
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdlib cimport free
from libc.string cimport memchr

from cython_ext.sip_wire._sip_head cimport (
    CALL_ID, Head, Slot, NAMES, cut_of, fill, first_via,
)
from cython_ext.sip_wire._sip_parts cimport make_via
from cython_ext.sip_wire._sip_scan cimport (
    Cut, Scanned, lower_byte, text_of, unquoted,
)

from cython_ext.sip_wire._sip_build import build_request, build_response
from cython_ext.sip_wire._sip_head import header_names, header_numbers
from cython_ext.sip_wire._sip_parts import (
    parse_auth, parse_name_addr, parse_uri, parse_via, split_list,
)
from cython_ext.sip_wire._sip_sdp import read_description, usual_description
from cython_ext.sip_wire.names import is_list_header
from cython_ext.sip_wire.salvage import salvage
from cython_ext.sip_wire.structs import CSeq, WireError

cdef bint _is_list[NAMES]
for _at, _name in enumerate(header_names):
    _is_list[_at] = is_list_header(_name)
cdef dict _numbers = header_numbers


@cython.final
@cython.no_gc
@cython.freelist(64)
cdef class Message:
    """A parsed request or response; it never changes."""

    cdef readonly bytes raw
    cdef readonly str method
    cdef Head head
    cdef str _uri, _call_id, _from_tag, _to_tag
    cdef bytes _body
    cdef object _cseq, _via
    cdef list kept  # unfolded values that cuts point into

    def __dealloc__(self):
        if self.head.slots != NULL and self.head.slots != self.head.inline_slots:
            free(self.head.slots)

    @property
    def is_request(self):
        return self.head.is_request

    @property
    def status(self):
        return self.head.status

    @property
    def uri(self):
        if self._uri is None:
            self._uri = text_of(self.head.uri) if self.head.is_request else ""
        return self._uri

    @property
    def reason(self):
        return "" if self.head.is_request else text_of(self.head.reason)

    @property
    def body(self):
        if self._body is None:
            self._body = self.head.body.at[: self.head.body.len]
        return self._body

    @property
    def call_id(self):
        if self._call_id is None:
            self._call_id = self.value(self.head.first[CALL_ID])
        return self._call_id

    @property
    def from_tag(self):
        if self._from_tag is None:
            self._from_tag = tag_text(&self.head.from_scan)
        return self._from_tag

    @property
    def to_tag(self):
        if self._to_tag is None:
            self._to_tag = tag_text(&self.head.to_scan)
        return self._to_tag

    @property
    def cseq(self):
        if self._cseq is None:
            self._cseq = CSeq(self.head.cseq_number, text_of(self.head.cseq_method))
        return self._cseq

    @property
    def top_via(self):
        cdef Cut element
        if self._via is None:
            element = first_via(&self.head, self.kept)
            self._via = make_via(element.at, element.len)
        return self._via

    @property
    def max_forwards(self):
        return None if self.head.forwards < 0 else self.head.forwards

    def header(self, str name not None):
        """Return the first header of this name, unfolded; None when there is none."""
        cdef int at = self.find(name, 0)
        return None if at < 0 else self.value(at)

    def headers(self, str name not None):
        """Return every value of a header; a list header is split at its commas."""
        cdef list values = []
        cdef int at = self.find(name, 0)
        cdef short known
        cdef bint split
        cdef Slot *slot
        if at < 0:
            return values
        known = self.head.slots[at].known
        split = known >= 0 and _is_list[known]
        while at >= 0:
            slot = &self.head.slots[at]
            if split and (
                slot.folded
                or not slot.value_len
                or memchr(self.head.data + slot.value_at, 44, slot.value_len) != NULL
            ):
                values.extend(split_list(self.value(at)))
            else:
                values.append(self.value(at))
            if known >= 0 and self.head.seen[known] == 1:
                break
            at = self.find(name, at + 1)
        return values

    def all_headers(self):
        """Return every header in order, unfolded, compact names written out."""
        cdef int at
        return [(self.name(at), self.value(at)) for at in range(self.head.count)]

    def __eq__(self, other):
        if not isinstance(other, Message):
            return NotImplemented
        return self.key() == (<Message>other).key()

    def __hash__(self):
        return hash((self.method, self.status, self.call_id, self.body))

    def __repr__(self):
        line = f"{self.method} {self.uri}" if self.head.is_request else f"{self.status} {self.reason}"
        return f"<Message {line!r} {self.call_id!r}>"

    cdef tuple key(self):
        return (self.method, self.uri, self.status, self.reason, self.all_headers(), self.body)

    cdef str name(self, int at):
        cdef Slot *slot = &self.head.slots[at]
        if slot.known >= 0:
            return header_names[slot.known]
        return PyUnicode_DecodeUTF8(self.head.data + slot.name_at, slot.name_len, "surrogateescape")

    cdef str value(self, int at):
        cdef Slot *slot = &self.head.slots[at]
        if slot.folded:
            return text_of(cut_of(&self.head, at, self.kept))
        return PyUnicode_DecodeUTF8(self.head.data + slot.value_at, slot.value_len, "surrogateescape")

    cdef int find(self, str name, int at):
        cdef object number = _numbers.get(name)
        cdef short known
        cdef bytes wanted
        if number is None:
            number = _numbers.get(name.lower(), -1)
        known = <short><int>number
        if known >= 0:
            if not self.head.seen[known]:
                return -1
            if at <= self.head.first[known]:
                return self.head.first[known]
        else:
            if not name.isascii():
                return -1
            wanted = name.encode("ascii")
        while at < self.head.count:
            if self.head.slots[at].known == known and (known >= 0 or self.is_named(at, wanted)):
                return at
            at += 1
        return -1

    cdef bint is_named(self, int at, bytes wanted):
        cdef const char *name = self.head.data + self.head.slots[at].name_at
        cdef const char *other = wanted
        cdef Py_ssize_t n
        if self.head.slots[at].name_len != len(wanted):
            return False
        for n in range(self.head.slots[at].name_len):
            if lower_byte(<unsigned char>name[n]) != lower_byte(<unsigned char>other[n]):
                return False
        return True


cdef str tag_text(Scanned *scan):
    if not scan.tag.len:
        return ""
    return unquoted(scan.tag) if scan.tag_quoted else text_of(scan.tag)


def parse(bytes data not None):
    """Parse one whole message, as a datagram carries it; see ``oracle.parse``."""
    cdef Message message = Message.__new__(Message)
    cdef const char *p = data
    cdef const char *end = p + len(data)
    message.raw = data
    message.head.data = p
    message.head.slots = message.head.inline_slots
    message.head.forwards = -1
    message.kept = []
    while end - p >= 2 and p[0] == 13 and p[1] == 10:  # RFC 3261 7.5
        p += 2
    if p == end:
        raise WireError("keep-alive", 0)
    message.head.is_request = not (
        end - p >= 4
        and lower_byte(<unsigned char>p[0]) == 115
        and lower_byte(<unsigned char>p[1]) == 105
        and lower_byte(<unsigned char>p[2]) == 112
        and p[3] == 47
    )
    try:
        fill(&message.head, p, end, message.kept)
    except WireError as error:
        if not message.head.is_request or data.startswith(b"ACK ", p - message.head.data):
            raise WireError(error.reason, 0) from None
        raise WireError(error.reason, error.status, salvage(data)) from None
    message.method = text_of(message.head.method)
    return message
