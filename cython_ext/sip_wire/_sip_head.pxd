# The face of the head: its table of offsets.

from cython_ext.sip_wire._sip_scan cimport Cut, Scanned

cdef enum:
    VIA
    FROM
    TO
    CALL_ID
    CSEQ
    MAX_FORWARDS
    CONTENT_LENGTH
    CONTENT_TYPE

cdef enum:
    INLINE = 32
    MOST_HEADERS = 256
    MOST_BYTES = 65535
    TABLE = 512
    NAMES = 80  # at least as many as header_names has

cdef struct Slot:
    int name_at
    int name_len
    int value_at
    int value_len
    short known  # its number in header_names, -1 for a name we do not know
    bint folded

cdef struct Head:
    const char *data
    Slot inline_slots[INLINE]
    Slot *slots  # the ones inside, or 256 of our own when those are too few
    int count
    short first[NAMES]
    unsigned char seen[NAMES]  # how often, and 2 for more than that
    bint is_request
    int status
    Cut method
    Cut uri
    Cut reason
    Cut body
    Cut cseq_method
    Scanned from_scan
    Scanned to_scan
    unsigned int cseq_number
    int forwards

cdef Cut cut_of(Head *head, int at, list kept)
cdef Cut first_via(Head *head, list kept)
cdef int fill(Head *head, const char *p, const char *end, list kept) except -1
