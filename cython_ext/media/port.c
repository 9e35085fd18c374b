#include "engine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define DUCKED 0.25f     /* the room below a prompt, and a prompt below who barges in: -12 dB */
#define DUCK_FRAMES 50   /* 1 s behind the last sound of who barged in */

/* RFC 3550 5.1: unpredictable starting values. A system call for each port is too many. */
static void draw(uint32_t *out, size_t count)
{
    static _Thread_local uint32_t pool[252];
    static _Thread_local size_t left;
    if (left < count) {
        if (getrandom(pool, sizeof pool, 0) != sizeof pool)
            return;
        left = sizeof pool / sizeof *pool;
    }
    left -= count;
    memcpy(out, pool + left, count * sizeof *out);
    memset(pool + left, 0, count * sizeof *out);
}

hf_port *hf_port_new(uint64_t id, enum hf_port_kind kind, int fd)
{
    hf_port *port = calloc(1, sizeof *port);
    uint32_t seed[6] = {(uint32_t)id};
    if (!port)
        return NULL;
    port->head.kind = HF_PORT;
    port->head.id = id;
    port->kind = kind;
    if (kind == HF_DEVICE && !(port->extra = hf_extra_new())) {
        free(port);
        return NULL;
    }
    port->fd = fd;
    port->stream.key_payload_type = -1;
    draw(seed, 6);
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
           !hf_codec_is_opaque(port->law, &port->coders);
}

/* Whether anybody wants samples: in a plain conversation of two nobody does. */
static int is_listened_to(const hf_port *port)
{
    return !port->room || port->player || port->taps[HF_TAP_NARROW] ||
           port->taps[HF_TAP_WIDE] || port->caller_id || port->fax.watching ||
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
    const hf_wide *own = hf_wide_of(port);
    int masked = port->keys_in.active || hf_dtmf_sounding(&port->dtmf), rate;
    watch_ducked(port);
    if (hf_vad_frame(&port->vad, port->heard, masked)) {
        duck(port);
        hf_event_push(engine, &engine->events, &speech);
    }
    watch_level(engine, port, masked);
    speech.code = (int)hf_faxtone_frame(&port->fax, port->heard);
    if (speech.code != HF_NO_FAX)
        hf_event_push(engine, &engine->events, &speech);
    for (rate = 0; rate < HF_TAP_RATES; rate++)
        if (port->taps[rate])
            hf_tap_write(port->taps[rate], port->heard, own ? own->heard : NULL);
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
        hf_port_pull(engine, port);
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
    memset(port->sent, 0, sizeof engine->sent);
    if (port->room)
        hf_room_mix(port->room, port->member, port->player ? DUCKED : 1.0f, port->sent);
    if (port->player && hf_player_mix(port->player, port->ducked ? DUCKED : 1.0f, port->sent))
        hf_player_end(engine, port->player, HF_FINISHED);
    if (port->consent)
        hf_consent_mix(port->consent, port->sent);
}

/* The only other member, when what it sends may leave here untouched. */
static const hf_port *untouched(const hf_port *port)
{
    const hf_port *other;
    if (!port->room || port->player || port->consent || port->kind != HF_RTP ||
        port->wire_fill || port->stream.packet_samples != HF_FRAME)
        return NULL;
    other = hf_room_only_other(port->room, port->member);
    return other && other->law == port->law ? other : NULL;
}

/* With nothing of its own to send between two legs of Opus, a port passes also that nothing came:
 * the far decoder fills a hole better than the beginning of another stream does. */
static int passes_hole(const hf_port *other)
{
    return other->law == HF_OPUS && other->coders.opus && other->whole && other->queued == 0;
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
    else
        port->last_sent = other->decoded ? other->heard[HF_FRAME - 1] : 0;
}

void hf_port_speak(hf_engine *engine, hf_port *port)
{
    hf_key_frame key = {0};
    int may_send = port->kind == HF_DEVICE || (port->connected && port->stream.send);
    int recorded = port->recorders[0] || port->recorders[1];
    /* A stream of Opus cannot be joined smoothly, so its samples are not asked for. */
    int joined = !port->changed || port->law == HF_OPUS;
    const hf_port *other = may_send && joined ? untouched(port) : NULL;
    port->sent = engine->sent;
    if (may_send)
        key = hf_keys_out_frame(&port->keys_out, port->timestamp);
    if (key.step != HF_NO_KEY || (other && !other->raw_length && !passes_hole(other)))
        other = NULL;
    if (!other || recorded)
        mix(engine, port);
    if (other && other->raw_length)
        note_last(port, other);
    else if (!other)
        join_smoothly(port);
    if (key.tone && port->key_source != HF_RFC4733) {
        hf_dtmf_tone(key.key, &port->keys_out.phase_low, &port->keys_out.phase_high, port->sent,
                     HF_FRAME);
    } else if (key.step != HF_NO_KEY) {
        /* A key stands alone: audio around it would only disturb the far detector. */
        memset(port->sent, 0, sizeof engine->sent);
    }
    if (recorded)
        hf_recorder_frame(port);
    if (port->kind == HF_DEVICE)
        hf_device_send(engine, port);
    else if (other && !other->raw_length)
        hf_rtp_skip(port, other->hole);
    else if (other)
        hf_rtp_send(port, &key, other->raw, other->raw_length);
    else
        hf_rtp_send(port, &key, NULL, 0);
}
