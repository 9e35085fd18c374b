#pragma GCC optimize("O3") /* loops over a frame become vector instructions */

#include "vad.h"

#include <math.h>
#include <string.h>

#define FRAME 160
#define LEAST_FLOOR 100.0f      /* mean square, about -70 dBFS */
#define QUIET 21000.0f          /* -47 dBFS */
#define LEAST_SPEECH 60000.0f   /* -42 dBFS */
#define ABOVE_FLOOR 16.0f       /* 12 dB */
#define STEADY 3.0f             /* a background varies by less than this within 0.5 s */
#define IGNORE_FRAMES 15        /* the first 300 ms of a prompt */
#define TONE_GAIN 400.0         /* 26 dB: only tones are predicted this well */
#define ORDER 4                 /* two sines */

void hf_vad_reset(hf_vad *vad)
{
    memset(vad, 0, sizeof *vad);
    vad->floor = LEAST_FLOOR;
}

void hf_vad_arm(hf_vad *vad, int on)
{
    vad->armed = on;
    vad->history = 0;
}

void hf_vad_prompt(hf_vad *vad)
{
    vad->ignore = IGNORE_FRAMES;
}

/* The background: falls at once, rises slowly, and jumps to a level that stays steady. */
static void follow_floor(hf_vad *vad)
{
    float power = vad->power > LEAST_FLOOR ? vad->power : LEAST_FLOOR;
    if (power < vad->floor)
        vad->floor += 0.2f * (power - vad->floor);
    else
        vad->floor *= 1.005f;
    if (vad->watched == 0 || power < vad->low)
        vad->low = power;
    if (vad->watched == 0 || power > vad->high)
        vad->high = power;
    if (++vad->watched < HF_VAD_WATCH)
        return;
    if (vad->high < vad->low * STEADY)
        vad->floor = vad->low;
    vad->watched = 0;
}

/* Solves the normal equations of linear prediction; returns the energy that is left. */
static double residual(double matrix[ORDER][ORDER + 1], double energy, const double *right)
{
    int i, j, k;
    for (i = 0; i < ORDER; i++) {
        if (matrix[i][i] < 1e-9)
            return energy;
        for (j = i + 1; j < ORDER; j++) {
            double factor = matrix[j][i] / matrix[i][i];
            for (k = i; k <= ORDER; k++)
                matrix[j][k] -= factor * matrix[i][k];
        }
    }
    for (i = ORDER - 1; i >= 0; i--) {
        for (j = i + 1; j < ORDER; j++)
            matrix[i][ORDER] -= matrix[i][j] * matrix[j][ORDER];
        matrix[i][ORDER] /= matrix[i][i];
        energy -= matrix[i][ORDER] * right[i];
    }
    return energy;
}

/* Call-progress tones and DTMF are one or two sines: each sample follows from the four
 * before it, which is never true of speech this exactly (covariance method). */
static int is_tone(const int16_t *samples)
{
    double matrix[ORDER][ORDER + 1], right[ORDER], energy = 0, left;
    int i, j, n;
    for (n = ORDER; n < FRAME; n++)
        energy += (double)samples[n] * samples[n];
    for (i = 0; i < ORDER; i++) {
        for (j = 0; j <= ORDER; j++) {
            double sum = 0;
            int other = j < ORDER ? j + 1 : 0;
            for (n = ORDER; n < FRAME; n++)
                sum += (double)samples[n - 1 - i] * samples[n - other];
            matrix[i][j] = sum;
        }
        right[i] = matrix[i][ORDER];
        matrix[i][i] *= 1.0 + 1e-9;
    }
    left = residual(matrix, energy, right);
    return left * TONE_GAIN < energy;
}

static int is_speech(const hf_vad *vad, const int16_t *samples)
{
    return vad->power > LEAST_SPEECH && vad->power > vad->floor * ABOVE_FLOOR &&
           !is_tone(samples);
}

/* Every port does this in every frame: 32 bits hold the sum of 160 squares divided by 64. */
static float mean_square(const int16_t *samples)
{
    uint32_t sum = 0;
    int i;
    for (i = 0; i < FRAME; i++)
        sum += (uint32_t)((int32_t)samples[i] * samples[i]) >> 6;
    return (float)sum * (64.0f / FRAME);
}

int hf_vad_frame(hf_vad *vad, const int16_t *samples, int masked)
{
    static const unsigned char ONES[32] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,
                                           1, 2, 2, 3, 2, 3, 3, 4, 2, 3, 3, 4, 3, 4, 4, 5};
    int speech;
    vad->power = mean_square(samples);
    speech = vad->armed && !masked && vad->ignore == 0 && is_speech(vad, samples);
    if (vad->ignore > 0)
        vad->ignore--;
    follow_floor(vad);
    if (!vad->armed)
        return 0;
    vad->history = masked ? 0 : (vad->history << 1 | (unsigned)speech) & 31;
    if (ONES[vad->history] < 4)
        return 0;
    vad->armed = 0;
    return 1;
}

int hf_vad_quiet(const hf_vad *vad)
{
    return vad->power < QUIET || vad->power < vad->floor * 4;
}
