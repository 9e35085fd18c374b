#include "codec.h"

#include <string.h>

#define FRAME 160 /* samples of 20 ms, the only packet time that passes */

int hf_codec_shift(int law)
{
    return law == HF_L16 || law == HF_S16;
}

int hf_codec_is_opaque(int law, const hf_coders *with)
{
    return law == HF_OPUS && !with->opus;
}

int hf_codec_clock(int law)
{
    return law == HF_OPUS ? 6 : 1; /* RFC 7587: 48 kHz; RFC 3551 4.5.2: G.722 counts 8 kHz */
}

int hf_codec_decode(int law, const hf_coders *with, const uint8_t *in, int octets, int16_t *out,
                    int16_t *wide)
{
    int i;
    switch (law) {
    case HF_L16: /* network order, RFC 3551 4.5.11 */
        for (i = 0; i < octets / 2; i++)
            out[i] = (int16_t)(in[2 * i] << 8 | in[2 * i + 1]);
        return octets / 2;
    case HF_G722:
        hf_g722_decode(with->g722, in, octets, out, wide);
        return octets;
    case HF_OPUS:
        if (with->opus)
            return hf_opus_decode(with->opus, in, octets, out);
        memset(out, 0, FRAME * sizeof *out);
        return FRAME;
    default:
        hf_g711_decode(law, in, octets, out);
        return octets;
    }
}

int hf_codec_encode(int law, const hf_coders *with, const int16_t *in, int samples, uint8_t *out)
{
    int i;
    switch (law) {
    case HF_L16:
        for (i = 0; i < samples; i++) {
            out[2 * i] = (uint8_t)((uint16_t)in[i] >> 8);
            out[2 * i + 1] = (uint8_t)in[i];
        }
        return samples * 2;
    case HF_G722:
        hf_g722_encode(with->g722, in, samples, out);
        return samples;
    case HF_OPUS:
        return 0;
    default:
        hf_g711_encode(law, in, samples, out);
        return samples;
    }
}

int hf_codec_packet(int law, const hf_coders *with, int wanted, int most)
{
    if (hf_codec_is_opaque(law, with) || wanted << hf_codec_shift(law) > most)
        return FRAME;
    return law == HF_OPUS ? hf_opus_packet(wanted) : wanted;
}
