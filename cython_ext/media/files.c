#define _GNU_SOURCE
#include "engine.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The file thread: empties the rings of recorders into their files five times a second, and
 * brings each header up to date every second, so that a file is whole at any moment. */
#define ROUND_NS 200000000L
#define SYNC_ROUNDS 5    /* once a second what was written goes to the disk */
#define CHUNK 8192              /* samples in one write */

static int write_all(int fd, const void *data, size_t size, uint64_t at)
{
    const uint8_t *from = data;
    while (size > 0) {
        ssize_t done = pwrite(fd, from, size, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return -1;
        from += done;
        at += (uint64_t)done;
        size -= (size_t)done;
    }
    return 0;
}

static void write_header(hf_recorder *recorder)
{
    uint8_t header[HF_WAV_HEADER];
    int size;
    if (recorder->failed)
        return;
    size = hf_wav_header(header, recorder->channels, recorder->law, (uint32_t)recorder->bytes);
    if (write_all(recorder->fd, header, (size_t)size, 0) < 0)
        recorder->failed = errno;
    recorder->bytes_in_header = recorder->bytes;
}

static uint32_t paused_ms(const hf_recorder *recorder)
{
    return atomic_load_explicit(&recorder->paused_frames, memory_order_relaxed) * 20;
}

static void append(hf_recorder *recorder, const int16_t *samples, size_t count)
{
    uint8_t coded[CHUNK];
    const uint8_t *data = (const uint8_t *)samples;
    size_t size = recorder->law == HF_S16 ? count * 2 : count;
    int head = recorder->law == HF_S16 ? 44 : HF_WAV_HEADER, error;
    /* Sizes in a WAV file have 32 bits; 4 GB is 37 hours of stereo. */
    if (recorder->failed || recorder->bytes + size > 0xffffff00u)
        return;
    if (recorder->law != HF_S16) {
        hf_g711_encode(recorder->law, samples, (int)count, coded);
        data = coded;
    }
    if (write_all(recorder->fd, data, size, (uint64_t)head + recorder->bytes) < 0) {
        recorder->failed = errno ? errno : EIO;
        return;
    }
    recorder->bytes += size;
    error = hf_chain_add(&recorder->chain, recorder->chain_fd, hf_recorder_second(recorder), data,
                         size, paused_ms(recorder));
    if (error)
        recorder->failed = error;
}

/* Samples that found no room become silence, so that the times in the file stay right. */
static void fill_gap(hf_recorder *recorder)
{
    static const int16_t silence[CHUNK];
    uint64_t gap = atomic_load_explicit(&recorder->gap, memory_order_acquire);
    while (recorder->gap_written < gap) {
        uint64_t count = gap - recorder->gap_written;
        if (count > CHUNK)
            count = CHUNK;
        append(recorder, silence, (size_t)count);
        recorder->gap_written += count;
    }
}

static void drain(hf_recorder *recorder)
{
    uint64_t taken = atomic_load_explicit(&recorder->taken, memory_order_relaxed);
    uint64_t written = atomic_load_explicit(&recorder->written, memory_order_acquire);
    while (taken < written) {
        uint32_t at = (uint32_t)(taken & (recorder->size - 1));
        uint64_t count = written - taken;
        if (count > CHUNK)
            count = CHUNK;
        if (count > recorder->size - at)
            count = recorder->size - at;
        append(recorder, recorder->ring + at, (size_t)count);
        taken += count;
        atomic_store_explicit(&recorder->taken, taken, memory_order_release);
    }
    fill_gap(recorder);
}

static void finish(hf_engine *engine, hf_recorder *recorder, enum hf_end why)
{
    hf_event event = {.kind = HF_ON_RECORD, .id = recorder->head.id};
    drain(recorder);
    write_header(recorder);
    if (!recorder->failed)
        recorder->failed = hf_chain_end(&recorder->chain, recorder->chain_fd, paused_ms(recorder));
    if (fdatasync(recorder->fd) < 0 && !recorder->failed)
        recorder->failed = errno;
    close(recorder->fd);
    if (recorder->chain_fd >= 0)
        close(recorder->chain_fd);
    recorder->fd = recorder->chain_fd = -1;
    event.code = (int)why;
    if (recorder->failed)
        event.code = recorder->failed == ENOSPC || recorder->failed == EDQUOT ? HF_DISK_FULL
                                                                              : HF_ERROR;
    event.value = (uint32_t)(recorder->bytes * 1000 / (uint64_t)hf_recorder_second(recorder));
    hf_event_push(engine, &engine->file_events, &event);
    hf_retire(engine, &recorder->head);
}

/* One round over all recorders. The lock guards the list only, never a write. */
static void round_once(hf_engine *engine)
{
    hf_recorder *recorder, *previous = NULL;
    pthread_mutex_lock(&engine->files_lock);
    recorder = engine->recorders;
    pthread_mutex_unlock(&engine->files_lock);
    while (recorder) {
        hf_recorder *next = recorder->next;
        int ended = atomic_load_explicit(&recorder->ended, memory_order_acquire);
        if (ended) {
            pthread_mutex_lock(&engine->files_lock);
            if (previous) {
                previous->next = next;
            } else {
                /* New recorders may have come in front of the first one seen. */
                hf_recorder **link = &engine->recorders;
                while (*link != recorder)
                    link = &(*link)->next;
                *link = next;
            }
            pthread_mutex_unlock(&engine->files_lock);
            finish(engine, recorder, (enum hf_end)(ended - 1));
        } else {
            drain(recorder);
            if (recorder->bytes - recorder->bytes_in_header >=
                (uint64_t)hf_recorder_second(recorder))
                write_header(recorder);
            previous = recorder;
        }
        recorder = next;
    }
}

/* One call for all recordings: each on its own would wait for the disk as often. */
static void sync_once(hf_engine *engine)
{
    int fd = -1;
    pthread_mutex_lock(&engine->files_lock);
    if (engine->recorders)
        fd = engine->recorders->fd; /* only this thread closes it */
    pthread_mutex_unlock(&engine->files_lock);
    if (fd >= 0)
        (void)syncfs(fd); /* a failing disk is seen by the next write */
}

static void *files_run(void *argument)
{
    hf_engine *engine = argument;
    int last = 0, rounds = 0;
    while (!last) {
        struct timespec until;
        last = !atomic_load(&engine->files_running);
        round_once(engine);
        if (!last && ++rounds % SYNC_ROUNDS == 0)
            sync_once(engine);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += ROUND_NS;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_nsec -= 1000000000L;
            until.tv_sec++;
        }
        pthread_mutex_lock(&engine->files_lock);
        if (atomic_load(&engine->files_running)) {
            if (engine->recorders)
                pthread_cond_timedwait(&engine->files_wake, &engine->files_lock, &until);
            else
                pthread_cond_wait(&engine->files_wake, &engine->files_lock);
        }
        pthread_mutex_unlock(&engine->files_lock);
    }
    return NULL;
}

void hf_files_add(hf_engine *engine, hf_recorder *recorder)
{
    write_header(recorder);
    pthread_mutex_lock(&engine->files_lock);
    recorder->next = engine->recorders;
    engine->recorders = recorder;
    pthread_cond_signal(&engine->files_wake);
    pthread_mutex_unlock(&engine->files_lock);
}

int hf_files_start(hf_engine *engine)
{
    pthread_condattr_t clock;
    pthread_mutex_init(&engine->files_lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&engine->files_wake, &clock);
    pthread_condattr_destroy(&clock);
    atomic_store(&engine->files_running, 1);
    return pthread_create(&engine->file_thread, NULL, files_run, engine);
}

/* The engine thread has ended and every recorder with it: one last round completes them. */
void hf_files_stop(hf_engine *engine)
{
    pthread_mutex_lock(&engine->files_lock);
    atomic_store(&engine->files_running, 0);
    pthread_cond_signal(&engine->files_wake);
    pthread_mutex_unlock(&engine->files_lock);
    pthread_join(engine->file_thread, NULL);
    pthread_cond_destroy(&engine->files_wake);
    pthread_mutex_destroy(&engine->files_lock);
}
