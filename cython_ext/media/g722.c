#pragma GCC optimize("O3") /* the filters' loops become vector instructions */

/* Written from ITU-T G.722 (09/2012); names of blocks and tables are those of its clause 6. */
#include "g722.h"

#include <string.h>

#define MOST HF_HALF_MOST
#define TAPS (HF_QMF_PAST + 1)
#define LOW_LIMIT 18432
#define HIGH_LIMIT 22528
#define CEILING 16383 /* LIMIT of both bands */

static const int WL[8] = {-60, -30, 58, 172, 334, 538, 1198, 3042};
static const int RL42[16] = {0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0};
static const int ILB[32] = {2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543,
                            2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025, 3091, 3158, 3228,
                            3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008};
static const int WH[3] = {0, -214, 798};
static const int RH2[4] = {2, 1, 2, 1};
static const int QM2[4] = {-7408, -1616, 7408, 1616};
static const int QM4[16] = {0,     -20456, -12896, -8968, -6288, -4240, -2584, -1200,
                            20456, 12896,  8968,   6288,  4240,  2584,  1200,  0};
static const int QM6[64] = {
    -136,   -136,   -136,   -136,   -24808, -21904, -19008, -16704, -14984, -13512, -12280,
    -11192, -10232, -9360,  -8576,  -7856,  -7192,  -6576,  -6000,  -5456,  -4944,  -4464,
    -4008,  -3576,  -3168,  -2776,  -2400,  -2032,  -1688,  -1360,  -1040,  -728,   24808,
    21904,  19008,  16704,  14984,  13512,  12280,  11192,  10232,  9360,   8576,   7856,
    7192,   6576,   6000,   5456,   4944,   4464,   4008,   3576,   3168,   2776,   2400,
    2032,   1688,   1360,   1040,   728,    432,    136,    -432,   -136};
static const int Q6[32] = {0,   35,  72,  110, 150,  190,  233,  276,  323,  370,  422,
                           473, 530, 587, 650, 714,  786,  858,  940,  1023, 1121, 1219,
                           1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919, 0,    0};
static const uint8_t ILN[32] = {0,  63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19,
                                18, 17, 16, 15, 14, 13, 12, 11, 10, 9,  8,  7,  6,  5,  4,  0};
static const uint8_t ILP[32] = {0,  61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47,
                                46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33, 32, 0};
/* H of the quadrature mirror filters: those of even index; the odd ones are the same backwards. */
static const int QMF[TAPS] = {3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11};
static const uint8_t IHN[3] = {0, 1, 0};
static const uint8_t IHP[3] = {0, 3, 2};

static int saturate(int value)
{
    return value > 32767 ? 32767 : value < -32768 ? -32768 : value;
}

static int limit(int value, int most)
{
    return value > most ? most : value < -most ? -most : value;
}

static int limit_band(int value)
{
    return value > CEILING ? CEILING : value < -CEILING - 1 ? -CEILING - 1 : value;
}

static int same_sign(int a, int b)
{
    return (a < 0) == (b < 0);
}

/* UPPOL2 and UPPOL1: the poles follow the signs of the partial signals. */
static void adapt_poles(hf_band *band)
{
    int first = saturate(band->a[1] * 4), second, most;
    second = same_sign(band->p[0], band->p[1]) ? -first : first;
    second = (second > 32767 ? 32767 : second) >> 7;
    second += same_sign(band->p[0], band->p[2]) ? 128 : -128;
    second = limit(second + ((band->a[2] * 32512) >> 15), 12288);
    first = same_sign(band->p[0], band->p[1]) ? 192 : -192;
    first = saturate(first + ((band->a[1] * 32640) >> 15));
    most = saturate(15360 - second);
    band->a[1] = limit(first, most);
    band->a[2] = second;
}

