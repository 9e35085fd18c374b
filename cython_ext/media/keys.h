/* Telephone keys as events in RTP (RFC 4733), received and sent. */
#ifndef HF_KEYS_H
#define HF_KEYS_H

#include <stdint.h>

#define HF_KEYS_QUEUED 64 /* power of two */

/* What a detector reports: the beginning of a key, then its end with the duration. */
typedef struct {
    char key;
    int ended;
    uint32_t samples;
} hf_key;

typedef struct {
    int active, has_ended, age, event;
    uint32_t timestamp, segment, before; /* segment: samples; before: of earlier segments */
    uint32_t ended_timestamp;
} hf_keys_in;

typedef struct {
    char queue[HF_KEYS_QUEUED];
    uint32_t head, tail;
    int frame;   /* 20 ms frames since the key began, 0 between keys */
    uint32_t timestamp;
    uint32_t phase_low, phase_high;
} hf_keys_out;

void hf_keys_in_reset(hf_keys_in *keys);
/* A telephone-event payload; fills at most three reports and returns how many. */
int hf_keys_in_packet(hf_keys_in *keys, uint32_t timestamp, const uint8_t *payload, int length,
                      hf_key out[3]);
/* Once a frame: ends a key whose end packets were lost. Returns 1 with a report. */
int hf_keys_in_frame(hf_keys_in *keys, hf_key *out);

/* Keys 0-9 * # A-D and the comma; returns how many were taken. */
int hf_keys_out_add(hf_keys_out *keys, const char *text);
int hf_key_event(char key); /* event code, -1 for no key */

enum hf_key_step { HF_NO_KEY, HF_KEY_PACKET, HF_KEY_PAUSE };
typedef struct {
    enum hf_key_step step;
    char key;
    int first, last;    /* marker bit; end bit */
    uint32_t timestamp; /* of the key's beginning */
    uint32_t duration;  /* samples */
    int tone;           /* whether a tone sounds in this frame (in-band sending) */
} hf_key_frame;
/* Once a frame: what to send of the keys that wait. */
hf_key_frame hf_keys_out_frame(hf_keys_out *keys, uint32_t now);
/* Writes the four octets of RFC 4733 section 2.3. */
void hf_key_payload(uint8_t out[4], int event, int ended, int volume, uint32_t duration);

#endif
