#include "engine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define CONCEAL_FRAMES 3 /* a lost frame is repeated, each time at half the level */
#define DUCKED 0.25f     /* the room below a prompt, and a prompt below who barges in: -12 dB */
#define DUCK_FRAMES 50   /* 1 s behind the last sound of who barged in */

hf_port *hf_port_new(uint64_t id, enum hf_port_kind kind, int fd)
{
    hf_port *port = calloc(1, sizeof *port);
    uint32_t seed[6] = {0};
    if (!port)
        return NULL;
    port->head.kind = HF_PORT;
    port->head.id = id;
    port->kind = kind;
    port->fd = fd;
    port->stream.key_payload_type = -1;
    /* RFC 3550 5.1: unpredictable starting values */
    if (getrandom(seed, sizeof seed, 0) != sizeof seed)
        seed[0] = (uint32_t)id;
    port->ssrc = seed[0];
    port->timestamp = seed[1];
    port->sequence = (uint16_t)(seed[2] & 0x7fff);
    port->marker = 1;
    port->rtcp_fd = -1;
    hf_rtcp_reset(&port->rtcp, (uint64_t)seed[3] << 32 | seed[4], seed[5]);
    hf_jitter_reset(&port->jitter);
    hf_vad_reset(&port->vad);
    hf_dtmf_reset(&port->dtmf);
    hf_level_reset(&port->level);
    return port;
}

static void fade(int16_t *samples, int shift)
{
    int i;
    for (i = 0; i < HF_FRAME; i++)
        samples[i] = (int16_t)(samples[i] / (1 << shift));
}

/* The far end is silent on purpose and says how loud its room is (RFC 3389). */
static void make_noise(hf_port *port)
{
    int i;
    for (i = 0; i < HF_FRAME; i++) {
        port->noise_seed = port->noise_seed * 1664525u + 1013904223u;
        port->heard[i] = hf_clip16(port->noise * ((float)(int32_t)port->noise_seed / 2147483648.0f));
    }
}

/* No audio is there: repeat what was heard last, quieter each time, then be silent. */
static void conceal(hf_port *port)
{
    int16_t before = port->heard[HF_FRAME - 1];
    if (port->noise > 0)
        make_noise(port);
    else if (port->concealed < CONCEAL_FRAMES && !port->keys_in.active)
        fade(port->heard, 1);
    else
        memset(port->heard, 0, sizeof port->heard);
    if (port->concealed <= CONCEAL_FRAMES)
        hf_smooth(port->heard, before);
    port->concealed += port->concealed <= CONCEAL_FRAMES;
}

/* The first true frame after a loss: it joins what was made up. */
static void rejoin(hf_port *port, int16_t before)
{
    if (port->concealed)
        hf_smooth(port->heard, before);
    port->concealed = 0;
}

const int16_t *hf_port_samples(hf_port *port)
{
    if (port->raw_length && !port->decoded) {
        hf_codec_decode(port->law, port->g722, port->raw, port->raw_length, port->heard);
        port->decoded = 1;
    }
    return port->heard;
}

int hf_queue_pull(hf_port *port)
{
    int16_t before;
    if (port->queued < HF_FRAME) {
        conceal(port);
        return 0;
    }
    before = port->heard[HF_FRAME - 1];
    memcpy(port->heard, port->queue, sizeof port->heard);
    port->queued -= HF_FRAME;
    memmove(port->queue, port->queue + HF_FRAME, (size_t)port->queued * sizeof port->queue[0]);
    rejoin(port, before);
    return 1;
}

/* Packets of more or less than a frame: what is lost is made up behind what waits. */
static void queue_concealed(hf_port *port)
{
    int16_t *at = port->queue + port->queued, before = at[-1];
    memcpy(at, port->heard, sizeof port->heard);
    if (port->concealed < CONCEAL_FRAMES)
        fade(at, port->concealed + 1);
    else
        memset(at, 0, sizeof port->heard);
    hf_smooth(at, before);
    port->queued += HF_FRAME;
}

static void take_frame(hf_port *port, const uint8_t *payload, int length)
{
    int16_t before = port->heard[HF_FRAME - 1]; /* true while concealed is not 0 */
    memcpy(port->raw, payload, (size_t)length);
    port->raw_length = length;
    port->decoded = 0;
    if (!port->concealed)
        return;
    hf_port_samples(port);
    port->raw_length = 0; /* smoothed samples are what counts */
    rejoin(port, before);
}

static int is_one_frame(const hf_port *port, int length)
{
    return hf_codec_is_opaque(port->law) || length == HF_FRAME << hf_codec_shift(port->law);
}

