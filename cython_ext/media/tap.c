#define _GNU_SOURCE
#include "engine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

/* The ring in shared memory, little-endian: 0 "HFTP", 4 u32 version 1, 8 u32 rate,
 * 12 u32 capacity in samples, 16 u64 samples written in total, 24 u32 closed,
 * 64 samples s16. The reader may be a process of its own. */
#define SIZE (HF_TAP_HEADER + HF_TAP_SAMPLES * 2)
#define FRAMES_PER_WAKE 5 /* 100 ms */

static void put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof value);
}

static void wake(const hf_tap *tap)
{
    uint64_t one = 1;
    ssize_t done = write(tap->eventfd, &one, sizeof one);
    (void)done; /* a reader that never reads fills the counter and stays awake */
}

hf_tap *hf_tap_new(uint64_t id, enum hf_tap_rate rate)
{
    hf_tap *tap = calloc(1, sizeof *tap);
    if (!tap)
        return NULL;
    tap->head.kind = HF_TAP;
    tap->head.id = id;
    tap->rate = rate;
    tap->map = MAP_FAILED;
    tap->eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    tap->memfd = memfd_create("hookflash-tap", MFD_CLOEXEC);
    if (tap->memfd >= 0 && ftruncate(tap->memfd, SIZE) == 0)
        tap->map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                        tap->memfd, 0);
    tap->wide = rate == HF_TAP_WIDE ? hf_wide_new() : NULL;
    if (tap->map == MAP_FAILED || tap->eventfd < 0 || (rate == HF_TAP_WIDE && !tap->wide)) {
        hf_object_free(&tap->head);
        return NULL;
    }
    memcpy(tap->map, "HFTP", 4);
    put32(tap->map + 4, 1);
    put32(tap->map + 8, rate == HF_TAP_WIDE ? 16000 : 8000);
    put32(tap->map + 12, HF_TAP_SAMPLES);
    return tap;
}

/* Twice as many, 2 ms late: those that were there and one between each two. */
static void widen(hf_tap *tap, const int16_t *samples, int16_t *out)
{
    int16_t even[HF_FRAME], odd[HF_FRAME];
    int n;
    hf_make_twice(&tap->twice, samples, HF_FRAME, even, odd);
    for (n = 0; n < HF_FRAME; n++) {
        out[2 * n] = even[n];
        out[2 * n + 1] = odd[n];
    }
}

static void put(hf_tap *tap, const int16_t *samples, uint32_t count)
{
    uint32_t at = (uint32_t)(tap->written % HF_TAP_SAMPLES);
    uint32_t first = HF_TAP_SAMPLES - at < count ? HF_TAP_SAMPLES - at : count;
    uint8_t *ring = tap->map + HF_TAP_HEADER;
    memcpy(ring + at * 2, samples, first * 2);
    memcpy(ring, samples + first, (count - first) * 2);
    tap->written += count;
    atomic_store_explicit((_Atomic uint64_t *)(void *)(tap->map + 16), tap->written,
                          memory_order_release);
}

static void write_wide(hf_tap *tap, const int16_t *samples, const int16_t *own)
{
    int16_t out[HF_WIDE_FRAME];
    widen(tap, samples, out); /* also unused: the codec of a leg may change in a call */
    if (own)
        memcpy(out, own, sizeof out);
    if (tap->native != (own != NULL))
        hf_smooth(out, tap->last);
    tap->native = own != NULL;
    tap->last = out[HF_WIDE_FRAME - 1];
    put(tap, out, HF_WIDE_FRAME);
}

void hf_tap_write(hf_tap *tap, const int16_t *samples, const int16_t *own)
{
    if (tap->rate == HF_TAP_WIDE)
        write_wide(tap, samples, own);
    else
        put(tap, samples, HF_FRAME);
    if (++tap->frames % FRAMES_PER_WAKE == 0)
        wake(tap);
}

void hf_tap_end(hf_engine *engine, hf_tap *tap)
{
    atomic_store_explicit((_Atomic uint32_t *)(void *)(tap->map + 24), 1, memory_order_release);
    wake(tap);
    hf_retire(engine, &tap->head);
}
