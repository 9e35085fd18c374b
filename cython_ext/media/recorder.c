#include "engine.h"

#include <stdlib.h>
#include <string.h>

#define RING_FRAMES 65536 /* 8 s: a disk may stall that long */

hf_recorder *hf_recorder_new(uint64_t id, int fd, int stereo, double max_s, double silence_s)
{
    hf_recorder *recorder = calloc(1, sizeof *recorder);
    if (!recorder)
        return NULL;
    recorder->head.kind = HF_RECORDER;
    recorder->head.id = id;
    recorder->fd = fd;
    recorder->chain_fd = -1;
    recorder->law = HF_S16;
    hf_chain_begin(&recorder->chain);
    recorder->channels = stereo ? 2 : 1;
    recorder->size = (uint32_t)(RING_FRAMES * recorder->channels);
    recorder->max_frames = max_s > 0 ? (uint32_t)(max_s * 50 + 0.5) : 0;
    recorder->quiet_frames = silence_s > 0 ? (uint32_t)(silence_s * 50 + 0.5) : 0;
    recorder->ring = malloc(recorder->size * sizeof *recorder->ring);
    if (!recorder->ring) {
        free(recorder);
        return NULL;
    }
    /* The engine must not be the first to touch the pages. */
    memset(recorder->ring, 0, recorder->size * sizeof *recorder->ring);
    return recorder;
}

static const int16_t silence[HF_FRAME];

/* A pause begins and ends with a slope: of what is said in it nothing is recorded. */
static void slope(hf_recorder *recorder, const hf_port *port, int16_t sides[2][HF_FRAME])
{
    memset(sides, 0, 2 * sizeof sides[0]);
    if (!recorder->paused) {
        memcpy(sides[0], port->heard, sizeof sides[0]);
        memcpy(sides[1], port->sent, sizeof sides[1]);
    }
    hf_smooth(sides[0], recorder->last[0]);
    hf_smooth(sides[1], recorder->last[1]);
    recorder->was_paused = recorder->paused;
}

static void store(hf_recorder *recorder, const hf_port *port)
{
    int16_t edge[2][HF_FRAME];
    const int16_t *heard = port->heard, *sent = port->sent;
    uint64_t written = atomic_load_explicit(&recorder->written, memory_order_relaxed);
    uint64_t taken = atomic_load_explicit(&recorder->taken, memory_order_acquire);
    uint32_t count = (uint32_t)(HF_FRAME * recorder->channels), mask = recorder->size - 1;
    int i;
    if (written + count - taken > recorder->size) {
        atomic_fetch_add_explicit(&recorder->gap, count, memory_order_release);
        return;
    }
    if (recorder->paused) /* card numbers: silence keeps the times right */
        atomic_fetch_add_explicit(&recorder->paused_frames, 1, memory_order_relaxed);
    if (recorder->paused != recorder->was_paused) {
        slope(recorder, port, edge);
        heard = edge[0];
        sent = edge[1];
    } else if (recorder->paused) {
        heard = sent = silence;
    }
    for (i = 0; i < HF_FRAME; i++) {
        recorder->ring[written++ & mask] = heard[i];
        if (recorder->channels == 2)
            recorder->ring[written++ & mask] = sent[i];
    }
    recorder->last[0] = heard[HF_FRAME - 1];
    recorder->last[1] = sent[HF_FRAME - 1];
    atomic_store_explicit(&recorder->written, written, memory_order_release);
}

void hf_recorder_end(hf_recorder *recorder, enum hf_end why)
{
    int i;
    if (!recorder->port)
        return;
    for (i = 0; i < HF_PORT_RECORDERS; i++)
        if (recorder->port->recorders[i] == recorder)
            recorder->port->recorders[i] = NULL;
    recorder->port = NULL;
    /* From here on the recorder belongs to the file thread. */
    atomic_store_explicit(&recorder->ended, 1 + (int)why, memory_order_release);
}

