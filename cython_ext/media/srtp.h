/* SRTP and SRTCP (RFC 3711, AES-GCM by RFC 7714) over OpenSSL's libcrypto; one direction a
 * context. After it is made nothing is allocated. */
#ifndef HF_SRTP_H
#define HF_SRTP_H

#include <stdint.h>

enum hf_suite { HF_NO_SUITE, HF_AES_CM_80, HF_AES_CM_32, HF_AES_GCM_128 };

#define HF_SRTP_KEY 16
#define HF_SRTP_MOST 30    /* octets of the longest master key and salt */
#define HF_SRTP_TRAILER 20 /* octets that protecting may add: tag, and index in SRTCP */

typedef struct hf_srtp hf_srtp;

enum hf_srtp_fault { HF_SRTP_SHORT = -1, HF_SRTP_FORGED = -2, HF_SRTP_REPLAYED = -3 };

/* Octets of master key and salt together; 0 for no suite. */
int hf_srtp_key_length(enum hf_suite suite);
/* Key and salt of ``hf_srtp_key_length`` octets; NULL when libcrypto refuses. */
hf_srtp *hf_srtp_new(enum hf_suite suite, const uint8_t *key_and_salt);
void hf_srtp_free(hf_srtp *srtp);
/* Of the same key: goes on with the indices, as the other direction's new key must not stop. */
void hf_srtp_continue(hf_srtp *made, const hf_srtp *before);

/* In place; the new size. There must be room for the trailer. */
int hf_srtp_protect(hf_srtp *srtp, uint8_t *packet, int size);
int hf_srtcp_protect(hf_srtp *srtp, uint8_t *packet, int size);
/* In place; the new size or a fault, which leaves the packet without a meaning. */
int hf_srtp_unprotect(hf_srtp *srtp, uint8_t *packet, int size);
int hf_srtcp_unprotect(hf_srtp *srtp, uint8_t *packet, int size);

/* Session keys of RFC 3711 4.3, for the tests: label 0 to 5. */
void hf_srtp_derive(enum hf_suite suite, const uint8_t *key_and_salt, int label, uint8_t *out,
                    int length);

#endif
