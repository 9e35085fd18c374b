# The face of the scanners: what they find, and the byte classes (inline in each user).

cdef enum:
    FINE
    NAME_ADDR
    DISPLAY
    BRACKETS
    URI
    PARAMETER
    QUOTE
    HOST
    PORT
    VIA

cdef struct Cut:
    # A piece of somebody else's buffer.
    const char *at
    Py_ssize_t len

cdef struct Scanned:
    # What a name-addr scan found; all cuts lie in the scanned buffer.
    Cut display
    Cut uri
    Cut params
    bint quoted
    Cut tag
    bint tag_quoted

cdef struct ScannedVia:
    Cut transport
    Cut host
    int port
    Cut params


cdef inline bint is_token_byte(unsigned char c) noexcept nogil:
    # Bit n stands for character n: the token characters of RFC 3261 25.1.
    if c < 64:
        return (0x03ff6ca200000000ULL >> c) & 1
    if c < 128:
        return (0x47ffffff87fffffeULL >> (c - 64)) & 1
    return False


cdef inline unsigned char lower_byte(unsigned char c) noexcept nogil:
    return c + 32 if 65 <= c <= 90 else c


cdef inline bint is_blank(char c) noexcept nogil:
    return c == 32 or c == 9


cdef inline Cut stripped(const char *at, Py_ssize_t n) noexcept nogil:
    cdef Cut cut
    while n and is_blank(at[0]):
        at += 1
        n -= 1
    while n and is_blank(at[n - 1]):
        n -= 1
    cut.at = at
    cut.len = n
    return cut


cdef inline bint is_value_byte(unsigned char c) noexcept nogil:
    return c > 32 and c != 127 and c != 59 and c != 44 and c != 34 and c != 60 and c != 62


cdef inline bint is_tag(Cut name) noexcept nogil:
    return (
        name.len == 3
        and lower_byte(<unsigned char>name.at[0]) == 116
        and lower_byte(<unsigned char>name.at[1]) == 97
        and lower_byte(<unsigned char>name.at[2]) == 103
    )


cdef inline bint is_alpha(unsigned char c) noexcept nogil:
    return 97 <= lower_byte(c) <= 122


cdef inline bint is_digit(unsigned char c) noexcept nogil:
    return 48 <= c <= 57


cdef object wire_error(int fault)
cdef str text_of(Cut cut)
cdef str unquoted(Cut cut)
cdef Py_ssize_t after_quoted(const char *p, Py_ssize_t n, Py_ssize_t at) noexcept nogil
cdef bint next_element(const char **at, const char *end, Cut *element) noexcept nogil
cdef Py_ssize_t scheme_length(Cut uri) noexcept nogil
cdef bint is_uri(Cut uri) noexcept nogil
cdef int scan_name_addr(const char *p, Py_ssize_t n, Scanned *found) noexcept nogil
cdef Py_ssize_t third_colon(Cut host) noexcept nogil
cdef object host_text(Cut host)
cdef int scan_host(const char *p, Py_ssize_t n, bint blanks, Cut *host, int *port) noexcept nogil
cdef int scan_via(const char *p, Py_ssize_t n, ScannedVia *found) noexcept nogil
cdef int scan_params(Cut text, Scanned *found, dict out) except -1