/* 1400 Hz for 200 ms at -20 dBm0. A frame holds 28 whole turns, so each begins alike. */
#define CONSENT_HZ 1400
#define CONSENT_FRAMES 10
#define CONSENT_PEAK 2230.0f
#define CONSENT_SLOPE 40 /* samples in which it comes and goes */

static int consent_of(hf_recorder *recorder)
{
    uint32_t at;
    if (!recorder || !recorder->tone_every)
        return 0;
    if (recorder->paused) { /* what goes on is recorded again: that is said at once */
        recorder->tone_at = 0;
        return 0;
    }
    at = recorder->tone_at;
    recorder->tone_at = (at + 1) % recorder->tone_every;
    return at < CONSENT_FRAMES ? (int)at + 1 : 0;
}

void hf_consent_frame(hf_port *port)
{
    int i, frame;
    port->consent = 0;
    for (i = 0; i < HF_PORT_RECORDERS; i++) {
        frame = consent_of(port->recorders[i]);
        port->consent = frame ? frame : port->consent;
    }
}

void hf_consent_mix(int frame, int16_t *out)
{
    uint32_t step = hf_phase_step(CONSENT_HZ);
    int n;
    for (n = 0; n < HF_FRAME; n++) {
        int in = frame == 1 ? n : CONSENT_SLOPE, left = HF_FRAME - 1 - n;
        int edge = frame == CONSENT_FRAMES && left < in ? left : in;
        float slope = edge < CONSENT_SLOPE ? (float)edge / CONSENT_SLOPE : 1.0f;
        out[n] = hf_clip16(out[n] + slope * CONSENT_PEAK * hf_sine(step * (uint32_t)n));
    }
}

static void one_frame(hf_recorder *recorder, const hf_port *port)
{
    store(recorder, port);
    recorder->frames++;
    recorder->quiet = hf_vad_quiet(&port->vad) ? recorder->quiet + 1 : 0;
    if (atomic_load_explicit(&recorder->failed, memory_order_relaxed))
        hf_recorder_end(recorder, HF_ERROR); /* the file thread knows which */
    else if (recorder->max_frames && recorder->frames >= recorder->max_frames)
        hf_recorder_end(recorder, HF_MAX);
    else if (recorder->quiet_frames && recorder->quiet >= recorder->quiet_frames)
        hf_recorder_end(recorder, HF_SILENCE);
}

void hf_recorder_frame(hf_port *port)
{
    int i;
    for (i = 0; i < HF_PORT_RECORDERS; i++)
        if (port->recorders[i])
            one_frame(port->recorders[i], port);
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value);
    put16(at + 2, value >> 16);
}

int hf_recorder_second(const hf_recorder *recorder)
{
    return 8000 * recorder->channels * (recorder->law == HF_S16 ? 2 : 1);
}

/* RIFF/WAVE: PCM, or A-law (6) and mu-law (7) with the fact chunk that other codings need. */
int hf_wav_header(uint8_t out[HF_WAV_HEADER], int channels, int law, uint32_t data_bytes)
{
    uint32_t octets = law == HF_S16 ? 2 : 1, size = law == HF_S16 ? 44 : 58;
    uint8_t *at = out + 36;
    memcpy(out, "RIFF", 4);
    put32(out + 4, data_bytes + size - 8);
    memcpy(out + 8, "WAVEfmt ", 8);
    put32(out + 16, law == HF_S16 ? 16 : 18);
    put16(out + 20, law == HF_S16 ? 1 : law == HF_ALAW ? 6 : 7);
    put16(out + 22, (uint32_t)channels);
    put32(out + 24, 8000);
    put32(out + 28, 8000 * octets * (uint32_t)channels);
    put16(out + 32, octets * (uint32_t)channels);
    put16(out + 34, 8 * octets);
    if (law != HF_S16) {
        put16(at, 0);
        memcpy(at + 2, "fact", 4);
        put32(at + 6, 4);
        put32(at + 10, data_bytes / (uint32_t)channels);
        at += 14;
    }
    memcpy(at, "data", 4);
    put32(at + 4, data_bytes);
    return (int)size;
}
