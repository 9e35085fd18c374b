#pragma GCC optimize("O3") /* loops over a frame become vector instructions */

#include "dtmf.h"

#include <math.h>
#include <string.h>

#include "engine.h"

/* Windows of 102 samples put the eight tones near the middle of their bins; a window that
 * begins every 51 samples tells 40 ms (at least four whole windows) from 20 ms (at most
 * three nearly whole ones). Limits from ITU-T Q.24 and common receivers. */
#define WINDOW 102
#define HOP 51
#define HITS_TO_BEGIN (HF_OFFSETS + 1)
#define MISSES_TO_END 5         /* 32 ms: a gap of 50 ms ends a key, one of 10 ms does not */
#define FLOOR_AMPLITUDE 177.0f  /* -42 dBm0 per tone */
#define LOW_STRONGER 8.4f       /* 9.2 dB normal twist */
#define HIGH_STRONGER 3.2f      /* 5 dB reverse twist */
#define LOW_PEAK 6.3f           /* 8 dB above the other tones of the group */
#define HIGH_PEAK 5.0f          /* 7 dB: a much stronger low tone shows in the high bins too */
#define SHARE 0.70f             /* of the window's energy in the bins of the two tones */
#define PURE 0.84f              /* the same, when what lies beside the bins' middles is added */
/* Harmonics of a high voice fall into the bins of a key: the third and fourth of 309 Hz look
 * like a star, the one 1.5 % low, the other 2.3 % high. The phases of windows in a row tell
 * the frequencies far better than the bins do; Q.24 wants 1.5 % heard. */
#define OFFSET 0.021f           /* of a tone from its frequency */
#define APART 0.033f            /* between the two offsets; 0.038 for harmonics 4:3 */

#define LOW_AMPLITUDE 7912.0f   /* -9 dBm0 */
#define HIGH_AMPLITUDE 9961.0f  /* -7 dBm0: senders put the high group 2 dB up */

typedef struct {
    int tone[2];    /* of the low and of the high group */
    float power[2];
} pair;

static const float FREQUENCY[HF_TONES] = {697, 770, 852, 941, 1209, 1336, 1477, 1633};
static const char KEYPAD[4][5] = {"123A", "456B", "789C", "*0#D"};
static float coefficient[HF_TONES], cosine[HF_TONES], sine[HF_TONES];
static float turn[HF_TONES]; /* radians from one window to the next */

void hf_dtmf_init(void)
{
    int i;
    for (i = 0; i < HF_TONES; i++) {
        float step = 2.0f * (float)M_PI * FREQUENCY[i] / 8000.0f;
        cosine[i] = cosf(step);
        sine[i] = sinf(step);
        coefficient[i] = 2.0f * cosine[i];
        turn[i] = step * HOP;
    }
}

static void clear(hf_bank *bank)
{
    memset(bank, 0, sizeof *bank);
}

void hf_dtmf_reset(hf_dtmf *dtmf)
{
    memset(dtmf, 0, sizeof *dtmf);
    dtmf->banks[1].fill = -HOP;
    dtmf->ready = 1;
}

static void run(hf_bank *bank, const int16_t *samples, int count)
{
    float s1[HF_TONES], s2[HF_TONES], energy = bank->energy;
    int i, tone;
    memcpy(s1, bank->s1, sizeof s1);
    memcpy(s2, bank->s2, sizeof s2);
    for (i = 0; i < count; i++) {
        float x = samples[i];
        energy += x * x;
        for (tone = 0; tone < HF_TONES; tone++) {
            float s0 = coefficient[tone] * s1[tone] - s2[tone] + x;
            s2[tone] = s1[tone];
            s1[tone] = s0;
        }
    }
    memcpy(bank->s1, s1, sizeof s1);
    memcpy(bank->s2, s2, sizeof s2);
    bank->energy = energy;
}

static int strongest(const float *power)
{
    int i, best = 0;
    for (i = 1; i < 4; i++)
        if (power[i] > power[best])
            best = i;
    return best;
}

static int stands_out(const float *power, int best, float peak)
{
    int i;
    for (i = 0; i < 4; i++)
        if (i != best && power[i] * peak > power[best])
            return 0;
    return 1;
}

/* The key of a whole window and its two tones, or 0. */
static char judge(const hf_bank *bank, pair *tones)
{
    const float least = FLOOR_AMPLITUDE * WINDOW / 2 * (FLOOR_AMPLITUDE * WINDOW / 2);
    float power[HF_TONES], low, high;
    int tone, row, column;
    for (tone = 0; tone < HF_TONES; tone++)
        power[tone] = bank->s1[tone] * bank->s1[tone] + bank->s2[tone] * bank->s2[tone] -
                      coefficient[tone] * bank->s1[tone] * bank->s2[tone];
    row = strongest(power);
    column = strongest(power + 4);
    low = power[row];
    high = power[4 + column];
    if (low < least || high < least)
        return 0;
    if (low > high * LOW_STRONGER || high > low * HIGH_STRONGER)
        return 0;
    if (!stands_out(power, row, LOW_PEAK) || !stands_out(power + 4, column, HIGH_PEAK))
        return 0;
    /* A tone of amplitude a has power (a n/2)^2 here and energy a^2 n/2 in the window. */
    if ((low + high) * 2 / WINDOW < SHARE * bank->energy)
        return 0;
    *tones = (pair){{row, 4 + column}, {low, high}};
    return KEYPAD[row][column];
}

