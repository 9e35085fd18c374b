"""Datagrams by recvmmsg(2) and sendto(2). Same answers as ``oracle.py``.

The interpreter is not let go meanwhile: neither call waits.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN, EINTR, errno
from libc.string cimport memset

import os
import socket

from cython_ext.datagrams.oracle import AT_ONCE, LARGEST, SOURCES_KEPT

cdef extern from "sys/socket.h" nogil:
    struct iovec:
        void *iov_base
        size_t iov_len
    struct sockaddr:
        pass
    struct sockaddr_storage:
        unsigned short ss_family
    struct msghdr:
        void *msg_name
        unsigned int msg_namelen
        iovec *msg_iov
        size_t msg_iovlen
    struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    int MSG_DONTWAIT
    int MSG_NOSIGNAL
    int AF_INET
    int AF_INET6
    int recvmmsg(int fd, mmsghdr *messages, unsigned int count, int flags, void *timeout)
    ssize_t sendto(int fd, const void *data, size_t n, int flags, const sockaddr *to, unsigned int m)

cdef extern from "netinet/in.h" nogil:
    struct in_addr:
        pass
    struct sockaddr_in:
        unsigned short sin_family
        unsigned short sin_port
        in_addr sin_addr
    struct in6_addr:
        pass
    struct sockaddr_in6:
        unsigned short sin6_family
        unsigned short sin6_port
        in6_addr sin6_addr

cdef extern from "arpa/inet.h" nogil:
    unsigned short htons(unsigned short port)
    unsigned short ntohs(unsigned short port)
    int inet_pton(int family, const char *text, void *place)
    const char *inet_ntop(int family, const void *place, char *text, unsigned int room)

cdef enum:
    MOST = 16
    ROOM = 65536
    HOST = 64  # letters of an address

cdef int _most = min(AT_ONCE, MOST)
cdef int _largest = min(LARGEST, ROOM)
cdef Py_ssize_t _kept = SOURCES_KEPT
# One for all sockets: what is received is copied before anything of Python runs.
cdef char _room[MOST][ROOM]
cdef iovec _pieces[MOST]
cdef sockaddr_storage _names[MOST]
cdef mmsghdr _messages[MOST]


cdef class Datagrams:
    """A bound UDP socket without waiting; ``place`` makes what stands for a source."""

    cdef object sock  # kept open as long as we are
    cdef object place
    cdef int fd
    cdef int family
    cdef dict sources  # by the bytes of the address
    cdef dict places  # the bytes of the address, by host and port

    def __init__(self, sock, place):
        self.sock = sock
        self.place = place
        self.fd = sock.fileno()
        self.family = sock.family
        self.sources = {}
        self.places = {}

    def receive(self):
        """Datagrams that have come, and from where; see ``oracle.py``."""
        cdef list found = []
        cdef list names = []
        cdef int at
        cdef int count
        cdef bytes name
        cdef object source
        for at in range(_most):
            _pieces[at].iov_base = &_room[at][0]
            _pieces[at].iov_len = _largest
            memset(&_messages[at], 0, sizeof(mmsghdr))
            _messages[at].msg_hdr.msg_name = &_names[at]
            _messages[at].msg_hdr.msg_namelen = sizeof(sockaddr_storage)
            _messages[at].msg_hdr.msg_iov = &_pieces[at]
            _messages[at].msg_hdr.msg_iovlen = 1
        count = recvmmsg(self.fd, _messages, _most, MSG_DONTWAIT, NULL)
        if count < 0:
            if errno == EAGAIN or errno == EINTR:
                return found
            raise OSError(errno, os.strerror(errno))
        for at in range(count):
            found.append(PyBytes_FromStringAndSize(&_room[at][0], _messages[at].msg_len))
            names.append(
                PyBytes_FromStringAndSize(<char *>&_names[at], _messages[at].msg_hdr.msg_namelen)
            )
        for at in range(count):
            name = <bytes>names[at]
            source = self.sources.get(name)
            if source is None:
                if len(self.sources) >= _kept:
                    self.sources.clear()
                source = self.sources[name] = self.named(name)
            found[at] = (found[at], source)
        return found

    def send(self, bytes data not None, str host not None, int port):
        """Send one; see ``oracle.py``."""
        cdef tuple key = (host, port)
        cdef object known = self.places.get(key)
        cdef bytes name
        if known is None:
            if len(self.places) >= _kept:
                self.places.clear()
            known = self.places[key] = self.written(host, port)
        name = <bytes>known
        while True:
            if sendto(
                self.fd, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data),
                MSG_DONTWAIT | MSG_NOSIGNAL,
                <const sockaddr *>PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name),
            ) >= 0:
                return True
            if errno == EAGAIN:
                return False
            if errno != EINTR:
                raise OSError(errno, os.strerror(errno))

    cdef object named(self, bytes name):
        cdef char text[HOST]
        cdef char *at = PyBytes_AS_STRING(name)
        cdef sockaddr_in *four = <sockaddr_in *>at
        cdef sockaddr_in6 *six = <sockaddr_in6 *>at
        if self.family == AF_INET6:
            inet_ntop(AF_INET6, &six.sin6_addr, text, HOST)
            return self.place(text.decode("ascii"), ntohs(six.sin6_port))
        inet_ntop(AF_INET, &four.sin_addr, text, HOST)
        return self.place(text.decode("ascii"), ntohs(four.sin_port))

    cdef bytes written(self, str host, int port):
        cdef sockaddr_in four
        cdef sockaddr_in6 six
        cdef bytes text = host.encode("ascii", "replace")
        if b"\0" in text:
            raise OSError(22, "an address with a zero in it")
        if not 0 <= port <= 65535:
            raise OverflowError("port must be 0-65535.")
        if self.family == AF_INET6:
            memset(&six, 0, sizeof(six))
            six.sin6_family = AF_INET6
            six.sin6_port = htons(port)
            if inet_pton(AF_INET6, text, &six.sin6_addr) != 1:
                raise OSError(22, f"{host[:64]!r} is no address of IPv6")
            return (<char *>&six)[: sizeof(six)]
        memset(&four, 0, sizeof(four))
        four.sin_family = AF_INET
        four.sin_port = htons(port)
        if inet_pton(AF_INET, text, &four.sin_addr) != 1:
            raise OSError(22, f"{host[:64]!r} is no address of IPv4")
        return (<char *>&four)[: sizeof(four)]
