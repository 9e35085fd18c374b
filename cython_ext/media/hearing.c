#include "engine.h"

#include <string.h>

/* What a port hears of its packets: one frame in 20 ms, whatever the network does; at 8 kHz,
 * and at 16 kHz as well while a wide tap listens to a leg that has them. */

#define CONCEAL_FRAMES 3 /* a lost frame is repeated, each time at half the level */

static void fade(int16_t *samples, int count, int shift)
{
    int i;
    for (i = 0; i < count; i++)
        samples[i] = (int16_t)(samples[i] / (1 << shift));
}

/* The far end is silent on purpose and says how loud its room is (RFC 3389). */
static void make_noise(hf_port *port, int16_t *samples, int count)
{
    int i;
    for (i = 0; i < count; i++) {
        port->noise_seed = port->noise_seed * 1664525u + 1013904223u;
        samples[i] = hf_clip16(port->noise * ((float)(int32_t)port->noise_seed / 2147483648.0f));
    }
}

static hf_opus *opus_of(const hf_port *port)
{
    return port->law == HF_OPUS ? port->coders.opus : NULL;
}

static void repeat_quieter(hf_port *port, int16_t *heard, int count)
{
    int16_t before = heard[count - 1];
    if (port->noise > 0)
        make_noise(port, heard, count);
    else if (port->concealed < CONCEAL_FRAMES && !port->keys_in.active)
        fade(heard, count, 1);
    else
        memset(heard, 0, (size_t)count * sizeof *heard);
    if (port->concealed <= CONCEAL_FRAMES)
        hf_smooth(heard, before);
}

/* No audio is there: repeat what was heard last, quieter each time, then be silent. */
static void conceal(hf_port *port)
{
    hf_wide *wide = hf_wide_of(port);
    if (opus_of(port) && !port->keys_in.active) {
        hf_opus_conceal(opus_of(port), NULL, 0, port->heard, HF_FRAME);
        if (wide)
            hf_opus_conceal(wide->opus, NULL, 0, wide->heard, HF_WIDE_FRAME);
        return; /* it goes on smoothly by itself, and so does what follows */
    }
    repeat_quieter(port, port->heard, HF_FRAME);
    if (wide)
        repeat_quieter(port, wide->heard, HF_WIDE_FRAME);
    port->concealed += port->concealed <= CONCEAL_FRAMES;
}

/* What was heard before a frame: the sample it may have to join at either rate. */
typedef struct {
    int16_t narrow, wide;
} joint;

static joint joint_of(const hf_port *port)
{
    const hf_wide *wide = hf_wide_of(port);
    return (joint){port->heard[HF_FRAME - 1], wide ? wide->heard[HF_WIDE_FRAME - 1] : 0};
}

/* The first true frame after a loss: it joins what was made up. */
static void rejoin(hf_port *port, joint before)
{
    hf_wide *wide = hf_wide_of(port);
    if (port->concealed)
        hf_smooth(port->heard, before.narrow);
    if (port->concealed && wide)
        hf_smooth(wide->heard, before.wide);
    port->concealed = 0;
}

const int16_t *hf_port_samples(hf_port *port)
{
    if (port->raw_length && !port->decoded) {
        hf_wide *wide = hf_wide_of(port);
        int samples = hf_wide_decode(wide, port, port->raw, port->raw_length, port->heard,
                                     wide ? wide->heard : NULL);
        /* Octets that are no Opus are a loss: what was heard before must not sound again. */
        if (samples < HF_FRAME && opus_of(port)) {
            hf_opus_conceal(opus_of(port), NULL, 0, port->heard, HF_FRAME);
            if (wide)
                hf_opus_conceal(wide->opus, NULL, 0, wide->heard, HF_WIDE_FRAME);
        }
        port->decoded = 1;
    }
    return port->heard;
}

int hf_queue_pull(hf_port *port)
{
    hf_wide *wide = hf_wide_of(port);
    int16_t *queue;
    joint before;
    if (port->queued < HF_FRAME) {
        conceal(port);
        return 0;
    }
    before = joint_of(port);
    queue = port->extra->queue;
    memcpy(port->heard, queue, sizeof port->heard);
    port->queued -= HF_FRAME;
    memmove(queue, queue + HF_FRAME, (size_t)port->queued * sizeof *queue);
    if (wide) {
        memcpy(wide->heard, wide->queue, sizeof wide->heard);
        memmove(wide->queue, wide->queue + HF_WIDE_FRAME,
                2 * (size_t)port->queued * sizeof wide->queue[0]);
    }
    rejoin(port, before);
    return 1;
}

