/* G.722, 64 kbit/s sub-band ADPCM, as an engine of 8 kHz uses it: the lower band is its
 * audio, the higher one is sent empty. Streams that pass untouched keep both, and who wants
 * 16 kHz hears both. */
#ifndef HF_G722_H
#define HF_G722_H

#include <stdint.h>

typedef struct {
    int s, sp, sz, nb, det;
    int r[3], a[3], p[3];
    int d[7], b[7];
} hf_band;

typedef struct {
    hf_band heard;     /* lower band, decoded */
    hf_band low, high; /* encoded */
} hf_g722;

/* What hears the higher band beside a decoder of the lower one. */
typedef struct {
    hf_band band;
    int past[24]; /* sums and differences of both bands, newest last: sum, difference, ... */
} hf_g722_upper;

void hf_g722_reset(hf_g722 *g722);
/* An octet is two samples of 16 kHz, so one of 8 kHz. */
void hf_g722_decode(hf_g722 *g722, const uint8_t *in, int count, int16_t *out);
void hf_g722_encode(hf_g722 *g722, const int16_t *in, int count, uint8_t *out);
/* Both bands, each of half the amplitude; ``high`` NULL: empty. */
void hf_g722_encode_bands(hf_g722 *g722, const int16_t *low, const int16_t *high, int count,
                          uint8_t *out);

void hf_g722_upper_reset(hf_g722_upper *upper);
/* Two samples of 16 kHz for each octet; ``heard`` is what hf_g722_decode made of the same. */
void hf_g722_widen(hf_g722_upper *upper, const uint8_t *in, int count, const int16_t *heard,
                   int16_t *out);

#endif