/* Notes how far the tones of a window lie from their frequencies, by how far their phases
 * have turned since the window before; returns whether there is little beside them. */
static int measure(hf_dtmf *dtmf, const hf_bank *bank, const pair *tones)
{
    float inside = 0;
    int group;
    dtmf->place = (dtmf->place + 1) % HF_OFFSETS;
    for (group = 0; group < 2; group++) {
        int tone = tones->tone[group];
        float s2 = bank->s2[tone], square;
        float phase = atan2f(s2 * sine[tone], bank->s1[tone] - s2 * cosine[tone]);
        float more = phase - dtmf->phase[group] - turn[tone];
        more -= 2.0f * (float)M_PI * roundf(more / (2.0f * (float)M_PI));
        dtmf->offset[group][dtmf->place] = more / turn[tone];
        dtmf->phase[group] = phase;
        /* Beside its middle a bin shows (sin x / x)^2 of a tone; the inverse as a series. */
        square = fminf(more * more, 1.0f);
        inside += tones->power[group] * (1 + square / 3 + square * square / 15);
    }
    return inside * 2 / WINDOW >= PURE * bank->energy;
}

/* Whether the last windows in a row had the frequencies of a key. */
static int true_tones(const hf_dtmf *dtmf)
{
    float low = 0, high = 0;
    int i;
    for (i = 0; i < HF_OFFSETS; i++) {
        low += dtmf->offset[0][i] / HF_OFFSETS;
        high += dtmf->offset[1][i] / HF_OFFSETS;
    }
    return fabsf(low) < OFFSET && fabsf(high) < OFFSET && fabsf(high - low) < APART;
}

static int decide(hf_dtmf *dtmf, char seen, hf_key *out)
{
    if (dtmf->held) {
        dtmf->windows++;
        dtmf->misses = seen == dtmf->held ? 0 : dtmf->misses + 1;
        if (dtmf->misses < MISSES_TO_END)
            return 0;
        out->key = dtmf->held;
        out->ended = 1;
        out->samples = (uint32_t)((dtmf->windows - dtmf->misses - 1) * HOP + WINDOW);
        dtmf->held = 0;
        dtmf->candidate = seen;
        dtmf->hits = seen != 0;
        return 1;
    }
    dtmf->hits = seen && seen == dtmf->candidate ? dtmf->hits + 1 : seen != 0;
    dtmf->candidate = seen;
    if (dtmf->hits < HITS_TO_BEGIN || !true_tones(dtmf))
        return 0;
    dtmf->held = seen;
    dtmf->windows = dtmf->hits;
    dtmf->misses = 0;
    dtmf->hits = 0;
    out->key = seen;
    out->ended = 0;
    out->samples = 0;
    return 1;
}

/* Samples until the next window of either bank is whole (or begins). */
static int step(const hf_dtmf *dtmf, int count)
{
    int i;
    for (i = 0; i < HF_BANKS; i++) {
        int fill = dtmf->banks[i].fill;
        int wanted = fill < 0 ? -fill : WINDOW - fill;
        if (wanted < count)
            count = wanted;
    }
    return count;
}

int hf_dtmf_listen(hf_dtmf *dtmf, const int16_t *samples, int count, hf_key *out, int room)
{
    int found = 0, i;
    pair tones;
    char seen;
    if (!dtmf->ready)
        hf_dtmf_reset(dtmf);
    while (count > 0) {
        int length = step(dtmf, count);
        for (i = 0; i < HF_BANKS; i++) {
            hf_bank *bank = &dtmf->banks[i];
            if (bank->fill >= 0)
                run(bank, samples, length);
            bank->fill += length;
            if (bank->fill < WINDOW)
                continue;
            seen = judge(bank, &tones);
            if (seen && !dtmf->held && !measure(dtmf, bank, &tones) && seen == dtmf->candidate)
                seen = 0;
            if (found < room)
                found += decide(dtmf, seen, &out[found]);
            clear(bank);
        }
        samples += length;
        count -= length;
    }
    return found;
}

int hf_dtmf_sounding(const hf_dtmf *dtmf)
{
    return dtmf->held || dtmf->hits > 0;
}

void hf_dtmf_tone(char key, uint32_t *phase_low, uint32_t *phase_high, int16_t *out, int count)
{
    uint32_t low = 0, high = 0;
    int row, column, i;
    for (row = 0; row < 4; row++)
        for (column = 0; column < 4; column++)
            if (KEYPAD[row][column] == key) {
                low = hf_phase_step(FREQUENCY[row]);
                high = hf_phase_step(FREQUENCY[4 + column]);
            }
    for (i = 0; i < count; i++) {
        out[i] = hf_clip16(LOW_AMPLITUDE * hf_sine(*phase_low) +
                           HIGH_AMPLITUDE * hf_sine(*phase_high));
        *phase_low += low;
        *phase_high += high;
    }
}
