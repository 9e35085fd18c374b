/* What a stream's octets are: one face over G.711, G.722, linear, Opus and what only passes. */
#ifndef HF_CODEC_H
#define HF_CODEC_H

#include <stdint.h>

#include "g711.h"
#include "g722.h"
#include "opus.h"

/* What a codec remembers between packets; each NULL until a stream needs it. */
typedef struct {
    hf_g722 *g722;
    hf_opus *opus; /* without it Opus passes and is never heard here */
} hf_coders;

/* Octets are samples << shift; 0 for codecs whose packets have no fixed size. */
int hf_codec_shift(int law);
int hf_codec_is_opaque(int law, const hf_coders *with); /* passes, is never heard here */
int hf_codec_clock(int law);     /* RTP timestamp steps in one sample of 8 kHz */
/* Returns samples; at most ``octets``, of Opus 480. Of G.722 ``wide``, unless NULL, gets twice as
 * many of 16 kHz. */
int hf_codec_decode(int law, const hf_coders *with, const uint8_t *in, int octets, int16_t *out,
                    int16_t *wide);
/* Returns octets; Opus is coded by packets (hf_opus_encode). */
int hf_codec_encode(int law, const hf_coders *with, const int16_t *in, int samples, uint8_t *out);
/* Samples that a packet holds when ``wanted`` are asked for and ``most`` octets fit. */
int hf_codec_packet(int law, const hf_coders *with, int wanted, int most);

#endif
