/* Hash chain of a recording: a link a second over the octets of its samples. */
#ifndef HF_CHAIN_H
#define HF_CHAIN_H

#include <stddef.h>
#include <stdint.h>

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

typedef struct {
    uint8_t link[32];
    uint32_t seconds;
    SHA256_CTX open; /* of the second that is not whole yet */
    uint32_t open_octets;
} hf_chain;

void hf_chain_begin(hf_chain *chain);
/* Appends octets; whole seconds become lines "second digest paused-ms" in ``fd``. 0 or errno. */
int hf_chain_add(hf_chain *chain, int fd, int second, const uint8_t *data, size_t size,
                 uint32_t paused_ms);
int hf_chain_end(hf_chain *chain, int fd, uint32_t paused_ms); /* the rest, and "end" */

#endif
