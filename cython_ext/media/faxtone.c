#pragma GCC optimize("O3") /* loops over a frame become vector instructions */

#include "faxtone.h"

#include <math.h>
#include <string.h>

#define FRAME 160
#define CNG_HZ 1100.0f      /* T.30 allows 38 Hz to either side */
#define CED_HZ 2100.0f      /* and 15 Hz here */
#define BLOCK 80            /* samples: resolves 100 Hz, as wide as T.30 allows */
#define SHARE 0.55f         /* of the energy; 38 Hz beside, 0.61 are left */
#define QUIET 125.0f        /* amplitude of -45 dBm0 */
#define CNG_FRAMES 20       /* 400 ms; T.30: 425 to 575 ms */
#define CED_FRAMES 30       /* 600 ms; T.30: 2.6 to 4 s */
#define MISSES 1            /* an answer tone turns its phase every 450 ms (V.25) */

void hf_faxtone_watch(hf_faxtone *fax, int on)
{
    memset(fax, 0, sizeof *fax);
    fax->watching = on;
}

/* Power of one frequency in a block, as the square of amplitude times half the samples. */
static float power_of_block(const int16_t *samples, float factor)
{
    float s1 = 0, s2 = 0;
    int n;
    for (n = 0; n < BLOCK; n++) {
        float s0 = factor * s1 - s2 + samples[n];
        s2 = s1;
        s1 = s0;
    }
    return s1 * s1 + s2 * s2 - factor * s1 * s2;
}

static float power(const int16_t *samples, float hz)
{
    float factor = 2.0f * cosf(2.0f * (float)M_PI * hz / 8000.0f);
    return power_of_block(samples, factor) + power_of_block(samples + BLOCK, factor);
}

static enum hf_fax_kind judge(const int16_t *samples)
{
    float energy = 0, least, wanted;
    int n;
    for (n = 0; n < FRAME; n++)
        energy += (float)samples[n] * samples[n];
    least = QUIET * QUIET * FRAME / 2;
    if (energy < least)
        return HF_NO_FAX;
    wanted = SHARE * energy * BLOCK / 2;
    if (power(samples, CNG_HZ) > wanted)
        return HF_CNG;
    return power(samples, CED_HZ) > wanted ? HF_CED : HF_NO_FAX;
}

enum hf_fax_kind hf_faxtone_frame(hf_faxtone *fax, const int16_t *samples)
{
    enum hf_fax_kind seen;
    if (!fax->watching)
        return HF_NO_FAX;
    seen = judge(samples);
    if (seen != HF_NO_FAX && (int)seen == fax->kind) {
        fax->frames++;
        fax->misses = 0;
    } else if (fax->kind == HF_CED && ++fax->misses <= MISSES) {
        fax->frames++;
    } else {
        fax->kind = (int)seen;
        fax->frames = seen != HF_NO_FAX;
        fax->misses = 0;
    }
    if (fax->frames < (fax->kind == HF_CED ? CED_FRAMES : CNG_FRAMES))
        return HF_NO_FAX;
    fax->watching = 0;
    return (enum hf_fax_kind)fax->kind;
}
