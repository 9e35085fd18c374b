#include "wide.h"

#include <stdlib.h>

#include "engine.h"

hf_wide *hf_wide_new(void)
{
    hf_wide *made = calloc(1, sizeof *made);
    if (made && hf_opus_load() == 0)
        made->opus = hf_opus_new_wide();
    return made;
}

void hf_wide_free(hf_wide *wide)
{
    if (wide)
        free(wide->opus);
    free(wide);
}

hf_wide *hf_wide_of(const hf_port *port)
{
    const hf_tap *tap = port->taps[HF_TAP_WIDE];
    if (!tap)
        return NULL;
    if (port->law == HF_OPUS)
        return port->coders.opus && tap->wide->opus ? tap->wide : NULL;
    return port->law == HF_G722 ? tap->wide : NULL;
}

void hf_wide_reset(const hf_port *port)
{
    const hf_tap *tap = port->taps[HF_TAP_WIDE];
    if (tap && tap->wide->opus)
        tap->wide->opus->stale = 1;
}

int hf_wide_decode(hf_wide *wide, const hf_port *port, const uint8_t *in, int octets,
                   int16_t *out, int16_t *wide_out)
{
    int samples = hf_codec_decode(port->law, &port->coders, in, octets, out,
                                  wide ? wide_out : NULL);
    if (wide && samples && port->law == HF_OPUS &&
        hf_opus_decode(wide->opus, in, octets, wide_out) < 2 * samples)
        hf_opus_conceal(wide->opus, NULL, 0, wide_out, 2 * samples); /* no Opus is a loss */
    return samples;
}
