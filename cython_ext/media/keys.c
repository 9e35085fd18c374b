#include "keys.h"

#include <string.h>

#define FRAME 160
#define LOST_AFTER 8      /* frames without a packet: the end packets were lost */
#define TONE_FRAMES 5     /* a key sounds for 100 ms */
#define END_PACKETS 3     /* RFC 4733 2.5.1.4 */
#define KEY_FRAMES 9      /* 100 ms on, 80 ms off; TIA asks for a cycle of 100 ms or more */
#define PAUSE_FRAMES 25   /* a comma */

static const char KEYS[] = "0123456789*#ABCD"; /* event code is the place */

int hf_key_event(char key)
{
    const char *found = key ? strchr(KEYS, key) : NULL;
    return found ? (int)(found - KEYS) : -1;
}

void hf_keys_in_reset(hf_keys_in *keys)
{
    memset(keys, 0, sizeof *keys);
}

static hf_key ended(hf_keys_in *keys)
{
    hf_key key;
    key.key = KEYS[keys->event];
    key.ended = 1;
    key.samples = keys->before + keys->segment;
    keys->active = 0;
    keys->has_ended = 1;
    keys->ended_timestamp = keys->timestamp;
    return key;
}

static hf_key begun(hf_keys_in *keys, uint32_t timestamp, int event)
{
    hf_key key;
    keys->active = 1;
    keys->event = event;
    keys->timestamp = timestamp;
    keys->segment = 0;
    keys->before = 0;
    key.key = KEYS[event];
    key.ended = 0;
    key.samples = 0;
    return key;
}

/* A key held longer than 8 s goes on as a new segment that begins where the last one
 * ended (RFC 4733 2.5.1.3). */
static int goes_on(const hf_keys_in *keys, uint32_t timestamp, int event)
{
    return keys->active && event == keys->event && keys->segment > 0xffff - 4 * FRAME &&
           timestamp - keys->timestamp >= keys->segment &&
           timestamp - keys->timestamp <= 0xffff + FRAME;
}

int hf_keys_in_packet(hf_keys_in *keys, uint32_t timestamp, const uint8_t *payload, int length,
                      hf_key out[3])
{
    int count = 0, event, end;
    uint32_t duration;
    if (length < 4 || payload[0] > 15)
        return 0;
    event = payload[0];
    end = (payload[1] & 0x80) != 0;
    duration = (uint32_t)payload[2] << 8 | payload[3];
    /* The end comes three times, and late packets of a key that has ended may follow. */
    if (keys->has_ended && (int32_t)(timestamp - keys->ended_timestamp) <= 0)
        return 0;
    if (keys->active && (int32_t)(timestamp - keys->timestamp) < 0)
        return 0;
    if (goes_on(keys, timestamp, event)) {
        keys->before += keys->segment;
        keys->segment = 0;
        keys->timestamp = timestamp;
    } else if (keys->active && timestamp != keys->timestamp) {
        out[count++] = ended(keys); /* its end packets were lost */
    }
    if (!keys->active)
        out[count++] = begun(keys, timestamp, event);
    if (event != keys->event)
        return count;
    keys->age = 0;
    if (duration > keys->segment)
        keys->segment = duration;
    if (end)
        out[count++] = ended(keys);
    return count;
}

int hf_keys_in_frame(hf_keys_in *keys, hf_key *out)
{
    if (!keys->active || ++keys->age < LOST_AFTER)
        return 0;
    *out = ended(keys);
    return 1;
}

int hf_keys_out_add(hf_keys_out *keys, const char *text)
{
    int taken = 0;
    for (; *text; text++) {
        if (hf_key_event(*text) < 0 && *text != ',')
            continue;
        if (keys->tail - keys->head >= HF_KEYS_QUEUED)
            break;
        keys->queue[keys->tail++ % HF_KEYS_QUEUED] = *text;
        taken++;
    }
    return taken;
}

static void next_key(hf_keys_out *keys)
{
    keys->head++;
    keys->frame = 0;
    keys->phase_low = keys->phase_high = 0;
}

hf_key_frame hf_keys_out_frame(hf_keys_out *keys, uint32_t now)
{
    hf_key_frame out;
    memset(&out, 0, sizeof out);
    if (keys->head == keys->tail)
        return out;
    out.key = keys->queue[keys->head % HF_KEYS_QUEUED];
    keys->frame++;
    out.step = HF_KEY_PAUSE;
    if (out.key == ',') {
        if (keys->frame >= PAUSE_FRAMES)
            next_key(keys);
        return out;
    }
    if (keys->frame == 1)
        keys->timestamp = now;
    out.timestamp = keys->timestamp;
    out.first = keys->frame == 1;
    out.tone = keys->frame <= TONE_FRAMES;
    out.last = keys->frame >= TONE_FRAMES;
    out.duration = FRAME * (uint32_t)(out.last ? TONE_FRAMES : keys->frame);
    if (keys->frame < TONE_FRAMES + END_PACKETS)
        out.step = HF_KEY_PACKET;
    if (keys->frame >= KEY_FRAMES)
        next_key(keys);
    return out;
}

void hf_key_payload(uint8_t out[4], int event, int ended_now, int volume, uint32_t duration)
{
    out[0] = (uint8_t)event;
    out[1] = (uint8_t)((ended_now ? 0x80 : 0) | (volume & 0x3f));
    out[2] = (uint8_t)(duration >> 8);
    out[3] = (uint8_t)duration;
}
