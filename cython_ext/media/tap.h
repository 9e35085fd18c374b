/* Taps: what a port hears, in a ring of shared memory that another process may read. */
#ifndef HF_TAP_H
#define HF_TAP_H

#include "object.h"

#define HF_TAP_SAMPLES 65536
#define HF_TAP_HEADER 64

#define HF_TAP_PAST 32   /* samples of the frame before that the one to come is made with */

enum hf_tap_rate { HF_TAP_NARROW, HF_TAP_WIDE, HF_TAP_RATES }; /* 8 and 16 kHz */

typedef struct {
    hf_object head;
    uint8_t *map;
    int memfd, eventfd;
    uint64_t written;
    int frames;
    enum hf_tap_rate rate;
    int16_t past[HF_TAP_PAST]; /* of a wide one */
} hf_tap;

hf_tap *hf_tap_new(uint64_t id, enum hf_tap_rate rate);
void hf_tap_write(hf_tap *tap, const int16_t *samples);
void hf_tap_end(hf_engine *engine, hf_tap *tap);

#endif
