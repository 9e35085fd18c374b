#pragma GCC optimize("O3") /* loops over a frame become vector instructions */

#include "halfband.h"

#include <math.h>
#include <string.h>

#define SIDE HF_HALF_SIDE

static float between[SIDE]; /* of two samples the one in the middle, from the nearest on */

static double bessel(double x) /* I0 */
{
    double sum = 1, term = 1;
    int k;
    for (k = 1; k < 30; k++) {
        term *= x / (2 * k) * (x / (2 * k));
        sum += term;
    }
    return sum;
}

static void __attribute__((constructor)) fill_between(void)
{
    int k;
    for (k = 0; k < SIDE; k++) {
        double at = k + 0.5, edge = at / SIDE;
        between[k] = (float)(sin(M_PI * at) / (M_PI * at) *
                             bessel(6 * sqrt(1 - edge * edge)) / bessel(6));
    }
}

static int16_t rounded(float value)
{
    value = value > 32767.0f ? 32767.0f : value;
    value = value < -32768.0f ? -32768.0f : value;
    return (int16_t)(value < 0 ? value - 0.5f : value + 0.5f);
}

/* What is behind the past and the samples that follow it, at the places between them. */
static void fill_middle(const int16_t *all, int count, float *sum)
{
    float at[2 * SIDE + HF_HALF_MOST];
    int n, k;
    for (n = 0; n < 2 * SIDE + count; n++)
        at[n] = all[n];
    for (n = 0; n < count; n++)
        sum[n] = 0;
    for (k = 0; k < SIDE; k++)
        for (n = 0; n < count; n++)
            sum[n] += between[k] * (at[SIDE + n - k] + at[SIDE + n + k + 1]);
}

void hf_make_twice(hf_twice *twice, const int16_t *in, int count, int16_t *even, int16_t *odd)
{
    int16_t all[2 * SIDE + HF_HALF_MOST];
    float sum[HF_HALF_MOST];
    int n;
    memcpy(all, twice->past, sizeof twice->past);
    memcpy(all + 2 * SIDE, in, (size_t)count * sizeof *in);
    fill_middle(all, count, sum);
    for (n = 0; n < count; n++) {
        even[n] = all[SIDE + n];
        odd[n] = rounded(sum[n]);
    }
    memcpy(twice->past, all + count, sizeof twice->past);
}

void hf_make_half(hf_half *half, const int16_t *even, const int16_t *odd, int count, int16_t *out)
{
    int16_t all[2 * SIDE + HF_HALF_MOST], there[SIDE + HF_HALF_MOST];
    float sum[HF_HALF_MOST];
    int n;
    memcpy(all, half->odd, sizeof half->odd);
    memcpy(all + 2 * SIDE, odd, (size_t)count * sizeof *odd);
    memcpy(there, half->even, sizeof half->even);
    memcpy(there + SIDE, even, (size_t)count * sizeof *even);
    fill_middle(all, count, sum);
    for (n = 0; n < count; n++) /* the one of even number follows that of odd number before it */
        out[n] = rounded(0.5f * (there[n + 1] + sum[n]));
    memcpy(half->odd, all + count, sizeof half->odd);
    memcpy(half->even, there + count, sizeof half->even);
}
