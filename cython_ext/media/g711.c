#pragma GCC optimize("O3") /* loops over a frame become vector instructions */

#include "g711.h"

#include <string.h>

static int16_t from_law[2][256];
static uint8_t to_alaw[4096];  /* the coder looks at the upper 12 bits */
static uint8_t to_ulaw[16384]; /* the coder looks at the upper 14 bits */

static int16_t alaw_sample(uint8_t code)
{
    int value = code ^ 0x55;
    int segment = (value >> 4) & 7;
    int magnitude = (value & 0x0f) * 2 + 1;
    if (segment == 0)
        magnitude <<= 3;
    else
        magnitude = (magnitude + 32) << (segment + 2);
    return (int16_t)((value & 0x80) ? magnitude : -magnitude);
}

static int16_t ulaw_sample(uint8_t code)
{
    int value = ~code & 0xff;
    int segment = (value >> 4) & 7;
    int magnitude = ((((value & 0x0f) << 3) + 0x84) << segment) - 0x84;
    return (int16_t)((value & 0x80) ? -magnitude : magnitude);
}

/* Segment of a magnitude: position of its highest bit above the first segment. */
static int segment_of(int magnitude, int first_bits)
{
    int segment = 0;
    while (segment < 7 && magnitude >= (1 << (first_bits + segment)))
        segment++;
    return segment;
}

static uint8_t alaw_code(int sample)
{
    int magnitude = sample < 0 ? ~sample : sample; /* G.711 counts -1 as the first below 0 */
    int sign = sample < 0 ? 0 : 0x80;
    int segment;
    magnitude >>= 4;
    segment = segment_of(magnitude, 4);
    if (segment < 2)
        return (uint8_t)((sign | magnitude) ^ 0x55);
    return (uint8_t)((sign | (segment << 4) | ((magnitude >> (segment - 1)) & 0x0f)) ^ 0x55);
}

static uint8_t ulaw_code(int sample)
{
    int magnitude = sample < 0 ? ~sample : sample;
    int sign = sample < 0 ? 0x80 : 0;
    int segment;
    magnitude = (magnitude >> 2) + 33; /* the bias of mu-law in 14 bits */
    if (magnitude > 8191)
        magnitude = 8191;
    segment = segment_of(magnitude, 6);
    return (uint8_t)~(sign | (segment << 4) | ((magnitude >> (segment + 1)) & 0x0f));
}

void hf_g711_init(void)
{
    int i;
    for (i = 0; i < 256; i++) {
        from_law[HF_ALAW][i] = alaw_sample((uint8_t)i);
        from_law[HF_ULAW][i] = ulaw_sample((uint8_t)i);
    }
    for (i = 0; i < 4096; i++)
        to_alaw[i] = alaw_code((int16_t)(uint16_t)(i << 4));
    for (i = 0; i < 16384; i++)
        to_ulaw[i] = ulaw_code((int16_t)(uint16_t)(i << 2));
}

void hf_g711_decode(int law, const uint8_t *in, int count, int16_t *out)
{
    int i;
    if (law == HF_S16) {
        memcpy(out, in, (size_t)count * 2); /* the hosts we run on are little-endian */
        return;
    }
    for (i = 0; i < count; i++)
        out[i] = from_law[law][in[i]];
}

void hf_g711_encode(int law, const int16_t *in, int count, uint8_t *out)
{
    int i;
    if (law == HF_S16) {
        memcpy(out, in, (size_t)count * 2);
    } else if (law == HF_ALAW) {
        for (i = 0; i < count; i++)
            out[i] = to_alaw[(uint16_t)in[i] >> 4];
    } else {
        for (i = 0; i < count; i++)
            out[i] = to_ulaw[(uint16_t)in[i] >> 2];
    }
}