/* UPZERO and DELAYA of the zeros. */
static void adapt_zeros(hf_band *band)
{
    int step = band->d[0] == 0 ? 0 : 128, i;
    for (i = 1; i < 7; i++) {
        int part = same_sign(band->d[0], band->d[i]) ? step : -step;
        band->b[i] = saturate(part + ((band->b[i] * 32640) >> 15));
    }
    for (i = 6; i > 0; i--)
        band->d[i] = band->d[i - 1];
}

/* Block 4: reconstruction, adaptation of the predictor, next prediction. */
static void predict(hf_band *band, int difference)
{
    int i, sum = 0;
    band->d[0] = difference;
    band->r[0] = saturate(band->s + difference);
    band->p[0] = saturate(band->sz + difference);
    adapt_poles(band);
    adapt_zeros(band);
    for (i = 2; i > 0; i--) {
        band->r[i] = band->r[i - 1];
        band->p[i] = band->p[i - 1];
    }
    band->sp = saturate(((band->a[1] * saturate(2 * band->r[1])) >> 15) +
                        ((band->a[2] * saturate(2 * band->r[2])) >> 15));
    for (i = 6; i > 0; i--)
        sum += (band->b[i] * saturate(2 * band->d[i])) >> 15;
    band->sz = saturate(sum);
    band->s = saturate(band->sp + band->sz);
}

/* LOGSCL and SCALEL, or their counterparts of the higher band (``base`` 8 or 10). */
static void scale(hf_band *band, int weight, int most, int base)
{
    int shift, level;
    band->nb = ((band->nb * 127) >> 7) + weight;
    band->nb = band->nb < 0 ? 0 : band->nb > most ? most : band->nb;
    shift = base - (band->nb >> 11);
    level = ILB[(band->nb >> 6) & 31];
    band->det = (shift < 0 ? level << -shift : level >> shift) << 2;
}

static void follow_low(hf_band *band, int code)
{
    int four = code >> 2, difference = (band->det * QM4[four]) >> 15;
    scale(band, WL[RL42[four]], LOW_LIMIT, 8);
    predict(band, difference);
}

static int code_low(hf_band *band, int sample)
{
    int error = saturate(sample - band->s), size = error >= 0 ? error : -(error + 1), i, code;
    for (i = 1; i < 30; i++)
        if (size < (Q6[i] * band->det) >> 12)
            break;
    code = error < 0 ? ILN[i] : ILP[i];
    follow_low(band, code);
    return code;
}

static void follow_high(hf_band *band, int code)
{
    int difference = (band->det * QM2[code]) >> 15;
    scale(band, WH[RH2[code]], HIGH_LIMIT, 10);
    predict(band, difference);
}

static int code_high(hf_band *band, int sample)
{
    int error = saturate(sample - band->s), size = error >= 0 ? error : -(error + 1);
    int level = size >= (564 * band->det) >> 12 ? 2 : 1;
    int code = error < 0 ? IHN[level] : IHP[level];
    follow_high(band, code);
    return code;
}

void hf_g722_reset(hf_g722 *g722)
{
    memset(g722, 0, sizeof *g722);
    g722->heard_low.det = g722->low.det = 32;
    g722->heard_high.det = g722->high.det = 8;
}

static int heard_low(hf_band *band, int code)
{
    int low = limit_band(band->s + ((band->det * QM6[code]) >> 15));
    follow_low(band, code);
    return low;
}

static int heard_high(hf_band *band, int code)
{
    int high = limit_band(band->s + ((band->det * QM2[code]) >> 15));
    follow_high(band, code);
    return high;
}

/* The receive QMF of clause 4.4: one sample of each band becomes two of 16 kHz. */
static void join(const int *sums, const int *differences, int count, int16_t *even, int16_t *odd)
{
    int first[MOST] = {0}, second[MOST] = {0}, i, n;
    for (i = 0; i < TAPS; i++)
        for (n = 0; n < count; n++) {
            first[n] += differences[n + i] * QMF[TAPS - 1 - i];
            second[n] += sums[n + i] * QMF[i];
        }
    for (n = 0; n < count; n++) {
        even[n] = (int16_t)saturate(first[n] >> 11);
        odd[n] = (int16_t)saturate(second[n] >> 11);
    }
}

