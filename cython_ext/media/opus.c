#include "opus.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define RATE 8000
#define WIDE_RATE 16000
#define LONGEST_MS 60
#define BITRATE 24000     /* with a copy of the packet before (RFC 7587 3.1.1: 8 to 12 without) */
#define COMPLEXITY 5
#define EXPECTED_LOSS 10  /* per cent; what the copies are dimensioned for */
#define REST_OCTETS 2     /* a packet so short says that silence follows (RFC 6716 2.1.9) */
#define MADE_UP_S 1       /* then a leg that hears nothing costs nothing */

/* The face of libopus.so.0 that is used (opus_defines.h of its documentation). */
enum { VOIP = 2048, SET_BITRATE = 4002, SET_COMPLEXITY = 4010, SET_FEC = 4012,
       SET_LOSS = 4014, RESET = 4028 };

typedef int (*size_of)(int channels);
typedef int (*decoder_init)(void *, int32_t rate, int channels);
typedef int (*encoder_init)(void *, int32_t rate, int channels, int application);
typedef int (*decode)(void *, const uint8_t *, int32_t, int16_t *, int samples, int fec);
typedef int32_t (*encode)(void *, const int16_t *, int samples, uint8_t *, int32_t room);
typedef int (*control)(void *, int request, ...);

static struct {
    size_of decoder_size, encoder_size;
    decoder_init decoder_init;
    encoder_init encoder_init;
    decode decode;
    encode encode;
    control decoder_control, encoder_control;
} library;

static const struct {
    const char *name;
    size_t at;
} symbols[] = {
    {"opus_decoder_get_size", offsetof(__typeof__(library), decoder_size)},
    {"opus_encoder_get_size", offsetof(__typeof__(library), encoder_size)},
    {"opus_decoder_init", offsetof(__typeof__(library), decoder_init)},
    {"opus_encoder_init", offsetof(__typeof__(library), encoder_init)},
    {"opus_decode", offsetof(__typeof__(library), decode)},
    {"opus_encode", offsetof(__typeof__(library), encode)},
    {"opus_decoder_ctl", offsetof(__typeof__(library), decoder_control)},
    {"opus_encoder_ctl", offsetof(__typeof__(library), encoder_control)},
};

static int loaded;

int hf_opus_load(void)
{
    void *found;
    size_t i;
    if (loaded)
        return 0;
    found = dlopen("libopus.so.0", RTLD_NOW | RTLD_LOCAL); /* for as long as we live */
    if (!found)
        return -1;
    for (i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        void *symbol = dlsym(found, symbols[i].name);
        if (!symbol) {
            dlclose(found);
            return -1;
        }
        memcpy((char *)&library + symbols[i].at, &symbol, sizeof symbol);
    }
    loaded = 1;
    return 0;
}

/* Both coders lie on borders of 16 octets, as malloc would have put them. */
static size_t rounded(size_t size)
{
    return (size + 15) & ~(size_t)15;
}

hf_opus *hf_opus_new(void)
{
    size_t head = rounded(sizeof(hf_opus)), middle;
    hf_opus *made;
    if (!loaded)
        return NULL;
    middle = rounded((size_t)library.decoder_size(1));
    made = calloc(1, head + middle + (size_t)library.encoder_size(1));
    if (!made)
        return NULL;
    made->decoder = (char *)made + head;
    made->encoder = (char *)made + head + middle;
    if (library.decoder_init(made->decoder, RATE, 1) ||
        library.encoder_init(made->encoder, RATE, 1, VOIP)) {
        free(made);
        return NULL;
    }
    library.encoder_control(made->encoder, SET_BITRATE, BITRATE);
    library.encoder_control(made->encoder, SET_COMPLEXITY, COMPLEXITY);
    library.encoder_control(made->encoder, SET_FEC, 1);
    library.encoder_control(made->encoder, SET_LOSS, EXPECTED_LOSS);
    made->rate = RATE;
    made->heard_samples = RATE / 50;
    return made;
}

hf_opus *hf_opus_new_wide(void)
{
    size_t head = rounded(sizeof(hf_opus));
    hf_opus *made = loaded ? calloc(1, head + (size_t)library.decoder_size(1)) : NULL;
    if (!made)
        return NULL;
    made->decoder = (char *)made + head;
    if (library.decoder_init(made->decoder, WIDE_RATE, 1)) {
        free(made);
        return NULL;
    }
    made->rate = WIDE_RATE;
    made->heard_samples = WIDE_RATE / 50;
    return made;
}

/* Samples of one frame by the first octet: table 2 of RFC 6716. */
static int frame_samples(uint8_t toc)
{
    static const int silk[4] = {80, 160, 320, 480};
    int configuration = toc >> 3;
    if (configuration < 12)
        return silk[configuration & 3];
    if (configuration < 16)
        return configuration & 1 ? 160 : 80;
    return 20 << (configuration & 3);
}

int hf_opus_samples(const uint8_t *packet, int octets)
{
    int frames;
    if (octets < 1)
        return 0;
    frames = packet[0] & 3;
    if (frames == 3)
        frames = octets > 1 ? packet[1] & 0x3f : 0;
    else
        frames = frames ? 2 : 1;
    return frames * frame_samples(packet[0]);
}

int hf_opus_decode(hf_opus *opus, const uint8_t *in, int octets, int16_t *out)
{
    int samples;
    if (opus->stale)
        library.decoder_control(opus->decoder, RESET);
    opus->stale = 0;
    samples = library.decode(opus->decoder, in, octets, out, opus->rate / 1000 * LONGEST_MS, 0);
    if (samples <= 0)
        return 0;
    opus->resting = octets <= REST_OCTETS;
    opus->heard_samples = samples;
    opus->made_up = 0;
    return samples;
}

void hf_opus_conceal(hf_opus *opus, const uint8_t *next, int octets, int16_t *out, int samples)
{
    int made = 0;
    /* While the far end rests the library makes the noise of its room. */
    if (opus->made_up < opus->rate * MADE_UP_S && !opus->stale)
        made = library.decode(opus->decoder, next, octets, out, samples, next != NULL);
    if (made < samples) {
        made = made > 0 ? made : 0;
        memset(out + made, 0, (size_t)(samples - made) * sizeof *out);
    }
    opus->made_up += samples;
}

int hf_opus_encode(hf_opus *opus, const int16_t *in, int samples, uint8_t *out, int room)
{
    int octets;
    if (opus->passed)
        library.encoder_control(opus->encoder, RESET);
    opus->passed = 0;
    octets = library.encode(opus->encoder, in, samples, out, room);
    return octets > 0 ? octets : 0;
}

int hf_opus_packet(int samples)
{
    if (samples >= 480)
        return 480;
    if (samples >= 320)
        return 320;
    return samples >= 160 ? 160 : 80;
}
