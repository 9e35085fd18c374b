/* The wide band of a leg: what it says at 16 kHz, decoded beside the engine's 8 kHz.
 *
 * It is there only while a tap is open, and belongs to it. Whatever happens to the engine's
 * samples happens to these in the same frame: so both taps of a leg tell the same. Of G.722 a
 * tap of 8 kHz is made from it, too: the codec's own lower band holds what is a little above
 * 4 kHz folded down, 20 dB below at 5 kHz.
 */
#ifndef HF_WIDE_H
#define HF_WIDE_H

#include "g722.h"
#include "object.h"
#include "opus.h"

#define HF_WIDE_FRAME (2 * HF_FRAME)
#define HF_WIDE_QUEUE (8 * HF_FRAME) /* as long as the engine's */

typedef struct {
    hf_g722_upper upper;
    hf_opus *opus; /* NULL: nobody wants 16 kHz of Opus, or there is no libopus */
    int16_t queue[HF_WIDE_QUEUE], heard[HF_WIDE_FRAME];
} hf_wide;

hf_wide *hf_wide_new(int opus); /* whether Opus is wanted, too */
void hf_wide_free(hf_wide *wide);
/* NULL: nobody wants it, or the leg's codec has no more than the telephone band. */
hf_wide *hf_wide_of(const hf_port *port);
void hf_wide_reset(const hf_port *port); /* another stream begins */
/* The same packet at 16 kHz; ``narrow`` are the ``samples`` it gave at 8 kHz. */
void hf_wide_decode(hf_wide *wide, int law, const uint8_t *in, int octets,
                    const int16_t *narrow, int samples, int16_t *out);

#endif
