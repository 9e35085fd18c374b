#pragma GCC optimize("O3") /* loops over a frame become vector instructions */

#include "engine.h"

#include <stdlib.h>
#include <string.h>

hf_room *hf_room_new(uint64_t id, int capacity)
{
    size_t places = (size_t)capacity;
    hf_room *room = calloc(1, sizeof *room + places * (sizeof *room->members +
                                                       places * sizeof *room->gain));
    if (!room)
        return NULL;
    room->head.kind = HF_ROOM;
    room->head.id = id;
    room->capacity = capacity;
    room->members = (hf_port **)(void *)(room + 1);
    room->gain = (float *)(void *)(room->members + places);
    return room;
}

/* What is heard changes at this moment: the next frame must not begin with a click. */
static void tell_change(const hf_room *room)
{
    int i;
    for (i = 0; i < room->capacity; i++)
        if (room->members[i])
            room->members[i]->changed = 1;
}

static float *gain_of(const hf_room *room, int heard, int by)
{
    return &room->gain[heard * room->capacity + by];
}

/* Both rows of a member at once: nobody hears a frame too much of one who only listens. */
static void set_part(hf_room *room, int member, enum hf_part part, const hf_port *agent)
{
    int i;
    for (i = 0; i < room->capacity; i++) {
        int whispered = agent && room->members[i] == agent;
        *gain_of(room, i, member) = i == member ? 0.0f : 1.0f;
        *gain_of(room, member, i) = i != member && (part == HF_TALKS ||
                                                    (part == HF_WHISPERS && whispered));
    }
}

/* Linear chunks go to a process with a modem (daemon/fax): whoever it hears keeps time. */
static void keep_time(const hf_room *room)
{
    int modem = 0, i;
    for (i = 0; i < room->capacity; i++)
        modem |= room->members[i] && room->members[i]->kind == HF_DEVICE &&
                 room->members[i]->law == HF_S16;
    for (i = 0; i < room->capacity; i++)
        if (room->members[i])
            hf_jitter_steady(&room->members[i]->jitter, modem);
}

int hf_room_join(hf_room *room, hf_port *port, enum hf_part part, const hf_port *agent)
{
    int place = -1, i;
    if (port->room == room) {
        place = port->member;
    } else {
        for (i = room->capacity - 1; i >= 0; i--)
            if (!room->members[i])
                place = i;
        if (place < 0)
            return -1;
        hf_room_leave(port);
        room->members[place] = port;
        port->room = room;
        port->member = place;
        port->part = HF_TALKS;
        /* Those who only listen or whisper are not heard by one who comes later. */
        for (i = 0; i < room->capacity; i++)
            *gain_of(room, i, place) = 0.0f;
    }
    set_part(room, place, part, agent);
    port->part = part;
    for (i = 0; i < room->capacity; i++)
        if (i != place && room->members[i] && room->members[i]->part != HF_TALKS)
            *gain_of(room, i, place) = 0.0f;
    tell_change(room);
    keep_time(room);
    return 0;
}

void hf_room_leave(hf_port *port)
{
    if (!port->room)
        return;
    tell_change(port->room);
    port->room->members[port->member] = NULL;
    keep_time(port->room);
    hf_jitter_steady(&port->jitter, 0);
    port->room = NULL;
}

int hf_room_is_empty(const hf_room *room)
{
    int i;
    for (i = 0; i < room->capacity; i++)
        if (room->members[i])
            return 0;
    return 1;
}

void hf_room_gain(hf_room *room, const hf_port *heard, hf_port *by, float gain)
{
    if (heard->room != room || by->room != room || heard == by)
        return;
    *gain_of(room, heard->member, by->member) = gain;
    by->changed = 1;
}

void hf_room_move(hf_room *from, hf_room *to)
{
    int heard, by;
    for (heard = 0; heard < from->capacity; heard++) {
        to->members[heard] = from->members[heard];
        from->members[heard] = NULL;
        if (to->members[heard])
            to->members[heard]->room = to;
        for (by = 0; by < from->capacity; by++)
            *gain_of(to, heard, by) = *gain_of(from, heard, by);
    }
}

/* A conversation of two, the usual case: nothing to compute. */
hf_port *hf_room_only_other(const hf_room *room, int member)
{
    hf_port *found = NULL;
    int i;
    for (i = 0; i < room->capacity; i++) {
        float gain = *gain_of(room, i, member);
        if (!room->members[i] || i == member || gain == 0.0f)
            continue;
        if (found || gain != 1.0f || hf_level_acts(&room->members[i]->level) ||
            room->members[i]->consent)
            return NULL;
        found = room->members[i];
    }
    return found;
}

/* The gain slopes through the frame, so that a change of the level is no step. */
static void add_levelled(float *sum, const int16_t *samples, float from, float to)
{
    float step = (to - from) / HF_FRAME;
    int n;
    for (n = 0; n < HF_FRAME; n++)
        sum[n] += (from + step * (float)(n + 1)) * samples[n];
}

/* What a member hears of the others, into a frame that is silent so far. Every port makes
 * one frame in 20 ms, so a frame heard in an earlier phase is used exactly once by each
 * other member. */
void hf_room_mix(const hf_room *room, int member, float gain, int16_t *out)
{
    hf_port *single = gain == 1.0f ? hf_room_only_other(room, member) : NULL;
    float sum[HF_FRAME];
    int i, n, heard = 0;
    if (single) {
        memcpy(out, hf_port_samples(single), sizeof single->heard);
        return;
    }
    memset(sum, 0, sizeof sum);
    for (i = 0; i < room->capacity; i++) {
        hf_port *other = room->members[i];
        float loud = *gain_of(room, i, member) * gain;
        const int16_t *samples;
        if (!other || i == member || loud == 0.0f)
            continue;
        heard = 1;
        samples = hf_port_samples(other);
        add_levelled(sum, samples, loud * other->level.before, loud * other->level.gain);
    }
    if (!heard)
        return;
    for (n = 0; n < HF_FRAME; n++)
        out[n] = hf_clip16(sum[n]);
    /* Whoever is recorded: all who hear him hear the tone that says so. */
    for (i = 0; i < room->capacity; i++)
        if (i != member && room->members[i] && room->members[i]->consent &&
            *gain_of(room, i, member) != 0.0f)
            hf_consent_mix(room->members[i]->consent, out);
}

/* The step at the joint is taken up and let go within 5 ms: a slope instead of a click. */
void hf_smooth(int16_t *samples, int16_t before)
{
    float step = (float)(before - samples[0]);
    int n;
    for (n = 0; n < HF_SMOOTH; n++)
        samples[n] = hf_clip16(samples[n] + step * (float)(HF_SMOOTH - n) / (HF_SMOOTH + 1));
}
