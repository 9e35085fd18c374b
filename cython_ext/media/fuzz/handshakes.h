/* See handshakes.c; ``fuzz.c`` draws the numbers and changes the octets. */
#ifndef HF_FUZZ_HANDSHAKES_H
#define HF_FUZZ_HANDSHAKES_H

#include <stdint.h>

void fuzz_handshakes_open(void);
void fuzz_handshakes_close(void);
int fuzz_check(uint8_t *data, uint32_t random); /* a good connectivity check; its size */
void fuzz_stun(const uint8_t *data, int size, uint32_t random);
void fuzz_dtls(int (*mutate)(uint8_t *, int), uint32_t (*draw)(void)); /* a whole handshake */

#endif