/* Behind what waits already; returns samples of 8 kHz. */
static int queue_decoded(hf_port *port, const uint8_t *payload, int length)
{
    hf_wide *wide = hf_wide_of(port);
    return hf_wide_decode(wide, port, payload, length, port->extra->queue + port->queued,
                          wide ? wide->queue + 2 * port->queued : NULL);
}

/* As long as the packet was that is lost, from the copy that its successor may hold. */
static void queue_recovered(hf_port *port)
{
    hf_opus *opus = opus_of(port);
    hf_wide *wide = hf_wide_of(port);
    const uint8_t *next = NULL;
    int length = 0, samples = opus->heard_samples;
    hf_jitter_peek(&port->jitter, &next, &length);
    hf_opus_conceal(opus, next, length, port->extra->queue + port->queued, samples);
    if (wide)
        hf_opus_conceal(wide->opus, next, length, wide->queue + 2 * port->queued, 2 * samples);
    port->queued += samples;
}

static void append_quieter(const hf_port *port, int16_t *at, const int16_t *heard, int count)
{
    int16_t before = at[-1];
    memcpy(at, heard, (size_t)count * sizeof *at);
    if (port->concealed < CONCEAL_FRAMES)
        fade(at, count, port->concealed + 1);
    else
        memset(at, 0, (size_t)count * sizeof *at);
    hf_smooth(at, before);
}

/* Packets of more or less than a frame: what is lost is made up behind what waits. */
static void queue_concealed(hf_port *port)
{
    hf_wide *wide = hf_wide_of(port);
    append_quieter(port, port->extra->queue + port->queued, port->heard, HF_FRAME);
    if (wide)
        append_quieter(port, wide->queue + 2 * port->queued, wide->heard, HF_WIDE_FRAME);
    port->queued += HF_FRAME;
}

static void take_frame(hf_port *port, const uint8_t *payload, int length)
{
    joint before = joint_of(port); /* true while concealed is not 0 */
    if (opus_of(port) && port->raw_length && !port->decoded)
        opus_of(port)->stale = 1;
    port->raw = payload;
    port->raw_length = length;
    port->decoded = 0;
    if (!port->concealed)
        return;
    hf_port_samples(port);
    port->raw_length = 0; /* smoothed samples are what counts */
    rejoin(port, before);
}

static int is_one_frame(const hf_port *port, const uint8_t *payload, int length)
{
    if (hf_codec_is_opaque(port->law, &port->coders))
        return 1;
    if (opus_of(port))
        return length <= HF_RAW && hf_opus_samples(payload, length) == HF_FRAME;
    return length == HF_FRAME << hf_codec_shift(port->law);
}

void hf_port_pull(hf_engine *engine, hf_port *port)
{
    const uint8_t *payload;
    int length;
    port->hole = 0;
    while (port->queued < HF_FRAME) {
        enum hf_jitter_result got = hf_jitter_get(&port->jitter, &payload, &length);
        if (got == HF_EMPTY)
            break;
        if (got == HF_GOT && length > HF_RAW && hf_codec_is_opaque(port->law, &port->coders))
            continue; /* longer than what may pass */
        if (got == HF_GOT && port->queued == 0 && is_one_frame(port, payload, length)) {
            /* One packet is one frame: it may leave as it came. */
            port->whole = 1;
            take_frame(port, payload, length);
            hf_jitter_adapt(&port->jitter);
            return;
        }
        hf_port_samples(port);
        port->raw_length = 0;
        if ((got == HF_GOT || opus_of(port)) && !hf_extra_take(engine, port)) {
            port->jitter.dropped += got == HF_GOT; /* the owner is on his way */
            continue;
        }
        if (got == HF_GOT) {
            port->whole = 0;
            port->queued += queue_decoded(port, payload, length);
            continue;
        }
        port->hole = 1;
        if (opus_of(port)) {
            queue_recovered(port);
            continue;
        }
        if (port->queued > 0) {
            queue_concealed(port);
            continue;
        }
        conceal(port);
        hf_jitter_adapt(&port->jitter);
        return;
    }
    hf_port_samples(port);
    port->raw_length = 0;
    if (!hf_queue_pull(port) && port->jitter.started && !port->jitter.filling &&
        port->noise == 0 && !(opus_of(port) && opus_of(port)->resting))
        atomic_fetch_add_explicit(&port->counts.underruns, 1, memory_order_relaxed);
    hf_jitter_adapt(&port->jitter);
}
