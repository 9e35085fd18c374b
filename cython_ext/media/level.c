#include "level.h"

#include <math.h>
#include <stdlib.h>

#define FRAME 160
#define FULL 248645000.0f         /* mean square of 0 dBm0: a sine with a peak of 22300 */
#define TARGET (FULL / 100.0f)    /* -20 dBm0 */
#define LEAST (FULL / 100000.0f)  /* -50 dBm0: below it nobody is raised */
#define ABOVE_FLOOR 8.0f          /* 9 dB: who speaks stands out from the background */
#define VARIES 6.0f               /* 8 dB within 0.5 s: syllables, no hum, hiss or tone */
#define LEAST_SPOKEN 5            /* frames of a window, 100 ms */
#define MOST 3.98107f             /* +12 dB */
#define RISE 1.00693f             /* 3 dB a second, in frames of 20 ms */
#define FALL 0.98628f             /* 6 dB a second */
#define DEAD_ZONE 1.12f           /* 1 dB: a goal is moved by more or not at all */
#define ROOM_TO_CLIP 32000.0f
#define BEGINS 3                  /* frames of the last five */
#define HANG_FRAMES 20            /* 400 ms: the pauses within a sentence */
#define BETWEEN_EVENTS 10         /* 200 ms */

void hf_level_reset(hf_level *level)
{
    *level = (hf_level){.gain = 1.0f, .before = 1.0f, .goal = 1.0f,
                         .since_told = BETWEEN_EVENTS};
}

void hf_level_attend(hf_level *level, int attention)
{
    int stays = level->attention & attention;
    if (!(stays & HF_LEVELS)) {
        level->goal = 1.0f;
        level->varied = level->frames = level->spoken = 0;
        level->speech = 0.0f;
    }
    if (!(stays & HF_TELLS_SPEAKER))
        level->told = 0;
    level->attention = attention;
}

static int is_spoken(const hf_vad *vad, int masked)
{
    return !masked && vad->power > LEAST && vad->power > vad->floor * ABOVE_FLOOR;
}

/* Frames are gathered whether they hold speech or not: only their spread tells which. */
static void gather(hf_level *level, float power, int spoken)
{
    if (level->frames == 0 || power < level->low)
        level->low = power;
    if (level->frames == 0 || power > level->high)
        level->high = power;
    level->speech += spoken ? power : 0.0f;
    level->spoken += spoken;
    level->frames++;
}

/* The gain that this window asks for; the goal before when it holds no speech. A noise that
 * begins looks like speech in one window, so it takes two. */
static float wanted(hf_level *level)
{
    int before = level->varied;
    float gain;
    level->varied = level->spoken >= LEAST_SPOKEN && level->high > VARIES * (level->low + 1.0f);
    if (!level->varied || !before)
        return level->goal;
    gain = sqrtf(TARGET * (float)level->spoken / level->speech);
    gain = gain > MOST ? MOST : gain;
    gain = gain < 1.0f / MOST ? 1.0f / MOST : gain;
    if (gain < level->goal * DEAD_ZONE && gain * DEAD_ZONE > level->goal)
        return level->goal;
    return gain;
}

static void judge(hf_level *level)
{
    level->goal = wanted(level);
    level->frames = level->spoken = 0;
    level->speech = 0.0f;
}

/* Only while somebody speaks: in silence the gain is frozen. */
static void approach(hf_level *level)
{
    if (level->gain < level->goal)
        level->gain = level->gain * RISE < level->goal ? level->gain * RISE : level->goal;
    else if (level->gain > level->goal)
        level->gain = level->gain * FALL > level->goal ? level->gain * FALL : level->goal;
}

/* A shout comes without warning: the gain gives way at once and returns slowly. */
static void keep_from_clipping(hf_level *level, const int16_t *samples)
{
    int n, peak = 0;
    for (n = 0; n < FRAME; n++)
        peak = abs(samples[n]) > peak ? abs(samples[n]) : peak;
    if (level->gain > 1.0f && (float)peak * level->gain > ROOM_TO_CLIP) {
        level->gain = ROOM_TO_CLIP / (float)peak;
        level->gain = level->gain < 1.0f ? 1.0f : level->gain;
        level->before = level->gain < level->before ? level->gain : level->before;
    }
}

static enum hf_speaker follow_speaker(hf_level *level, int spoken)
{
    level->history = (level->history << 1 | (unsigned)spoken) & 31u;
    if (__builtin_popcount(level->history) >= BEGINS) {
        level->speaks = 1;
        level->hang = HANG_FRAMES;
    } else if (level->hang > 0 && --level->hang == 0) {
        level->speaks = 0;
    }
    level->since_told += level->since_told < BETWEEN_EVENTS;
    if (!(level->attention & HF_TELLS_SPEAKER) || level->speaks == level->told ||
        level->since_told < BETWEEN_EVENTS)
        return HF_NO_NEWS;
    level->told = level->speaks;
    level->since_told = 0;
    return level->told ? HF_BEGAN : HF_STOPPED_SPEAKING;
}

enum hf_speaker hf_level_frame(hf_level *level, const hf_vad *vad, const int16_t *samples,
                               int masked)
{
    int spoken = is_spoken(vad, masked);
    level->before = level->gain;
    if (level->attention & HF_LEVELS) {
        gather(level, vad->power, spoken);
        if (level->frames >= HF_LEVEL_WINDOW)
            judge(level);
        if (spoken)
            approach(level);
        keep_from_clipping(level, samples);
    } else {
        level->gain = 1.0f;
    }
    return follow_speaker(level, spoken);
}
