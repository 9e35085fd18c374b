#pragma GCC optimize("O3") /* loops over a frame become vector instructions */

#include "engine.h"

#include <stdlib.h>
#include <string.h>

hf_room *hf_room_new(uint64_t id)
{
    hf_room *room = calloc(1, sizeof *room);
    int heard, by;
    if (!room)
        return NULL;
    room->head.kind = HF_ROOM;
    room->head.id = id;
    for (heard = 0; heard < HF_MEMBERS; heard++)
        for (by = 0; by < HF_MEMBERS; by++)
            room->gain[heard][by] = heard == by ? 0.0f : 1.0f;
    return room;
}

int hf_room_join(hf_room *room, hf_port *port)
{
    int free_place = -1, i;
    if (port->room == room)
        return 0;
    for (i = HF_MEMBERS - 1; i >= 0; i--)
        if (!room->members[i])
            free_place = i;
    if (free_place < 0)
        return -1;
    hf_room_leave(port);
    for (i = 0; i < HF_MEMBERS; i++) {
        room->gain[free_place][i] = i == free_place ? 0.0f : 1.0f;
        room->gain[i][free_place] = i == free_place ? 0.0f : 1.0f;
    }
    room->members[free_place] = port;
    port->room = room;
    port->member = free_place;
    return 0;
}

void hf_room_leave(hf_port *port)
{
    if (!port->room)
        return;
    port->room->members[port->member] = NULL;
    port->room = NULL;
}

/* A conversation of two, the usual case: nothing to compute. */
hf_port *hf_room_only_other(const hf_room *room, int member)
{
    hf_port *found = NULL;
    int i;
    for (i = 0; i < HF_MEMBERS; i++) {
        if (!room->members[i] || i == member || room->gain[i][member] == 0.0f)
            continue;
        if (found || room->gain[i][member] != 1.0f)
            return NULL;
        found = room->members[i];
    }
    return found;
}

/* What a member hears of the others, into a frame that is silent so far. Every port makes one frame in 20 ms, so a frame heard
 * in an earlier phase is used exactly once by each other member. */
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
    for (i = 0; i < HF_MEMBERS; i++) {
        hf_port *other = room->members[i];
        float loud = room->gain[i][member] * gain;
        const int16_t *samples;
        if (!other || i == member || loud == 0.0f)
            continue;
        heard = 1;
        samples = hf_port_samples(other);
        for (n = 0; n < HF_FRAME; n++)
            sum[n] += loud * samples[n];
    }
    if (!heard)
        return;
    for (n = 0; n < HF_FRAME; n++)
        out[n] = hf_clip16(sum[n]);
}
