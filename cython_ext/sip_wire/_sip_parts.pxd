# Shared with the message parser.

cdef object make_via(const char *p, Py_ssize_t n)
