/* STUN messages as ICE needs them (RFC 8489, RFC 8445 7.1 and 7.3): binding requests are read,
 * answers are written. No input or output here. */
#ifndef HF_STUN_H
#define HF_STUN_H

#include <stdint.h>

#include "endpoint.h"

#define HF_STUN_LARGEST 1280 /* octets that are looked at: ICE stays below the usual MTU */
#define HF_STUN_ANSWER 256   /* octets of the longest answer */
#define HF_STUN_UNKNOWN 8    /* unknown attributes that an answer names at most */

enum hf_stun_class { HF_STUN_REQUEST, HF_STUN_INDICATION, HF_STUN_SUCCESS, HF_STUN_ERROR };
enum hf_stun_code { HF_STUN_OK = 0, HF_STUN_BAD = 400, HF_STUN_UNAUTHENTIC = 401,
                    HF_STUN_UNKNOWN_ATTRIBUTE = 420, HF_STUN_ROLE_CONFLICT = 487 };

typedef struct {
    enum hf_stun_class class;
    int method; /* 1: binding */
    const uint8_t *transaction; /* 12 octets */
    const uint8_t *username;    /* NULL: none */
    int username_length;
    const uint8_t *integrity;   /* the attribute, head included; NULL: none */
    int has_fingerprint, use_candidate, controlled;
    uint32_t priority;          /* 0: none */
    uint16_t unknown[HF_STUN_UNKNOWN];
    int unknowns;
} hf_stun;

/* Whether a datagram claims to be STUN: the first bits and the magic cookie (RFC 8489 5). */
int hf_stun_claimed(const uint8_t *data, int size);
/* -1: malformed, or its FINGERPRINT is wrong. ``out`` points into ``data``. */
int hf_stun_parse(const uint8_t *data, int size, hf_stun *out);
/* Whether MESSAGE-INTEGRITY is that of the password (short-term credentials, 9.1). */
int hf_stun_is_sealed(const uint8_t *data, const hf_stun *message, const char *password);
/* The answer to a request: to whom, why not (HF_STUN_OK: success with XOR-MAPPED-ADDRESS);
 * without a password it carries no integrity. Returns its size. */
int hf_stun_answer(uint8_t out[HF_STUN_ANSWER], const hf_stun *request, enum hf_stun_code code,
                   const hf_endpoint *to, const char *password);
/* Ends a message of ``at`` octets with integrity (unless without a password), fingerprint and
 * its length; there must be room for 32 octets more. Returns its size. */
int hf_stun_end(uint8_t *out, int at, const char *password);

#endif
