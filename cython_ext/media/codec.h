/* What a stream's octets are: one face over G.711, G.722, linear and what only passes. */
#ifndef HF_CODEC_H
#define HF_CODEC_H

#include <stdint.h>

#include "g711.h"
#include "g722.h"

/* Octets are samples << shift; 0 for codecs whose packets have no fixed size. */
int hf_codec_shift(int law);
int hf_codec_is_opaque(int law); /* Opus: passes, is never heard here */
int hf_codec_clock(int law);     /* RTP timestamp steps in one sample of 8 kHz */
/* Returns samples; at most ``octets``. The state may be NULL but for G.722. */
int hf_codec_decode(int law, hf_g722 *g722, const uint8_t *in, int octets, int16_t *out);
/* Returns octets. */
int hf_codec_encode(int law, hf_g722 *g722, const int16_t *in, int samples, uint8_t *out);

#endif
