/* DTLS 1.2 for the keys of SRTP (RFC 5764) over OpenSSL's libssl: datagrams in, datagrams out.
 * No sockets and no threads here. Deadlines are times that the caller passes in; how much of a
 * retransmission timer is left libssl reads from the system's clock. */
#ifndef HF_DTLS_H
#define HF_DTLS_H

#include <stdint.h>

#include "srtp.h"

#define HF_DTLS_LARGEST 1500    /* octets of a datagram that is read */
#define HF_DTLS_MTU 1200        /* octets of one that is sent, without IP and UDP */
#define HF_DTLS_FINGERPRINTS 4
#define HF_DTLS_FINGERPRINT 96  /* octets of "AB:CD:...", SHA-256, with the end */

typedef struct hf_identity hf_identity; /* the process's certificate and what goes with it */
typedef struct hf_dtls hf_dtls;

/* RFC 8122: a digest of the certificate; the size says which: 32, 48 or 64 octets of SHA-2. */
typedef struct {
    int size;
    uint8_t digest[64];
} hf_fingerprint;

enum hf_dtls_state { HF_DTLS_SHAKING, HF_DTLS_DONE, HF_DTLS_FAILED, HF_DTLS_CLOSED };
enum hf_dtls_cause { HF_DTLS_NO_CAUSE, HF_DTLS_TIMEOUT, HF_DTLS_WRONG_CERTIFICATE,
                     HF_DTLS_NO_PROFILE, HF_DTLS_ALERT, HF_DTLS_PROTOCOL };

/* How an association is to be made. */
typedef struct {
    int client;
    int cookies; /* a server asks for a cookie first: the address is not proven otherwise */
    hf_fingerprint expected[HF_DTLS_FINGERPRINTS]; /* any of them is the peer's */
    int fingerprints;
    void (*send)(void *context, const uint8_t *data, int size);
    void *context;
} hf_dtls_setup;

/* A P-256 key and its certificate, made for this process; NULL when libcrypto refuses. */
hf_identity *hf_identity_new(void);
void hf_identity_free(hf_identity *identity);
const char *hf_identity_fingerprint(const hf_identity *identity); /* of SHA-256 */

hf_dtls *hf_dtls_new(const hf_identity *identity, const hf_dtls_setup *setup, int64_t now);
void hf_dtls_free(hf_dtls *dtls); /* with a close_notify when it is up */
/* A datagram; ``from`` are the octets that a cookie vouches for. */
void hf_dtls_receive(hf_dtls *dtls, const uint8_t *data, int size, const void *from,
                     int from_size, int64_t now);
void hf_dtls_wake(hf_dtls *dtls, int64_t now);     /* when the deadline has come */
int64_t hf_dtls_deadline(const hf_dtls *dtls);     /* ns, 0: none */
enum hf_dtls_state hf_dtls_state(const hf_dtls *dtls);
/* Whether a server that wants cookies has got one: it is in a handshake with its address. */
int hf_dtls_is_invited(const hf_dtls *dtls);
enum hf_dtls_cause hf_dtls_cause(const hf_dtls *dtls);
/* The keys, each "key and salt" as hf_srtp_new wants them; HF_NO_SUITE before they exist. */
enum hf_suite hf_dtls_keys(const hf_dtls *dtls, uint8_t in[HF_SRTP_MOST],
                           uint8_t out[HF_SRTP_MOST]);

#endif
