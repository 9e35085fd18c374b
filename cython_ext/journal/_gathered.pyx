"""Records of the journal, compiled: into one buffer, and out of a file. Same as ``oracle.py``.

A record has some two hundred bytes, and a call writes fifty: in Python its header, its checksum in
two steps and the pieces that wait cost more than what they are made for. A start, and whoever
makes a checkpoint, reads a hundred thousand.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(str text, Py_ssize_t *size) except NULL
    str PyUnicode_DecodeUTF8(const char *text, Py_ssize_t size, const char *errors)

cdef enum:
    HEADER = 25  # bytes before the kind
    AFTER_CRC = 8  # where the bytes begin that the checksum is of
    LARGEST_BODY = 64 * 1024 * 1024
    LARGEST_PAYLOAD = LARGEST_BODY - 256
    ROOM = 4096  # most turns of the loop write less
    KEPT = 512 * 1024  # a snapshot's room is given back

cdef uint32_t POLYNOMIAL = <uint32_t>3988292384  # 0xEDB88320: that of IEEE 802.3, reflected
cdef uint32_t[8][256] _table  # [n][byte]: the CRC-32 of a byte with n zeros behind it


cdef void make_tables() noexcept nogil:
    cdef uint32_t byte, crc
    cdef int bit, zeros
    for byte in range(256):
        crc = byte
        for bit in range(8):
            crc = (crc >> 1) ^ (POLYNOMIAL * (crc & 1))
        _table[0][byte] = crc
    for byte in range(256):
        for zeros in range(1, 8):
            crc = _table[zeros - 1][byte]
            _table[zeros][byte] = (crc >> 8) ^ _table[0][crc & 0xFF]


cdef inline uint32_t u32_at(const uint8_t *at) noexcept nogil:
    return at[0] | <uint32_t>at[1] << 8 | <uint32_t>at[2] << 16 | <uint32_t>at[3] << 24


cdef inline uint64_t u64_at(const uint8_t *at) noexcept nogil:
    return u32_at(at) | <uint64_t>u32_at(at + 4) << 32


cdef inline void put_u32(uint8_t *at, uint32_t value) noexcept nogil:
    at[0] = value & 0xFF
    at[1] = (value >> 8) & 0xFF
    at[2] = (value >> 16) & 0xFF
    at[3] = value >> 24


cdef inline void put_u64(uint8_t *at, uint64_t value) noexcept nogil:
    put_u32(at, <uint32_t>value)
    put_u32(at + 4, <uint32_t>(value >> 32))


cdef uint32_t checksum(const uint8_t *at, Py_ssize_t left) noexcept nogil:
    """CRC-32 as zlib has it, eight bytes at once."""
    cdef uint32_t crc = 0xFFFFFFFF, low, high
    while left >= 8:
        low = crc ^ u32_at(at)
        high = u32_at(at + 4)
        crc = (
            _table[7][low & 0xFF]
            ^ _table[6][(low >> 8) & 0xFF]
            ^ _table[5][(low >> 16) & 0xFF]
            ^ _table[4][low >> 24]
            ^ _table[3][high & 0xFF]
            ^ _table[2][(high >> 8) & 0xFF]
            ^ _table[1][(high >> 16) & 0xFF]
            ^ _table[0][high >> 24]
        )
        at += 8
        left -= 8
    while left > 0:
        crc = (crc >> 8) ^ _table[0][(crc ^ at[0]) & 0xFF]
        at += 1
        left -= 1
    return ~crc


make_tables()


def record_at(bytes data not None, Py_ssize_t start):
    """Number, kind, payload and time of the record at a place, and where the next one begins.

    None when it is torn or damaged, or nothing is there.
    """
    cdef const uint8_t *at
    cdef Py_ssize_t left = PyBytes_GET_SIZE(data), length, named
    cdef uint64_t moment
    cdef double when
    cdef str kind
    if start < 0 or left - start < HEADER:
        return None
    at = <const uint8_t *>PyBytes_AS_STRING(data) + start
    left -= start
    length = u32_at(at)
    named = at[24]
    if length > LARGEST_BODY or named > length or length > left - HEADER:
        return None
    if checksum(at + AFTER_CRC, HEADER - AFTER_CRC + length) != u32_at(at + 4):
        return None
    try:
        kind = PyUnicode_DecodeUTF8(<const char *>at + HEADER, named, NULL)
    except UnicodeDecodeError:
        return None
    moment = u64_at(at + 16)
    memcpy(&when, &moment, 8)
    payload = PyBytes_FromStringAndSize(<const char *>at + HEADER + named, length - named)
    return u64_at(at + 8), kind, payload, when, start + HEADER + length


@cython.final
cdef class Gathered:
    """Records that wait to be written, in order; the files' form is in the docs of the journal."""

    cdef uint8_t *_at
    cdef Py_ssize_t _room
    cdef readonly Py_ssize_t size
    cdef public uint64_t last

    def __init__(self, uint64_t last=0):
        self.last = last

    def __dealloc__(self):
        free(self._at)

    def add(self, str kind not None, bytes payload not None, double at):
        """Take one record and return its number; ValueError when kind or payload is too long."""
        cdef Py_ssize_t named = 0, length = PyBytes_GET_SIZE(payload)
        cdef const char *name = PyUnicode_AsUTF8AndSize(kind, &named)
        cdef uint8_t *head
        cdef uint64_t number = self.last + 1, moment
        if not 0 < named < 256 or length > LARGEST_PAYLOAD:
            raise ValueError("kind or payload too long")
        if number == 0:
            raise ValueError("no number is left")
        if self._room - self.size < HEADER + named + length:
            self._grow(self.size + HEADER + named + length)
        head = self._at + self.size
        memcpy(&moment, &at, 8)
        put_u32(head, <uint32_t>(named + length))
        put_u64(head + 8, number)
        put_u64(head + 16, moment)
        head[24] = <uint8_t>named
        memcpy(head + HEADER, name, named)
        memcpy(head + HEADER + named, PyBytes_AS_STRING(payload), length)
        put_u32(head + 4, checksum(head + AFTER_CRC, HEADER - AFTER_CRC + named + length))
        self.size += HEADER + named + length
        self.last = number
        return number

    def held(self):
        """All that waits."""
        return PyBytes_FromStringAndSize(<const char *>self._at, self.size)

    def clear(self):
        """Forget what waits: it is written, or lost; its numbers stay used."""
        self.size = 0
        if self._room > KEPT:
            free(self._at)
            self._at = NULL
            self._room = 0

    cdef int _grow(self, Py_ssize_t needed) except -1:
        cdef Py_ssize_t room = max(self._room, ROOM)
        cdef void *grown
        while room < needed:
            room *= 2
        grown = realloc(self._at, room)
        if grown == NULL:
            raise MemoryError
        self._at = <uint8_t *>grown
        self._room = room
        return 0