static void decode(hf_g722 *g722, const uint8_t *in, int count, int16_t *out, int16_t *wide)
{
    int sums[HF_QMF_PAST + MOST], differences[HF_QMF_PAST + MOST], n;
    int16_t even[MOST] = {0}, odd[MOST] = {0};
    memcpy(sums, g722->sums, sizeof g722->sums);
    memcpy(differences, g722->differences, sizeof g722->differences);
    for (n = 0; n < count; n++) {
        int low = heard_low(&g722->heard_low, in[n] & 0x3f);
        int high = heard_high(&g722->heard_high, in[n] >> 6);
        sums[HF_QMF_PAST + n] = low + high;
        differences[HF_QMF_PAST + n] = low - high;
    }
    join(sums, differences, count, even, odd);
    memcpy(g722->sums, sums + count, sizeof g722->sums);
    memcpy(g722->differences, differences + count, sizeof g722->differences);
    hf_make_half(&g722->half, even, odd, count, out);
    for (n = 0; wide && n < count; n++) {
        wide[2 * n] = even[n];
        wide[2 * n + 1] = odd[n];
    }
}

void hf_g722_decode(hf_g722 *g722, const uint8_t *in, int count, int16_t *out, int16_t *wide)
{
    int at, size;
    for (at = 0; at < count; at += size) {
        size = count - at < MOST ? count - at : MOST;
        decode(g722, in + at, size, out + at, wide ? wide + 2 * at : NULL);
    }
}

/* The transmit QMF of clause 3.1. */
static void part(const int16_t *even, const int16_t *odd, int count, int16_t *low, int16_t *high)
{
    int sum[MOST] = {0}, difference[MOST] = {0}, i, n;
    for (i = 0; i < TAPS; i++)
        for (n = 0; n < count; n++) {
            int a = even[n + i] * QMF[i], b = odd[n + i] * QMF[TAPS - 1 - i];
            sum[n] += a + b;
            difference[n] += b - a;
        }
    for (n = 0; n < count; n++) {
        low[n] = (int16_t)limit_band(sum[n] >> 14);
        high[n] = (int16_t)limit_band(difference[n] >> 14);
    }
}

void hf_g722_encode_bands(hf_g722 *g722, const int16_t *low, const int16_t *high, int count,
                          uint8_t *out)
{
    int n;
    for (n = 0; n < count; n++) {
        int six = code_low(&g722->low, low[n]);
        out[n] = (uint8_t)(code_high(&g722->high, high[n]) << 6 | six);
    }
}

static void encode(hf_g722 *g722, const int16_t *in, int count, uint8_t *out)
{
    int16_t even[HF_QMF_PAST + MOST], odd[HF_QMF_PAST + MOST];
    int16_t low[MOST], high[MOST];
    memcpy(even, g722->even, sizeof g722->even);
    memcpy(odd, g722->odd, sizeof g722->odd);
    hf_make_twice(&g722->twice, in, count, even + HF_QMF_PAST, odd + HF_QMF_PAST);
    part(even, odd, count, low, high);
    memcpy(g722->even, even + count, sizeof g722->even);
    memcpy(g722->odd, odd + count, sizeof g722->odd);
    hf_g722_encode_bands(g722, low, high, count, out);
}

/* 22 samples of 16 kHz late by the codec's filters at both ends, and 2 ms by ours. */
int16_t hf_g722_said(const hf_g722 *g722)
{
    return g722->twice.past[HF_HALF_SIDE - 1 - HF_QMF_PAST];
}

void hf_g722_encode(hf_g722 *g722, const int16_t *in, int count, uint8_t *out)
{
    int at, size;
    for (at = 0; at < count; at += size) {
        size = count - at < MOST ? count - at : MOST;
        encode(g722, in + at, size, out + at);
    }
}
