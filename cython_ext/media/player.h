/* Players: clips of samples one after the other, or a cadence of tones. */
#ifndef HF_PLAYER_H
#define HF_PLAYER_H

#include "object.h"

typedef struct {
    const int16_t *samples;
    uint32_t count;
} hf_clip;

typedef struct {
    uint32_t step_a, step_b; /* phase per sample, 2^32 is a turn; 0 is no tone */
    uint32_t on, off;        /* samples; both 0 sounds for ever */
} hf_tone;

typedef struct {
    hf_object head;
    hf_port *port; /* NULL when it has ended */
    uint32_t repeat, round, item, items, position;
    int stop_on_key;
    float gain; /* of clips; peak amplitude of one tone */
    uint32_t phase_a, phase_b;
    hf_clip *clips;
    hf_tone *tones; /* exactly one of the two is set */
    int in_step;    /* as far as all others that began in step, and for ever */
    float speed;    /* of clips; 1: as they are */
    double at;      /* with another speed: samples that are played of this round */
    int64_t goes_on; /* and the sample with which the last stretch would go on */
} hf_player;

/* What a player that plays can be told; the value is ms, a speed, or rounds. */
enum hf_steer { HF_SEEK_TO, HF_SEEK_BY, HF_SPEED, HF_REPEAT };
#define HF_SLOWEST 0.5f
#define HF_FASTEST 2.0f

hf_player *hf_player_new(uint64_t id, uint32_t items, int tones);
int hf_player_mix(hf_player *player, float gain, int16_t *out); /* 1 when it has finished */
void hf_player_steer(hf_player *player, enum hf_steer what, float value);
void hf_player_seek(hf_player *player, int64_t sample); /* of the clips; in step: of all rounds */
int64_t hf_player_length(const hf_player *player);      /* samples of the clips together */
int64_t hf_player_position(const hf_player *player);
/* Samples of the clips from any place of this round on: those of the rounds before and behind it,
 * else zero. */
void hf_player_read(const hf_player *player, int64_t from, int16_t *out, int count);
/* stretch.c: 20 ms of clips at another speed with the pitch they have; 1 when it has finished */
int hf_stretch_mix(hf_player *player, float gain, int16_t *out);
void hf_player_end(hf_engine *engine, hf_player *player, enum hf_end why);
uint32_t hf_phase_step(double hz);
float hf_sine(uint32_t phase);

#endif
