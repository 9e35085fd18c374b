/* G.722, 64 kbit/s sub-band ADPCM, for an engine of 8 kHz: both bands are decoded and filtered
 * to 8 kHz, and coded from 8 kHz that was filtered up to 16. The codec's own lower band is no
 * audio of 8 kHz: it holds 5 kHz folded down to 3 kHz 20 dB below, and sent alone 3.4 kHz sounds
 * as 4.6 kHz, too, 11 dB below. Streams that pass untouched keep both bands, and who wants 16 kHz
 * hears both.
 */
#ifndef HF_G722_H
#define HF_G722_H

#include <stdint.h>

#include "halfband.h"

#define HF_QMF_PAST 11 /* samples before one that its filter needs */

typedef struct {
    int s, sp, sz, nb, det;
    int r[3], a[3], p[3];
    int d[7], b[7];
} hf_band;

typedef struct {
    hf_band heard_low, heard_high; /* decoded */
    hf_band low, high;             /* encoded */
    int sums[HF_QMF_PAST], differences[HF_QMF_PAST]; /* of both bands, heard */
    int16_t even[HF_QMF_PAST], odd[HF_QMF_PAST];     /* of 16 kHz, sent */
    hf_half half;
    hf_twice twice;
} hf_g722;

void hf_g722_reset(hf_g722 *g722);
/* An octet is one sample of 8 kHz; ``wide``, unless NULL, gets two of 16 kHz, 2 ms earlier. */
void hf_g722_decode(hf_g722 *g722, const uint8_t *in, int count, int16_t *out, int16_t *wide);
void hf_g722_encode(hf_g722 *g722, const int16_t *in, int count, uint8_t *out);
int16_t hf_g722_said(const hf_g722 *g722); /* about what the far end heard last */
/* Both bands as the codec's own filter makes them of 16 kHz. */
void hf_g722_encode_bands(hf_g722 *g722, const int16_t *low, const int16_t *high, int count,
                          uint8_t *out);

#endif
