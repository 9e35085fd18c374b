#define _GNU_SOURCE
#include "engine.h"
#include "transport.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000L
#define FIFO_PRIORITY 20
#define NICE -11
#define LATE_NS 2000000L     /* a wake-up counts as late beyond this */
#define LATE_STEP_NS 250000u
#define GIVE_UP_NS 200000000L /* behind this, missed ticks are skipped, not made up for */

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

static int64_t wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

hf_engine *hf_engine_new(int realtime, int silence_seconds)
{
    hf_engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return NULL;
    hf_g711_init();
    hf_dtmf_init();
    engine->realtime = realtime;
    engine->silence_seconds = silence_seconds > 0 ? silence_seconds : 20;
    engine->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    snprintf(engine->scheduling, sizeof engine->scheduling, "not started");
    if (engine->wake < 0) {
        free(engine);
        return NULL;
    }
    hf_extras_fill(engine);
    return engine;
}

/* Thousands of ports do not fit into the cache: the next one comes while this one works. */
static void fetch(const hf_port *port)
{
    __builtin_prefetch(port);
    __builtin_prefetch(&port->peer_ssrc);
    __builtin_prefetch(&port->jitter);
    __builtin_prefetch(&port->raw_length);
}

void hf_engine_tick(hf_engine *engine, int phase)
{
    hf_port **ports = engine->ports[phase];
    int count = engine->count[phase], i;
    engine->frames += phase == 0;
    /* First hear everybody, then speak: members of a room in one phase have no delay. */
    for (i = 0; i < count; i++) {
        if (i + 1 < count)
            fetch(ports[i + 1]);
        hf_port_hear(engine, ports[i]);
    }
    for (i = 0; i < count; i++)
        hf_port_speak(engine, ports[i]);
}

static void raise_to(_Atomic uint64_t *counter, uint64_t value)
{
    if (value > atomic_load_explicit(counter, memory_order_relaxed))
        atomic_store_explicit(counter, value, memory_order_relaxed);
}

static void measure(hf_engine_counts *counts, int phase, int64_t late, int64_t spent)
{
    uint64_t load = atomic_load_explicit(&counts->load_ppm, memory_order_relaxed);
    uint64_t share = (uint64_t)spent * 1000000u / HF_TICK_NS, slot;
    atomic_fetch_add_explicit(&counts->ticks, 1, memory_order_relaxed);
    if (late > LATE_NS)
        atomic_fetch_add_explicit(&counts->late_ticks, 1, memory_order_relaxed);
    slot = late > 0 ? (uint64_t)late / LATE_STEP_NS : 0;
    slot = slot < HF_LATE_STEPS ? slot : HF_LATE_STEPS - 1;
    atomic_fetch_add_explicit(&counts->late[slot], 1, memory_order_relaxed);
    raise_to(&counts->worst_late_ns, (uint64_t)(late > 0 ? late : 0));
    atomic_fetch_add_explicit(&counts->busy_ns, (uint64_t)spent, memory_order_relaxed);
    atomic_fetch_add_explicit(&counts->phase_ns[phase], (uint64_t)spent, memory_order_relaxed);
    atomic_fetch_add_explicit(&counts->phase_ticks[phase], 1, memory_order_relaxed);
    raise_to(&counts->phase_worst_ns[phase], (uint64_t)spent);
    raise_to(&counts->worst_phase_ns, (uint64_t)spent);
    /* Averaged over about one second. */
    atomic_store_explicit(&counts->load_ppm, (load * 199 + share) / 200, memory_order_relaxed);
}

