#define _GNU_SOURCE
#include "engine.h"

#include <math.h>
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
#define SIDE (HF_TAP_PAST / 2)

/* Samples between two others: a sinc in Kaiser's window (beta 6), 3.4 kHz pass and images of
 * 4.6 kHz upwards stay 60 dB below. The same filter takes away what 8 kHz cannot hold. */
static float between[SIDE];

static double bessel(double x) /* I0 */
{
    double sum = 1, term = 1;
    int k;
    for (k = 1; k < 30; k++) {
        term *= x / (2 * k) * (x / (2 * k));
        sum += term;
    }
    return sum;
}

static void __attribute__((constructor)) fill_between(void)
{
    int k;
    for (k = 0; k < SIDE; k++) {
        double at = k + 0.5, edge = at / SIDE;
        between[k] = (float)(sin(M_PI * at) / (M_PI * at) *
                             bessel(6 * sqrt(1 - edge * edge)) / bessel(6));
    }
}

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
    tap->wide = hf_wide_new(rate == HF_TAP_WIDE);
    if (tap->map == MAP_FAILED || tap->eventfd < 0 || !tap->wide) {
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
    int16_t all[HF_TAP_PAST + HF_FRAME];
    int n, k;
    memcpy(all, tap->past, HF_TAP_PAST * sizeof *all);
    memcpy(all + HF_TAP_PAST, samples, HF_FRAME * sizeof *samples);
    for (n = 0; n < HF_FRAME; n++) {
        const int16_t *at = all + SIDE + n;
        float sum = 0;
        for (k = 0; k < SIDE; k++)
            sum += between[k] * (float)(at[-k] + at[k + 1]);
        out[2 * n] = at[0];
        out[2 * n + 1] = hf_clip16(sum);
    }
    memcpy(tap->past, all + HF_FRAME, HF_TAP_PAST * sizeof *all);
}

/* Half as many, 2 ms late, without what is above 4.6 kHz. */
static void narrow(hf_tap *tap, const int16_t *own, int16_t *out)
{
    int16_t all[2 * HF_TAP_PAST + HF_WIDE_FRAME];
    int n, k;
    memcpy(all, tap->past, sizeof tap->past);
    memcpy(all + 2 * HF_TAP_PAST, own, HF_WIDE_FRAME * sizeof *own);
    for (n = 0; n < HF_FRAME; n++) {
        const int16_t *at = all + HF_TAP_PAST + 2 * n;
        float sum = at[0];
        for (k = 0; k < SIDE; k++)
            sum += between[k] * (float)(at[-2 * k - 1] + at[2 * k + 1]);
        out[n] = hf_clip16(0.5f * sum);
    }
    memcpy(tap->past, all + HF_WIDE_FRAME, sizeof tap->past);
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

static void fill_wide(hf_tap *tap, const int16_t *samples, const int16_t *own, int16_t *out)
{
    if (!own) {
        widen(tap, samples, out);
        return;
    }
    memcpy(out, own, HF_WIDE_FRAME * sizeof *own);
    memcpy(tap->past, samples + HF_FRAME - HF_TAP_PAST, HF_TAP_PAST * sizeof *samples);
}

static void fill_narrow(hf_tap *tap, const int16_t *samples, const int16_t *own, int16_t *out)
{
    if (own)
        narrow(tap, own, out);
    else
        memcpy(out, samples, HF_FRAME * sizeof *samples);
}

void hf_tap_write(hf_tap *tap, const int16_t *samples, const int16_t *own)
{
    int16_t out[HF_WIDE_FRAME];
    int count = tap->rate == HF_TAP_WIDE ? HF_WIDE_FRAME : HF_FRAME;
    (tap->rate == HF_TAP_WIDE ? fill_wide : fill_narrow)(tap, samples, own, out);
    if (tap->native != (own != NULL)) /* the codec of a leg may change in a call */
        hf_smooth(out, tap->last);
    tap->native = own != NULL;
    tap->last = out[count - 1];
    put(tap, out, (uint32_t)count);
    if (++tap->frames % FRAMES_PER_WAKE == 0)
        wake(tap);
}

void hf_tap_end(hf_engine *engine, hf_tap *tap)
{
    atomic_store_explicit((_Atomic uint32_t *)(void *)(tap->map + 24), 1, memory_order_release);
    wake(tap);
    hf_retire(engine, &tap->head);
}
