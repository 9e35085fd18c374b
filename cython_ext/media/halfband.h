/* From 8 kHz to 16 and back: a half-band filter, 2 ms late in either direction.
 *
 * A sinc in Kaiser's window (beta 6): what is below 3.4 kHz passes as it is, and images and
 * aliases of 4.6 kHz upwards stay 60 dB below. Sound of 16 kHz is given as its samples of even
 * and of odd number, as the bands of G.722 come.
 */
#ifndef HF_HALFBAND_H
#define HF_HALFBAND_H

#include <stdint.h>

#define HF_HALF_MOST 160 /* samples of 8 kHz in one call */
#define HF_HALF_SIDE 16

typedef struct {
    int16_t past[2 * HF_HALF_SIDE];
} hf_twice;

typedef struct {
    int16_t even[HF_HALF_SIDE], odd[2 * HF_HALF_SIDE];
} hf_half;

void hf_make_twice(hf_twice *twice, const int16_t *in, int count, int16_t *even, int16_t *odd);
void hf_make_half(hf_half *half, const int16_t *even, const int16_t *odd, int count,
                  int16_t *out);

#endif
