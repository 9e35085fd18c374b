"""ICE and DTLS of the C engine (transport.h)."""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy, memset

from cython_ext.media._engine cimport (hf_address, hf_endpoint, hf_engine, hf_object,
                                       hf_port, socklen_t)


cdef extern from "netinet/in.h":
    int AF_INET, AF_INET6
    enum: INET6_ADDRSTRLEN
    unsigned short ntohs(unsigned short value)
    unsigned short htons(unsigned short value)


cdef extern from "arpa/inet.h":
    const char *inet_ntop(int family, const void *address, char *out, socklen_t size)


cdef extern from "transport.h":
    enum: HF_ICE_TEXT, HF_DTLS_FINGERPRINTS
    enum: HF_SECURE, HF_ON_TRANSPORT
    ctypedef struct hf_credentials:
        char ufrag[257]
        char password[257]

    ctypedef struct hf_fingerprint:
        int size
        uint8_t digest[64]

    ctypedef struct hf_peer:
        int client, fingerprints
        char ufrag[257]
        hf_fingerprint expected[4]
        hf_endpoint remote
        socklen_t remote_length

    ctypedef struct hf_transport_counts:
        uint64_t handed, dropped, strangers, checks, refused, malformed

    ctypedef struct hf_transport:
        hf_object head
        hf_transport_counts counts

    const char *hf_handshakes_fingerprint(const hf_engine *engine)
    int hf_handshakes_start(hf_engine *engine)
    double hf_handshakes_cpu(const hf_engine *engine)
    hf_transport *hf_transport_new(hf_engine *engine, const hf_port *port,
                                   const hf_credentials *own)
    int hf_transport_describe(hf_transport *transport, const hf_peer *peer)
    int hf_transport_restart(hf_transport *transport, const hf_credentials *own)
    void hf_transport_chosen(hf_transport *transport, hf_endpoint *to, socklen_t *length)


cdef inline int put_text(char *out, str text) except -1:
    """A text of at most 256 octets, as RFC 8839 5.4 limits both."""
    cdef bytes raw = text.encode()
    if len(raw) >= HF_ICE_TEXT:
        raise ValueError(f"{len(raw)} characters are too many for ICE")
    memset(out, 0, HF_ICE_TEXT)
    memcpy(out, <const char *>raw, len(raw))
    return 0


cdef inline int put_credentials(hf_credentials *out, str ufrag, str password) except -1:
    put_text(out.ufrag, ufrag)
    return put_text(out.password, password)


cdef inline int fill_peer(hf_peer *out, str ufrag, list digests, str host, int port,
                          bint client) except -1:
    cdef bytes digest
    memset(out, 0, sizeof(hf_peer))
    put_text(out.ufrag, ufrag)
    if host and hf_address(host.encode(), port, &out.remote, &out.remote_length) < 0:
        raise ValueError(f"{host!r} is no IP address")
    for at, digest in enumerate(digests[:HF_DTLS_FINGERPRINTS]):
        out.expected[<int>at].size = len(digest)
        memcpy(out.expected[<int>at].digest, <const char *>digest, min(len(digest), 64))
    out.fingerprints = min(len(digests), HF_DTLS_FINGERPRINTS)
    out.client = client
    return 0


cdef inline tuple host_and_port(const hf_endpoint *at):
    cdef char host[INET6_ADDRSTRLEN]
    inet_ntop(at.family, (<const void *>&at.four.sin_addr if at.family == AF_INET
                          else <const void *>&at.six.sin6_addr), host, INET6_ADDRSTRLEN)
    return (<bytes>host).decode(), <int>ntohs(at.four.sin_port)


cdef inline tuple figures_of_transport(hf_transport *transport):
    cdef hf_endpoint to
    cdef socklen_t length
    counts = &transport.counts
    found = {
        "ice_checks": float(counts.checks), "ice_refused": float(counts.refused),
        "ice_malformed": float(counts.malformed), "handshake_packets": float(counts.handed),
        "handshake_dropped": float(counts.dropped), "handshake_foreign": float(counts.strangers),
    }
    hf_transport_chosen(transport, &to, &length)
    if length == 0:
        return found, "", 0
    return found, *host_and_port(&to)