static void get_priority(hf_engine *engine)
{
    struct sched_param fifo = {.sched_priority = FIFO_PRIORITY};
    int error;
    /* Without real-time priority the kernel may wake us 50 us late to save power. */
    prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
    if (!engine->realtime) {
        snprintf(engine->scheduling, sizeof engine->scheduling, "normal: not asked for more");
        return;
    }
    error = pthread_setschedparam(pthread_self(), SCHED_FIFO, &fifo);
    if (error == 0) {
        snprintf(engine->scheduling, sizeof engine->scheduling, "fifo %d", FIFO_PRIORITY);
        return;
    }
    if (setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE) == 0) {
        snprintf(engine->scheduling, sizeof engine->scheduling, "nice %d: fifo refused (%s)",
                 NICE, strerror(error));
        return;
    }
    snprintf(engine->scheduling, sizeof engine->scheduling,
             "normal: fifo (%s) and nice refused", strerror(error));
}

static void sleep_until(int64_t at)
{
    struct timespec until = {.tv_sec = at / SECOND, .tv_nsec = at % SECOND};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        continue;
}

static void *engine_run(void *argument)
{
    hf_engine *engine = argument;
    int64_t next;
    int phase = 0;
    get_priority(engine);
    atomic_store_explicit(&engine->running, 2, memory_order_release);
    next = now_ns();
    while (atomic_load_explicit(&engine->running, memory_order_relaxed)) {
        int64_t begun, late;
        sleep_until(next);
        begun = now_ns();
        late = begun - next;
        engine->wall = wall_ns();
        hf_commands_run(engine);
        hf_engine_tick(engine, phase);
        hf_transports_tick(engine);
        hf_tell(engine);
        measure(&engine->counts, phase, late, now_ns() - begun);
        phase = (phase + 1) % HF_PHASES;
        next += HF_TICK_NS;
        if (late > GIVE_UP_NS) {
            atomic_fetch_add_explicit(&engine->counts.skipped_ticks,
                                      (uint64_t)(late / HF_TICK_NS), memory_order_relaxed);
            next = now_ns();
        }
    }
    return NULL;
}

int hf_engine_start(hf_engine *engine)
{
    struct timespec moment = {.tv_sec = 0, .tv_nsec = 1000000};
    int error = hf_files_start(engine);
    if (error)
        return error;
    atomic_store(&engine->running, 1);
    error = pthread_create(&engine->thread, NULL, engine_run, engine);
    if (error) {
        hf_files_stop(engine);
        return error;
    }
    engine->started = 1;
    while (atomic_load_explicit(&engine->running, memory_order_acquire) == 1)
        nanosleep(&moment, NULL);
    return 0;
}

static double cpu_of(const hf_engine *engine, pthread_t thread)
{
    struct timespec spent;
    clockid_t clock;
    if (!engine->started || pthread_getcpuclockid(thread, &clock) || clock_gettime(clock, &spent))
        return 0;
    return (double)spent.tv_sec + (double)spent.tv_nsec / SECOND;
}

double hf_engine_cpu(const hf_engine *engine)
{
    return cpu_of(engine, engine->thread);
}

double hf_engine_files_cpu(const hf_engine *engine)
{
    return cpu_of(engine, engine->file_thread);
}

void hf_engine_stop(hf_engine *engine)
{
    int phase;
    if (!engine->started)
        return;
    engine->started = 0;
    atomic_store(&engine->running, 0);
    pthread_join(engine->thread, NULL);
    hf_commands_run(engine); /* objects that were on their way belong to a port now */
    for (phase = 0; phase < HF_PHASES; phase++)
        while (engine->count[phase] > 0) {
            hf_port *port = engine->ports[phase][engine->count[phase] - 1];
            hf_room *room = port->room;
            hf_port_detach(engine, port);
            if (room && hf_room_is_empty(room))
                hf_retire(engine, &room->head);
        }
    hf_handshakes_stop(engine);
    hf_files_stop(engine);
}

void hf_engine_free(hf_engine *engine)
{
    if (!engine)
        return;
    hf_engine_stop(engine);
    hf_handshakes_stop(engine); /* of an engine that a test has never started */
    close(engine->wake);
    while (engine->extras) {
        hf_extra *extra = engine->extras;
        engine->extras = extra->next;
        free(extra);
    }
    free(engine);
}
