/* The wide band of a leg: what it says at 16 kHz, beside the engine's 8 kHz.
 *
 * It is there only while a wide tap is open, and belongs to it. Whatever happens to the engine's
 * samples happens to these in the same frame: so both taps of a leg tell the same. G.722 is
 * decoded once for both; Opus has a second decoder.
 */
#ifndef HF_WIDE_H
#define HF_WIDE_H

#include "object.h"
#include "opus.h"

#define HF_WIDE_FRAME (2 * HF_FRAME)
#define HF_WIDE_QUEUE (8 * HF_FRAME) /* as long as the engine's */

typedef struct {
    hf_opus *opus; /* NULL: there is no libopus */
    int16_t queue[HF_WIDE_QUEUE], heard[HF_WIDE_FRAME];
} hf_wide;

hf_wide *hf_wide_new(void);
void hf_wide_free(hf_wide *wide);
/* NULL: nobody wants it, or the leg's codec has no more than the telephone band. */
hf_wide *hf_wide_of(const hf_port *port);
void hf_wide_reset(const hf_port *port); /* another stream begins */
/* A packet at 8 kHz, which is returned in samples, and for ``wide``, unless NULL, at 16. */
int hf_wide_decode(hf_wide *wide, const hf_port *port, const uint8_t *in, int octets,
                   int16_t *out, int16_t *wide_out);

#endif
