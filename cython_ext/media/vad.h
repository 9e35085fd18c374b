/* Level and speech of what a port hears, for barge-in and for silence. */
#ifndef HF_VAD_H
#define HF_VAD_H

#include <stdint.h>

#define HF_VAD_WATCH 25

typedef struct {
    float power;  /* mean square of the last frame */
    float floor;  /* of the background */
    float low, high; /* of the frames watched for a steady background */
    int watched, armed, ignore;
    unsigned history; /* one bit a frame, newest lowest */
} hf_vad;

void hf_vad_reset(hf_vad *vad);
void hf_vad_arm(hf_vad *vad, int on);
/* A prompt begins: its echo comes back first. */
void hf_vad_prompt(hf_vad *vad);
/* One frame of 160 samples; 1 once when speech has begun on an armed port. ``masked``: a
 * key sounds, so this frame is no speech. */
int hf_vad_frame(hf_vad *vad, const int16_t *samples, int masked);
/* Whether the last frame was quiet, for recorders that end by silence. */
int hf_vad_quiet(const hf_vad *vad);

#endif
