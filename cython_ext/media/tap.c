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

hf_tap *hf_tap_new(uint64_t id)
{
    hf_tap *tap = calloc(1, sizeof *tap);
    if (!tap)
        return NULL;
    tap->head.kind = HF_TAP;
    tap->head.id = id;
    tap->map = MAP_FAILED;
    tap->eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    tap->memfd = memfd_create("hookflash-tap", MFD_CLOEXEC);
    if (tap->memfd >= 0 && ftruncate(tap->memfd, SIZE) == 0)
        tap->map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                        tap->memfd, 0);
    if (tap->map == MAP_FAILED || tap->eventfd < 0) {
        hf_object_free(&tap->head);
        return NULL;
    }
    memcpy(tap->map, "HFTP", 4);
    put32(tap->map + 4, 1);
    put32(tap->map + 8, 8000);
    put32(tap->map + 12, HF_TAP_SAMPLES);
    return tap;
}

void hf_tap_write(hf_tap *tap, const int16_t *samples)
{
    uint32_t at = (uint32_t)(tap->written % HF_TAP_SAMPLES);
    uint32_t first = HF_TAP_SAMPLES - at < HF_FRAME ? HF_TAP_SAMPLES - at : HF_FRAME;
    uint8_t *ring = tap->map + HF_TAP_HEADER;
    memcpy(ring + at * 2, samples, first * 2);
    memcpy(ring, samples + first, (HF_FRAME - first) * 2);
    tap->written += HF_FRAME;
    atomic_store_explicit((_Atomic uint64_t *)(void *)(tap->map + 16), tap->written,
                          memory_order_release);
    if (++tap->frames % FRAMES_PER_WAKE == 0)
        wake(tap);
}

void hf_tap_end(hf_engine *engine, hf_tap *tap)
{
    atomic_store_explicit((_Atomic uint32_t *)(void *)(tap->map + 24), 1, memory_order_release);
    wake(tap);
    hf_retire(engine, &tap->head);
}
