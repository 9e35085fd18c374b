#pragma GCC optimize("O3") /* loops over a frame become vector instructions */

#include "engine.h"

#include <math.h>
#include <string.h>

/* Time-scale modification by overlap and add of stretches that look alike (WSOLA, Verhelst and
 * Roelands, ICASSP 1993). Every 20 ms one stretch begins where the clock of the clips is, moved
 * by up to 15 ms to where it goes on best from the one before, which fades out below it. */

#define HOP HF_FRAME
#define AROUND 120 /* samples that a stretch may be moved: a whole period of any voice */
#define LOWER 4    /* bits; sums of products stay within 32 bits */

/* How alike, whatever their levels: the product over the level of the candidate. */
static int best_of(const int16_t *wanted, const int16_t *candidates)
{
    int16_t low_wanted[HOP], low[2 * AROUND + HOP];
    int32_t energy = 1;
    float best = -1e30f;
    int found = AROUND, n, i;
    for (i = 0; i < HOP; i++)
        low_wanted[i] = (int16_t)(wanted[i] >> LOWER);
    for (i = 0; i < 2 * AROUND + HOP; i++)
        low[i] = (int16_t)(candidates[i] >> LOWER);
    for (i = 0; i < HOP; i++)
        energy += low[i] * low[i];
    for (n = 0; n <= 2 * AROUND; n++) {
        int32_t product = 0;
        float alike;
        for (i = 0; i < HOP; i++)
            product += low_wanted[i] * low[n + i];
        alike = (float)product / sqrtf((float)energy);
        if (alike > best) {
            best = alike;
            found = n;
        }
        if (n < 2 * AROUND)
            energy += low[n + HOP] * low[n + HOP] - low[n] * low[n];
    }
    return found - AROUND;
}

/* The next round begins, or there is none. */
static int goes_round(hf_player *player, int64_t length)
{
    player->round++;
    if (length == 0 || (player->repeat && player->round >= player->repeat))
        return 0;
    player->at -= (double)length;
    player->goes_on -= length;
    return 1;
}

int hf_stretch_mix(hf_player *player, float gain, int16_t *out)
{
    int64_t length = hf_player_length(player), from;
    int16_t before[HOP], around[2 * AROUND + HOP];
    int i, moved;
    while (player->at >= (double)length) /* a short clip has several rounds in one step */
        if (!goes_round(player, length))
            return 1;
    from = (int64_t)player->at;
    hf_player_read(player, player->goes_on, before, HOP);
    hf_player_read(player, from - AROUND, around, 2 * AROUND + HOP);
    moved = best_of(before, around);
    for (i = 0; i < HOP; i++) {
        float in = ((float)i + 0.5f) / HOP;
        float value = in * around[AROUND + moved + i] + (1.0f - in) * before[i];
        out[i] = hf_clip16(out[i] + gain * value);
    }
    player->goes_on = from + moved + HOP;
    player->at += (double)HOP * player->speed;
    return 0;
}
