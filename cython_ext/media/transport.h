/* Transports: a port's ICE-lite agent and its DTLS association, and the thread that works them.
 *
 * The engine thread only looks at the first octet of a datagram (RFC 7983) and hands what is
 * STUN or DTLS to the handshake thread, which answers on the port's socket by itself. What it
 * finds out comes back through mailboxes that hold pointers: the path, the keys, the end. A
 * transport is made by the owner, belongs to a port from HF_SECURE on, and is retired by the
 * engine thread after the handshake thread has let it go.
 */
#ifndef HF_TRANSPORT_H
#define HF_TRANSPORT_H

#include "dtls.h"
#include "engine.h"
#include "ice.h"

#define HF_FIRST_RTP 128        /* first octets below are not RTP, RFC 7983 7 */
#define HF_HANDED_A_FRAME 8     /* datagrams of a port that are handed over in 20 ms */
#define HF_HANDED 512           /* and of all ports that may wait; a power of two */

/* Where a port sends to, on its way to the engine thread. */
typedef struct {
    hf_object head;
    hf_endpoint address;
    socklen_t length;
} hf_path;

/* The peer's description. */
typedef struct {
    int client;              /* whether we are (setup:active) */
    char ufrag[HF_ICE_TEXT]; /* of its ICE agent */
    hf_fingerprint expected[HF_DTLS_FINGERPRINTS];
    int fingerprints;
    hf_endpoint remote; /* without ICE */
    socklen_t remote_length;
} hf_peer;

typedef struct {
    _Atomic uint64_t handed, dropped, strangers, checks, refused, malformed;
} hf_transport_counts;

typedef struct hf_transport {
    hf_object head;
    hf_engine *engine;
    hf_port *port; /* of the engine thread, NULL once it is closed */
    int fd;        /* a duplicate: the port's may be closed first */
    int ice;
    /* of the handshake thread */
    hf_ice agent;
    hf_peer peer;
    int is_described, is_shaking, has_failed;
    int64_t limit; /* for the first record; 0: the peer has not shown itself */
    hf_dtls *dtls;
    hf_endpoint to; /* where DTLS is sent */
    socklen_t to_length;
    uint8_t *early; /* the last DTLS datagram that came before the peer's description */
    int early_size;
    hf_endpoint early_from;
    socklen_t early_length;
    struct hf_transport *next_shaking, *next_closed;
    /* to the engine thread */
    _Atomic(hf_path *) path;
    _Atomic(hf_keyring *) keyring;
    _Atomic int is_over, is_answered;
    struct hf_transport *next_answered, *next_finished;
    /* to the owner, under the lock of the handshakes */
    hf_ice_path chosen;
    hf_transport_counts counts;
} hf_transport;

/* Codes of HF_ON_TRANSPORT; the value is a suite or a cause. */
enum hf_transport_event { HF_ICE_SELECTED = 1, HF_KEYS_READY, HF_HANDSHAKE_FAILED, HF_PEER_CLOSED };

/* owner */
/* Without credentials: DTLS alone. After hf_handshakes_open or _start. */
hf_transport *hf_transport_new(hf_engine *engine, const hf_port *port, const hf_credentials *own);
int hf_transport_describe(hf_transport *transport, const hf_peer *peer); /* -1: no memory */
int hf_transport_restart(hf_transport *transport, const hf_credentials *own);
/* The selected address of the peer; length 0 before. */
void hf_transport_chosen(hf_transport *transport, hf_endpoint *to, socklen_t *length);
void hf_transport_free(hf_transport *transport);

/* engine thread */
void hf_transport_attach(hf_port *port, hf_transport *transport);
void hf_transport_detach(hf_engine *engine, hf_port *port);
void hf_transport_hand(hf_engine *engine, hf_port *port, const uint8_t *data, int size,
                       const hf_endpoint *from, socklen_t length);
void hf_transports_tick(hf_engine *engine); /* takes answers; wakes the handshake thread */

/* handshake thread; a test calls the round with a time of its own */
typedef struct hf_handshakes hf_handshakes;
int hf_handshakes_open(hf_engine *engine);  /* without a thread; 0 or errno */
int hf_handshakes_start(hf_engine *engine); /* and with one */
void hf_handshakes_stop(hf_engine *engine); /* every port is closed before */
int64_t hf_handshakes_round(hf_handshakes *handshakes, int64_t now); /* next deadline, 0: none */
const hf_identity *hf_handshakes_identity(const hf_engine *engine); /* the process's */
const char *hf_handshakes_fingerprint(const hf_engine *engine);
double hf_handshakes_cpu(const hf_engine *engine); /* seconds that it has computed */

/* transport.c, for handshakes.c: one transport in the handshake thread */
void hf_transport_described(hf_transport *transport, const hf_peer *peer, int64_t now);
void hf_transport_received(hf_transport *transport, const uint8_t *data, int size,
                           const hf_endpoint *from, socklen_t length, int64_t now);
void hf_transport_wake(hf_transport *transport, int64_t now);
int64_t hf_transport_deadline(const hf_transport *transport);
void hf_transport_finish(hf_transport *transport);
void hf_transport_choose(hf_transport *transport, const hf_ice_path *path);

/* mailbox.c: the engine thread shall look at a transport; retire it */
void hf_transport_tell(hf_transport *transport);
void hf_transport_let_go(hf_transport *transport);
void hf_handshakes_nudge(hf_handshakes *handshakes); /* by the engine thread, once a tick */

#endif
