#include "test_engine.h"

#include <math.h>
#include <stdlib.h>

/* The filter between 8 and 16 kHz, alone and around G.722: the telephone band passes as it is,
 * and nothing from above 4.6 kHz is heard in it, nor anything of it above. */

#define RATE 8000
#define PEAK 8000.0
#define BEGUN 800

static const double TELEPHONE[] = {100, 300, 1000, 2000, 3000, 3400};
static const double ABOVE[] = {4600, 4800, 5000, 5500, 6500, 7700};
#define COUNT 6

/* A sine's level in samples from BEGUN on, in dB of PEAK. */
static double level_of(const int16_t *at, int count, int rate, double hz)
{
    double in = 0, across = 0;
    int i;
    for (i = BEGUN; i < count; i++) {
        in += at[i] * cos(2 * M_PI * hz * i / rate);
        across += at[i] * sin(2 * M_PI * hz * i / rate);
    }
    return 20 * log10((2 * sqrt(in * in + across * across) / (count - BEGUN) + 1e-9) / PEAK);
}

/* In pieces of all lengths, as packets are. */
static int piece(int at)
{
    int size = 1 + (int)(test_random() % HF_HALF_MOST);
    return at + size > RATE ? RATE - at : size;
}

static void fill(int16_t *samples, int count, int rate, double hz)
{
    int i;
    for (i = 0; i < count; i++)
        samples[i] = (int16_t)lrint(PEAK * sin(2 * M_PI * hz * i / rate));
}

static void half_the_samples_hold_the_telephone_band(void)
{
    int16_t wide[2 * RATE], even[RATE], odd[RATE], narrow[RATE];
    int k, n, at;
    for (k = 0; k < 2 * COUNT; k++) {
        hf_half half = {{0}, {0}};
        double hz = k < COUNT ? TELEPHONE[k] : ABOVE[k - COUNT];
        fill(wide, 2 * RATE, 2 * RATE, hz);
        for (n = 0; n < RATE; n++) {
            even[n] = wide[2 * n];
            odd[n] = wide[2 * n + 1];
        }
        for (at = 0; at < RATE; at += n) {
            n = piece(at);
            hf_make_half(&half, even + at, odd + at, n, narrow + at);
        }
        if (k < COUNT)
            CHECK(fabs(level_of(narrow, RATE, RATE, hz)) < 0.05);
        else
            CHECK(level_of(narrow, RATE, RATE, RATE - hz) < -54);
    }
}

/* Of 8 kHz alone: ``wide`` through the filter, or through G.722 and heard at 16 kHz. */
static void widen(const int16_t *narrow, int coded, int16_t *wide)
{
    hf_twice twice = {{0}};
    hf_g722 g722;
    int at, n, i;
    hf_g722_reset(&g722);
    for (at = 0; at < RATE; at += n) {
        int16_t even[HF_HALF_MOST], odd[HF_HALF_MOST], heard[HF_HALF_MOST];
        uint8_t octets[HF_HALF_MOST];
        n = piece(at);
        if (coded) {
            hf_g722_encode(&g722, narrow + at, n, octets);
            hf_g722_decode(&g722, octets, n, heard, wide + 2 * at);
            continue;
        }
        hf_make_twice(&twice, narrow + at, n, even, odd);
        for (i = 0; i < n; i++) {
            wide[2 * (at + i)] = even[i];
            wide[2 * (at + i) + 1] = odd[i];
        }
    }
}

static void twice_the_samples_hold_no_images(void)
{
    static int16_t narrow[RATE], wide[2 * RATE];
    int k, coded;
    for (coded = 0; coded < 2; coded++)
        for (k = 0; k < COUNT; k++) {
            fill(narrow, RATE, RATE, TELEPHONE[k]);
            widen(narrow, coded, wide);
            CHECK(fabs(level_of(wide, 2 * RATE, 2 * RATE, TELEPHONE[k])) < 0.1);
            CHECK(level_of(wide, 2 * RATE, 2 * RATE, RATE - TELEPHONE[k]) < -50);
        }
}

static void the_loudest_does_not_turn_over(void)
{
    static int16_t narrow[RATE], wide[2 * RATE];
    int i, step = 0;
    fill(narrow, RATE, RATE, 500);
    for (i = 0; i < RATE; i++)
        narrow[i] = narrow[i] > 0 ? INT16_MAX : INT16_MIN; /* its edges ring beyond full scale */
    widen(narrow, 1, wide);
    for (i = 1; i < 2 * RATE; i++)
        step = abs(wide[i] - wide[i - 1]) > step ? abs(wide[i] - wide[i - 1]) : step;
    CHECK(step < 48000);
}

void test_bands(void)
{
    half_the_samples_hold_the_telephone_band();
    twice_the_samples_hold_no_images();
    the_loudest_does_not_turn_over();
}
