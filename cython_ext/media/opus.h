/* Opus (RFC 6716) at the engine's rate, coded by the system's libopus.
 *
 * The library is loaded when the first leg is to be transcoded, so a machine without it lacks
 * only that. It decodes every bandwidth to 8 kHz and codes from 8 kHz; for a wide tap another
 * decoder decodes to 16 kHz. Without a coder Opus only passes: nothing here but
 * hf_opus_samples is used then.
 */
#ifndef HF_OPUS_H
#define HF_OPUS_H

#include <stdint.h>

typedef struct {
    void *decoder, *encoder; /* behind this struct, in one piece of memory */
    int rate;                /* of the decoder, in samples a second */
    int heard_samples;       /* of the packet decoded last */
    int made_up;             /* samples since, for which no packet came */
    int resting;             /* the far end has stopped sending on purpose (DTX) */
    int stale;               /* packets went by that were not decoded */
    int passed;              /* what was sent last was another encoder's */
} hf_opus;

int hf_opus_load(void); /* -1: there is no libopus; not by the engine thread */
hf_opus *hf_opus_new(void); /* NULL: no memory, or nothing is loaded */
hf_opus *hf_opus_new_wide(void); /* only decodes, to 16 kHz */
/* Samples of 8 kHz in a packet, by RFC 6716 3.1 and 3.2; 0 for what is no packet. */
int hf_opus_samples(const uint8_t *packet, int octets);
/* Returns samples of the decoder's rate, 0 for what cannot be decoded; ``out`` has room for
 * 60 ms. */
int hf_opus_decode(hf_opus *opus, const uint8_t *in, int octets, int16_t *out);
/* Makes up what a lost packet held, from the copy in its successor when that is given. */
void hf_opus_conceal(hf_opus *opus, const uint8_t *next, int octets, int16_t *out, int samples);
/* Samples are 10, 20, 40 or 60 ms; returns octets, 0 when it fails. */
int hf_opus_encode(hf_opus *opus, const int16_t *in, int samples, uint8_t *out, int room);
/* The longest that is coded as one packet and no longer than asked for. */
int hf_opus_packet(int samples);

#endif
