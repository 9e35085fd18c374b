/* ICE-lite (RFC 8445): answers the checks of a full agent, which is always the controlling one,
 * and learns from them where the peer is. No input or output here; times are arguments. */
#ifndef HF_ICE_H
#define HF_ICE_H

#include <stdint.h>

#include "stun.h"

#define HF_ICE_TEXT 257 /* ufrag and password have 256 characters at most (RFC 8839 5.4) */
#define HF_ICE_PATHS 8  /* addresses that may have proved themselves */

typedef struct {
    char ufrag[HF_ICE_TEXT], password[HF_ICE_TEXT];
} hf_credentials;

typedef struct {
    hf_endpoint address;
    socklen_t length;
    uint32_t priority;
    int64_t nominated_at; /* ns, 0: never */
} hf_ice_path;

typedef struct {
    hf_credentials own, before; /* before: still answered after a restart */
    char peer[HF_ICE_TEXT];     /* ufrag; empty until the peer's description is here */
    hf_ice_path paths[HF_ICE_PATHS];
    int count, next;            /* of paths; the place that is given up next */
    int selected;               /* index of the nominated one, -1: none */
    uint64_t checks, refused, malformed;
} hf_ice;

void hf_ice_reset(hf_ice *ice, const hf_credentials *own);
/* New credentials: the path stays until another one is nominated (RFC 8445 9). */
void hf_ice_restart(hf_ice *ice, const hf_credentials *own);
/* A STUN datagram. Writes an answer (its size is returned, 0: none); ``moved`` becomes 1 when
 * another address is the selected one now. */
int hf_ice_receive(hf_ice *ice, const uint8_t *data, int size,
                   const hf_endpoint *from, socklen_t length, int64_t now,
                   uint8_t answer[HF_STUN_ANSWER], int *moved);
/* Whether an authenticated check came from the address. */
int hf_ice_is_proven(const hf_ice *ice, const hf_endpoint *from);
const hf_ice_path *hf_ice_selected(const hf_ice *ice); /* NULL: none yet */

#endif
