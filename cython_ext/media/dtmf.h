/* DTMF in the audio: Goertzel detector and generator (ITU-T Q.23, Q.24). */
#ifndef HF_DTMF_H
#define HF_DTMF_H

#include <stdint.h>

#include "keys.h"

#define HF_TONES 8
#define HF_BANKS 2 /* windows of 102 samples, one begins every 51 */
#define HF_OFFSETS 3 /* from window to window of the four that make a key */

typedef struct {
    float s1[HF_TONES], s2[HF_TONES];
    float energy;
    int fill; /* below 0: samples to skip first */
} hf_bank;

typedef struct {
    hf_bank banks[HF_BANKS];
    char candidate, held;
    int hits, misses, windows, ready, place;
    float phase[2];              /* of the two tones in the last window that had a key */
    float offset[2][HF_OFFSETS]; /* of their frequencies, 0.01 is 1 % */
} hf_dtmf;

void hf_dtmf_init(void);
void hf_dtmf_reset(hf_dtmf *dtmf);
/* Listens to samples; fills at most ``room`` reports and returns how many. */
int hf_dtmf_listen(hf_dtmf *dtmf, const int16_t *samples, int count, hf_key *out, int room);
/* Whether something like a key sounds at this moment. */
int hf_dtmf_sounding(const hf_dtmf *dtmf);
/* Writes 20 ms of a key's tone pair; the phases are the sender's. */
void hf_dtmf_tone(char key, uint32_t *phase_low, uint32_t *phase_high, int16_t *out, int count);

#endif
