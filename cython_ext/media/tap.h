/* Taps: what a port hears, in a ring of shared memory that another process may read. */
#ifndef HF_TAP_H
#define HF_TAP_H

#include "halfband.h"
#include "object.h"
#include "wide.h"

#define HF_TAP_SAMPLES 65536
#define HF_TAP_HEADER 64

enum hf_tap_rate { HF_TAP_NARROW, HF_TAP_WIDE, HF_TAP_RATES }; /* 8 and 16 kHz */

typedef struct {
    hf_object head;
    uint8_t *map;
    int memfd, eventfd;
    uint64_t written;
    int frames;
    enum hf_tap_rate rate;
    hf_wide *wide;  /* the leg's own samples of 16 kHz; NULL: not of a wide tap */
    hf_twice twice; /* what makes 16 kHz of 8 */
    int16_t last;   /* sample of 16 kHz written */
    int native;     /* whether it was of the leg's own */
} hf_tap;

hf_tap *hf_tap_new(uint64_t id, enum hf_tap_rate rate);
/* A frame; ``own`` is the same one at 16 kHz, NULL when the leg has no more than 8 kHz. */
void hf_tap_write(hf_tap *tap, const int16_t *samples, const int16_t *own);
void hf_tap_end(hf_engine *engine, hf_tap *tap);

#endif
