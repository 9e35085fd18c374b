#pragma GCC optimize("O3") /* loops over a frame become vector instructions */

#include "fsk.h"

#include <math.h>
#include <string.h>

#include "engine.h"

#define BAUD 1200.0f
#define PER_BIT (8000.0f / BAUD) /* samples, 6.67 */
#define SEIZURE 300              /* bits, alternating */
#define MARK 180                 /* bits before the message */
#define TAIL 60                  /* bits of mark behind it: 50 ms */
#define LEAST_MARKS 10           /* bits of mark before a message begins (limits of receivers) */
#define MEAN_MARK 1250.0         /* between 1200 and 1300 Hz */
#define MEAN_SPACE 2150.0        /* between 2100 and 2200 Hz */
#define EDGE 1.2f                /* samples at either end of a bit that do not count */
#define FLOOR 60.0f              /* amplitude below which nothing is a carrier, -51 dBm0 */

static const double MARK_HZ[2] = {1200, 1300}, SPACE_HZ[2] = {2200, 2100};

void hf_fsk_reset(hf_fsk *fsk, int listening)
{
    memset(fsk, 0, sizeof *fsk);
    fsk->listening = listening;
    fsk->clock = -1;
    fsk->last = 1;
}

/* Which carrier was the stronger one over the last bit: 1 mark, 0 space, -1 neither. */
static int compare(hf_fsk *fsk, int16_t sample)
{
    float *slot = fsk->window[fsk->at], mark, space;
    float now[4] = {hf_sine(fsk->phase_mark) * sample,
                    hf_sine(fsk->phase_mark + (1u << 30)) * sample,
                    hf_sine(fsk->phase_space) * sample,
                    hf_sine(fsk->phase_space + (1u << 30)) * sample};
    int i;
    for (i = 0; i < 4; i++) {
        fsk->sum[i] += now[i] - slot[i];
        slot[i] = now[i];
    }
    fsk->at = (fsk->at + 1) % HF_FSK_BIT;
    fsk->phase_mark += hf_phase_step(MEAN_MARK);
    fsk->phase_space += hf_phase_step(MEAN_SPACE);
    mark = fsk->sum[0] * fsk->sum[0] + fsk->sum[1] * fsk->sum[1];
    space = fsk->sum[2] * fsk->sum[2] + fsk->sum[3] * fsk->sum[3];
    if (mark + space < FLOOR * FLOOR * HF_FSK_BIT * HF_FSK_BIT / 4)
        return -1;
    fsk->lead = (mark - space) / (mark + space);
    return mark > space;
}

static void forget(hf_fsk *fsk)
{
    fsk->count = fsk->wanted = 0;
    fsk->clock = -1;
    fsk->marks = 0;
}

/* An octet of the message; 1 when it was the last and the sum of all is right. */
static int take(hf_fsk *fsk, uint8_t octet)
{
    uint8_t sum = 0;
    int i;
    fsk->message[fsk->count++] = octet;
    if (fsk->count == 2)
        fsk->wanted = 3 + octet;
    if (fsk->count < 2 || fsk->count < fsk->wanted)
        return 0;
    for (i = 0; i < fsk->count; i++)
        sum = (uint8_t)(sum + fsk->message[i]);
    fsk->bad += sum != 0;
    fsk->wanted = sum == 0 ? fsk->count : 0;
    fsk->count = 0;
    fsk->marks = 0;
    return sum == 0;
}

/* One bit, judged over the middle of its time; octets are 8N1, the lowest bit first. */
static int take_bit(hf_fsk *fsk, int bit)
{
    if (fsk->bits == 0) { /* the start bit: no longer a space, so it was noise */
        if (bit)
            fsk->clock = -1;
    } else if (fsk->bits <= 8) {
        fsk->octet |= bit << (fsk->bits - 1);
    } else {
        fsk->clock = -1;
        if (!bit) {
            forget(fsk); /* a framing error spoils the message */
            return 0;
        }
        return take(fsk, (uint8_t)fsk->octet);
    }
    fsk->bits++;
    return 0;
}

static int listen_once(hf_fsk *fsk, int16_t sample)
{
    int bit = compare(fsk, sample), whole = 0;
    if (bit < 0) {
        if (fsk->count)
            fsk->bad++;
        forget(fsk);
        fsk->last = 1;
        return 0;
    }
    if (fsk->clock < 0) {
        /* A message begins behind enough mark; between its octets none is needed. */
        fsk->marks = bit ? fsk->marks + 1 : fsk->marks;
        if (!bit && fsk->last) {
            if (fsk->count || fsk->marks >= LEAST_MARKS * PER_BIT) {
                fsk->clock = fsk->soft = 0;
                fsk->bits = fsk->octet = 0;
            } else {
                fsk->marks = 0;
            }
        }
    } else {
        float into;
        fsk->clock += 1;
        into = fsk->clock - (float)fsk->bits * PER_BIT;
        if (into > EDGE && into < PER_BIT - EDGE)
            fsk->soft += fsk->lead;
        /* The stop bit is judged early: the next start bit may come a little sooner. */
        if (into >= (fsk->bits < 9 ? PER_BIT - EDGE : PER_BIT / 2)) {
            whole = take_bit(fsk, fsk->soft > 0);
            fsk->soft = 0;
        }
    }
    fsk->last = bit;
    return whole;
}

int hf_fsk_listen(hf_fsk *fsk, const int16_t *samples, int count)
{
    int i, whole = 0;
    for (i = 0; i < count; i++)
        if (listen_once(fsk, samples[i]))
            whole = 1;
    return whole;
}

static int bits_of(int octets)
{
    return SEIZURE + MARK + octets * 10 + TAIL;
}

int hf_fsk_length(int octets)
{
    return (int)ceilf((float)bits_of(octets) * PER_BIT);
}

static int bit_at(const uint8_t *octets, int count, int at)
{
    int place;
    if (at < SEIZURE)
        return at % 2;
    at -= SEIZURE + MARK;
    if (at < 0 || at >= count * 10)
        return 1;
    place = at % 10;
    return place == 0 ? 0 : place == 9 ? 1 : octets[at / 10] >> (place - 1) & 1;
}

/* Phase and bit time run on as fractions: a bit is 6 2/3 samples. */
void hf_fsk_send(enum hf_fsk_kind kind, const uint8_t *octets, int count, float amplitude,
                 int16_t *out)
{
    uint32_t phase = 0;
    int length = hf_fsk_length(count), n;
    for (n = 0; n < length; n++) {
        int bit = bit_at(octets, count, (int)((float)n / PER_BIT));
        out[n] = hf_clip16(amplitude * hf_sine(phase));
        phase += hf_phase_step(bit ? MARK_HZ[kind] : SPACE_HZ[kind]);
    }
}