static void pull_rtp(hf_port *port)
{
    const uint8_t *payload;
    int length;
    while (port->queued < HF_FRAME) {
        enum hf_jitter_result got = hf_jitter_get(&port->jitter, &payload, &length);
        if (got == HF_EMPTY)
            break;
        if (got == HF_GOT && length > HF_RAW && hf_codec_is_opaque(port->law))
            continue; /* longer than what may pass */
        if (got == HF_GOT && port->queued == 0 && is_one_frame(port, length)) {
            /* One packet is one frame: it may leave as it came. */
            take_frame(port, payload, length);
            hf_jitter_adapt(&port->jitter);
            return;
        }
        hf_port_samples(port);
        port->raw_length = 0;
        if (got == HF_GOT) {
            port->queued += hf_codec_decode(port->law, port->g722, payload, length,
                                            port->queue + port->queued);
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
    if (!hf_queue_pull(port) && port->jitter.started && !port->jitter.filling && port->noise == 0)
        atomic_fetch_add_explicit(&port->counts.underruns, 1, memory_order_relaxed);
    hf_jitter_adapt(&port->jitter);
}

static void watch_silence(hf_engine *engine, hf_port *port)
{
    hf_event event = {.kind = HF_ON_SILENCE, .port = port->head.id};
    int limit = engine->silence_seconds * 50;
    if (!port->connected || !port->stream.receive)
        return;
    if (++port->silent_frames % limit)
        return;
    event.code = port->silent_frames / 50;
    hf_event_push(engine, &engine->events, &event);
}

/* Whoever decides whether the prompt ends takes a while: until then it steps back. */
static void duck(hf_port *port)
{
    if (!port->player)
        return;
    port->changed |= port->ducked == 0;
    port->ducked = DUCK_FRAMES;
}

static void watch_ducked(hf_port *port)
{
    if (!port->ducked)
        return;
    if (!port->player)
        port->ducked = 0;
    else if (!hf_vad_quiet(&port->vad))
        port->ducked = DUCK_FRAMES;
    else if (--port->ducked == 0)
        port->changed = 1;
}

void hf_port_key(hf_engine *engine, hf_port *port, const hf_key *key)
{
    hf_event event = {.kind = HF_ON_KEY, .port = port->head.id, .code = key->key};
    if (port->player && port->player->stop_on_key && !key->ended)
        hf_player_end(engine, port->player, HF_BY_KEY);
    duck(port);
    if (!key->ended)
        return;
    event.value = key->samples / 8;
    if (port->key_source == HF_RFC4733) /* events have the clock of their audio, RFC 4733 2.1 */
        event.value /= (uint32_t)hf_codec_clock(port->law);
    event.source = (int)port->key_source;
    hf_event_push(engine, &engine->events, &event);
}

static void listen_for_keys(hf_engine *engine, hf_port *port)
{
    hf_key keys[4];
    int count = 0, i;
    if (port->key_source == HF_INBAND)
        count = hf_dtmf_listen(&port->dtmf, port->heard, HF_FRAME, keys, 4);
    else if (port->key_source == HF_RFC4733)
        count = hf_keys_in_frame(&port->keys_in, keys);
    for (i = 0; i < count; i++)
        hf_port_key(engine, port, &keys[i]);
}

/* What passes undecoded has no level that we could know. */
static int is_attended(const hf_port *port)
{
    return (port->level.attention || hf_level_acts(&port->level)) &&
           !hf_codec_is_opaque(port->law);
}

/* Whether anybody wants samples: in a plain conversation of two nobody does. */
static int is_listened_to(const hf_port *port)
{
    return !port->room || port->player || port->tap || port->caller_id || port->fax.watching ||
           port->recorders[0] || port->recorders[1] || port->vad.armed || is_attended(port) ||
           port->key_source == HF_INBAND;
}

/* A message in pieces of eight octets; the last one says so. */
static void tell_caller(hf_engine *engine, const hf_port *port, const hf_fsk *fsk)
{
    int at, i;
    for (at = 0; at < fsk->wanted; at += 8) {
        hf_event event = {.kind = HF_ON_CALLER, .port = port->head.id};
        event.value = (uint32_t)(fsk->wanted - at < 8 ? fsk->wanted - at : 8);
        event.code = at + 8 >= fsk->wanted;
        for (i = 0; i < (int)event.value; i++)
            event.id |= (uint64_t)fsk->message[at + i] << (56 - 8 * i);
        hf_event_push(engine, &engine->events, &event);
    }
}

static void watch_level(hf_engine *engine, hf_port *port, int masked)
{
    hf_event event = {.kind = HF_ON_SPEAKER, .port = port->head.id};
    if (!is_attended(port))
        return;
    event.id = port->room ? port->room->head.id : 0;
    event.code = (int)hf_level_frame(&port->level, &port->vad, port->heard, masked);
    if (event.code != HF_NO_NEWS)
        hf_event_push(engine, &engine->events, &event);
}

static void watch_speech(hf_engine *engine, hf_port *port)
{
    hf_event speech = {.kind = HF_ON_SPEECH, .port = port->head.id};
    int masked = port->keys_in.active || hf_dtmf_sounding(&port->dtmf);
    watch_ducked(port);
    if (hf_vad_frame(&port->vad, port->heard, masked)) {
        duck(port);
        hf_event_push(engine, &engine->events, &speech);
    }
    watch_level(engine, port, masked);
    speech.code = (int)hf_faxtone_frame(&port->fax, port->heard);
    if (speech.code != HF_NO_FAX)
        hf_event_push(engine, &engine->events, &speech);
    if (port->tap)
        hf_tap_write(port->tap, port->heard);
    if (port->caller_id && hf_fsk_listen(&port->caller_id->fsk, port->heard, HF_FRAME))
        tell_caller(engine, port, &port->caller_id->fsk);
}

void hf_port_hear(hf_engine *engine, hf_port *port)
{
    int listened = is_listened_to(port);
    hf_consent_frame(port);
    if (port->kind == HF_RTP) {
        hf_rtp_receive(engine, port);
        hf_reports_frame(engine, port);
        watch_silence(engine, port);
        pull_rtp(port);
    } else {
        hf_device_receive(engine, port);
    }
    if (listened)
        hf_port_samples(port);
    listen_for_keys(engine, port);
    if (listened)
        watch_speech(engine, port);
}

static void mix(hf_engine *engine, hf_port *port)
{
    memset(port->sent, 0, sizeof port->sent);
    if (port->room)
        hf_room_mix(port->room, port->member, port->player ? DUCKED : 1.0f, port->sent);
    if (port->player && hf_player_mix(port->player, port->ducked ? DUCKED : 1.0f, port->sent))
        hf_player_end(engine, port->player, HF_FINISHED);
    if (port->consent)
        hf_consent_mix(port->consent, port->sent);
}

/* The coded frame of the only other member, when we may send it on untouched. */
static const hf_port *passing(const hf_port *port)
{
    const hf_port *other;
    if (!port->room || port->player || port->consent || port->kind != HF_RTP ||
        port->wire_fill || port->stream.packet_samples != HF_FRAME)
        return NULL;
    other = hf_room_only_other(port->room, port->member);
    return other && other->raw_length && other->law == port->law ? other : NULL;
}

/* Nothing of what is sent begins with a click: prompts, joining, leaving, gains. */
static void join_smoothly(hf_port *port)
{
    if (port->changed)
        hf_smooth(port->sent, port->last_sent);
    port->changed = 0;
    port->last_sent = port->sent[HF_FRAME - 1];
}

/* One sample is decoded so that a change later on knows where it begins. */
static void note_last(hf_port *port, const hf_port *other)
{
    if (other->law == HF_ALAW || other->law == HF_ULAW)
        hf_g711_decode(other->law, other->raw + other->raw_length - 1, 1, &port->last_sent);
    else if (other->decoded)
        port->last_sent = other->heard[HF_FRAME - 1];
}

void hf_port_speak(hf_engine *engine, hf_port *port)
{
    hf_key_frame key = {0};
    int may_send = port->kind == HF_DEVICE || (port->connected && port->stream.send);
    int recorded = port->recorders[0] || port->recorders[1];
    const hf_port *other = may_send && !port->changed ? passing(port) : NULL;
    if (may_send)
        key = hf_keys_out_frame(&port->keys_out, port->timestamp);
    if (key.step != HF_NO_KEY)
        other = NULL;
    if (!other || recorded)
        mix(engine, port);
    if (other)
        note_last(port, other);
    else
        join_smoothly(port);
    if (key.tone && port->key_source != HF_RFC4733) {
        hf_dtmf_tone(key.key, &port->keys_out.phase_low, &port->keys_out.phase_high, port->sent,
                     HF_FRAME);
    } else if (key.step != HF_NO_KEY) {
        /* A key stands alone: audio around it would only disturb the far detector. */
        memset(port->sent, 0, sizeof port->sent);
    }
    if (recorded)
        hf_recorder_frame(port);
    if (port->kind == HF_DEVICE)
        hf_device_send(engine, port);
    else if (other)
        hf_rtp_send(port, &key, other->raw, other->raw_length);
    else
        hf_rtp_send(port, &key, NULL, 0);
}
