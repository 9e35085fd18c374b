/* What mixing knows of a talker: an automatic level, and who speaks. */
#ifndef HF_LEVEL_H
#define HF_LEVEL_H

#include <stdint.h>

#include "vad.h"

#define HF_LEVEL_WINDOW 25 /* frames over which a level is judged, 0.5 s */

/* What is asked for, as flags. */
enum hf_attention { HF_LEVELS = 1, HF_TELLS_SPEAKER = 2 };

enum hf_speaker { HF_NO_NEWS, HF_BEGAN, HF_STOPPED_SPEAKING };

typedef struct {
    int attention;
    float gain, before;     /* at the end of this frame, and of the one before */
    float goal;             /* where the gain moves while there is speech */
    int varied;             /* whether the window before this one held speech */
    float low, high;        /* mean squares of the frames of this window */
    float speech;           /* sum of the mean squares of those with speech */
    int frames, spoken;
    unsigned history;       /* one bit a frame, newest lowest: speech */
    int speaks, told, hang; /* hang: frames until a pause counts */
    int since_told;
} hf_level;

void hf_level_reset(hf_level *level);
void hf_level_attend(hf_level *level, int attention);
/* One frame, after ``hf_vad_frame`` of the same samples; ``masked``: a key sounds. */
enum hf_speaker hf_level_frame(hf_level *level, const hf_vad *vad, const int16_t *samples,
                               int masked);
/* Whether the frame is mixed at another level than it came with. */
static inline int hf_level_acts(const hf_level *level)
{
    return level->gain != 1.0f || level->before != 1.0f;
}

#endif
