#pragma GCC optimize("O3") /* loops over a frame become vector instructions */

#include "engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TURN 4294967296.0
#define SINE_BITS 12

static float sine[1 << SINE_BITS];

uint32_t hf_phase_step(double hz)
{
    return hz > 0 && hz < 4000 ? (uint32_t)(hz / 8000.0 * TURN) : 0;
}

float hf_sine(uint32_t phase)
{
    return sine[phase >> (32 - SINE_BITS)];
}

static void __attribute__((constructor)) fill_sine(void)
{
    int i;
    for (i = 0; i < 1 << SINE_BITS; i++)
        sine[i] = (float)sin(2 * M_PI * i / (1 << SINE_BITS));
}

hf_player *hf_player_new(uint64_t id, uint32_t items, int tones)
{
    hf_player *player = calloc(1, sizeof *player);
    if (!player)
        return NULL;
    player->head.kind = HF_PLAYER;
    player->head.id = id;
    player->items = items;
    player->gain = player->speed = 1.0f;
    if (tones)
        player->tones = calloc(items, sizeof *player->tones);
    else
        player->clips = calloc(items, sizeof *player->clips);
    if (!player->tones && !player->clips) {
        free(player);
        return NULL;
    }
    return player;
}

static uint32_t item_length(const hf_player *player)
{
    if (player->clips)
        return player->clips[player->item].count;
    return player->tones[player->item].on + player->tones[player->item].off;
}

static int for_ever(const hf_player *player)
{
    return player->tones && item_length(player) == 0;
}

/* Moves to the next item that has samples; 0 when there is none. */
static int advance(hf_player *player)
{
    uint32_t tried = 0;
    player->position = 0;
    do {
        if (++player->item >= player->items) {
            player->item = 0;
            player->round++;
            if (player->repeat && player->round >= player->repeat)
                return 0;
        }
        if (++tried > player->items)
            return 0; /* nothing but empty clips */
    } while (item_length(player) == 0 && !for_ever(player));
    return 1;
}

static void add_clip(const hf_player *player, float gain, int16_t *out, uint32_t count)
{
    const int16_t *samples = player->clips[player->item].samples + player->position;
    uint32_t i;
    for (i = 0; i < count; i++)
        out[i] = hf_clip16(out[i] + gain * samples[i]);
}

static void add_tone(hf_player *player, float gain, int16_t *out, uint32_t count)
{
    const hf_tone *tone = &player->tones[player->item];
    uint32_t i;
    for (i = 0; i < count; i++) {
        float value = 0;
        if (!for_ever(player) && player->position + i >= tone->on)
            break;
        if (tone->step_a)
            value += hf_sine(player->phase_a);
        if (tone->step_b)
            value += hf_sine(player->phase_b);
        out[i] = hf_clip16(out[i] + gain * value);
        player->phase_a += tone->step_a;
        player->phase_b += tone->step_b;
    }
}

int hf_player_mix(hf_player *player, float gain, int16_t *out)
{
    uint32_t done = 0;
    gain *= player->gain;
    if (player->clips && player->speed != 1.0f)
        return hf_stretch_mix(player, gain, out);
    if (player->position >= item_length(player) && !for_ever(player) && !advance(player))
        return 1;
    while (done < HF_FRAME) {
        uint32_t count = HF_FRAME - done;
        if (!for_ever(player)) {
            uint32_t left = item_length(player) - player->position;
            if (left < count)
                count = left;
        }
        if (player->clips)
            add_clip(player, gain, out + done, count);
        else
            add_tone(player, gain, out + done, count);
        player->position += count;
        done += count;
        if (!for_ever(player) && player->position >= item_length(player) && !advance(player))
            return 1;
    }
    return 0;
}

int64_t hf_player_length(const hf_player *player)
{
    int64_t sum = 0;
    uint32_t i;
    for (i = 0; player->clips && i < player->items; i++)
        sum += player->clips[i].count;
    return sum;
}

int64_t hf_player_position(const hf_player *player)
{
    int64_t sum = player->position;
    uint32_t i;
    if (player->speed != 1.0f)
        return (int64_t)player->at;
    for (i = 0; player->clips && i < player->item; i++)
        sum += player->clips[i].count;
    return sum;
}

void hf_player_seek(hf_player *player, int64_t sample)
{
    int64_t length = hf_player_length(player);
    if (length == 0)
        return;
    if (player->in_step)
        sample %= length;
    sample = sample < 0 ? 0 : sample;
    sample = sample > length ? length : sample;
    player->at = (double)sample;
    player->goes_on = sample;
    /* At the very end: behind the last sample of the last clip. */
    for (player->item = 0; player->item + 1 < player->items; player->item++) {
        if (sample < player->clips[player->item].count)
            break;
        sample -= player->clips[player->item].count;
    }
    player->position = (uint32_t)sample;
}

static void set_speed(hf_player *player, float speed)
{
    int64_t at = player->speed == 1.0f ? hf_player_position(player) : player->goes_on;
    player->speed = speed < HF_SLOWEST ? HF_SLOWEST : speed > HF_FASTEST ? HF_FASTEST : speed;
    hf_player_seek(player, at);
}

void hf_player_steer(hf_player *player, enum hf_steer what, float value)
{
    if (!player->port || !player->clips)
        return; /* it has just ended */
    if (what == HF_REPEAT) {
        player->repeat = value < 4294967040.0f ? (uint32_t)(value > 0 ? value : 0) : UINT32_MAX;
        player->round = 0;
    } else if (what == HF_SPEED) {
        set_speed(player, value);
    } else {
        int64_t from = what == HF_SEEK_BY ? hf_player_position(player) : 0;
        hf_player_seek(player, from + (int64_t)(value * (HF_FRAME / 20)));
        player->port->changed = 1;
    }
}

void hf_player_read(const hf_player *player, int64_t from, int16_t *out, int count)
{
    int64_t length = hf_player_length(player);
    int64_t end = player->repeat ? ((int64_t)player->repeat - player->round) * length : INT64_MAX;
    while (count > 0) {
        int64_t at = from >= length && from < end ? from % length : from;
        uint32_t i = 0;
        int part;
        if (at < 0 && -at <= player->round * length)
            at = (at % length + length) % length;
        while (i < player->items && at >= (int64_t)player->clips[i].count)
            at -= player->clips[i++].count;
        if (at < 0 || i >= player->items) { /* before the first, behind the last */
            part = at < 0 && -at < count ? (int)-at : count;
            memset(out, 0, (size_t)part * sizeof *out);
        } else {
            part = player->clips[i].count - at < count ? (int)(player->clips[i].count - at) : count;
            memcpy(out, player->clips[i].samples + at, (size_t)part * sizeof *out);
        }
        out += part;
        from += part;
        count -= part;
    }
}

void hf_player_end(hf_engine *engine, hf_player *player, enum hf_end why)
{
    hf_event event = {.kind = HF_ON_PLAY, .id = player->head.id, .code = (int)why};
    if (!player->port)
        return;
    event.port = player->port->head.id;
    player->port->player = NULL;
    player->port->changed = 1;
    player->port = NULL;
    hf_event_push(engine, &engine->events, &event);
    hf_retire(engine, &player->head);
}
