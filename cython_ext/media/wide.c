#include "wide.h"

#include <stdlib.h>

#include "engine.h"

hf_wide *hf_wide_new(int opus)
{
    hf_wide *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    hf_g722_upper_reset(&made->upper);
    if (opus && hf_opus_load() == 0)
        made->opus = hf_opus_new_wide();
    return made;
}

void hf_wide_free(hf_wide *wide)
{
    if (wide)
        free(wide->opus);
    free(wide);
}

/* One is enough for both taps: the wide one's, which knows Opus. */
hf_wide *hf_wide_of(const hf_port *port)
{
    const hf_tap *tap = port->taps[HF_TAP_WIDE];
    if (port->law == HF_OPUS)
        return tap && port->coders.opus && tap->wide->opus ? tap->wide : NULL;
    if (port->law != HF_G722)
        return NULL;
    tap = tap ? tap : port->taps[HF_TAP_NARROW];
    return tap ? tap->wide : NULL;
}

void hf_wide_reset(const hf_port *port)
{
    int rate;
    for (rate = 0; rate < HF_TAP_RATES; rate++) {
        if (!port->taps[rate])
            continue;
        hf_g722_upper_reset(&port->taps[rate]->wide->upper);
        if (port->taps[rate]->wide->opus)
            port->taps[rate]->wide->opus->stale = 1;
    }
}

void hf_wide_decode(hf_wide *wide, int law, const uint8_t *in, int octets,
                    const int16_t *narrow, int samples, int16_t *out)
{
    if (law == HF_G722)
        hf_g722_widen(&wide->upper, in, octets, narrow, out);
    else if (hf_opus_decode(wide->opus, in, octets, out) < 2 * samples)
        hf_opus_conceal(wide->opus, NULL, 0, out, 2 * samples); /* what is no Opus is a loss */
}
