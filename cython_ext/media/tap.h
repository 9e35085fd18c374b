/* Taps: what a port hears, in a ring of shared memory that another process may read. */
#ifndef HF_TAP_H
#define HF_TAP_H

#include "object.h"
#include "wide.h"

#define HF_TAP_SAMPLES 65536
#define HF_TAP_HEADER 64

#define HF_TAP_PAST 32   /* samples of 8 kHz before a frame that it is made with */

enum hf_tap_rate { HF_TAP_NARROW, HF_TAP_WIDE, HF_TAP_RATES }; /* 8 and 16 kHz */

typedef struct {
    hf_object head;
    uint8_t *map;
    int memfd, eventfd;
    uint64_t written;
    int frames;
    enum hf_tap_rate rate;
    hf_wide *wide;                 /* the leg's own samples of 16 kHz; NULL of copies.c */
    int16_t past[2 * HF_TAP_PAST]; /* of the other rate than the tap's */
    int16_t last;                  /* sample written */
    int native;                    /* whether it was of the leg's own 16 kHz */
} hf_tap;

hf_tap *hf_tap_new(uint64_t id, enum hf_tap_rate rate);
/* A frame; ``own`` is the same one at 16 kHz, NULL when the leg has no more than 8 kHz, or when
 * the samples of 8 kHz are as good. */
void hf_tap_write(hf_tap *tap, const int16_t *samples, const int16_t *own);
void hf_tap_end(hf_engine *engine, hf_tap *tap);

#endif
