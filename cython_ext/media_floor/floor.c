#define _GNU_SOURCE
#include "floor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000L
#define TICK_NS 5000000L
#define PRIORITY 20
#define WITNESS_NS 1000000L
#define WITNESS_PRIORITY 50

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

static void sleep_until(int64_t at)
{
    struct timespec until = {.tv_sec = at / SECOND, .tv_nsec = at % SECOND};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        continue;
}

static void raise_priority(int priority)
{
    struct sched_param fifo = {.sched_priority = priority};
    prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
    /* Without the right to it the figures are taken all the same, and said to be so. */
    (void)pthread_setschedparam(pthread_self(), SCHED_FIFO, &fifo);
}

static int open_socket(hf_floor_socket *made)
{
    struct sockaddr_in here = {.sin_family = AF_INET};
    socklen_t length = sizeof here;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    made->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (made->fd < 0 || bind(made->fd, (struct sockaddr *)&here, length) < 0 ||
        getsockname(made->fd, (struct sockaddr *)&here, &length) < 0)
        return -1;
    made->port = ntohs(here.sin_port);
    made->target = here;
    return 0;
}

hf_floor *hf_floor_new(int count, int realtime)
{
    hf_floor *floor = calloc(1, sizeof *floor);
    int i;
    if (!floor)
        return NULL;
    floor->realtime = realtime;
    floor->sockets = calloc((size_t)count, sizeof *floor->sockets);
    for (i = 0; floor->sockets && i < count; i++, floor->count++)
        if (open_socket(&floor->sockets[i]) < 0)
            break;
    if (floor->count == count)
        return floor;
    hf_floor_free(floor);
    return NULL;
}

void hf_floor_aim(hf_floor *floor, int index, int port)
{
    floor->sockets[index].target.sin_port = htons((uint16_t)port);
}

static void serve(hf_floor *floor, int phase, uint8_t *packet)
{
    uint8_t data[2048];
    uint64_t received = 0, sent = 0;
    int i;
    for (i = phase; i < floor->count; i += HF_FLOOR_PHASES) {
        struct sockaddr_in from;
        socklen_t length = sizeof from;
        received += recvfrom(floor->sockets[i].fd, data, sizeof data, 0,
                             (struct sockaddr *)&from, &length) > 0;
    }
    for (i = phase; i < floor->count; i += HF_FLOOR_PHASES) {
        const struct sockaddr_in *to = &floor->sockets[i].target;
        sent += sendto(floor->sockets[i].fd, packet, HF_FLOOR_PACKET, 0,
                       (const struct sockaddr *)to, sizeof *to) > 0;
    }
    atomic_fetch_add_explicit(&floor->received, received, memory_order_relaxed);
    atomic_fetch_add_explicit(&floor->sent, sent, memory_order_relaxed);
}

/* One stream's header serves all: every socket has its own numbering from its own tick. */
static void *floor_run(void *argument)
{
    hf_floor *floor = argument;
    uint8_t packet[HF_FLOOR_PACKET] = {0x80, 8};
    uint16_t sequence = 0;
    uint32_t timestamp = 0;
    int64_t next;
    int phase = 0, i;
    for (i = 12; i < HF_FLOOR_PACKET; i++) /* A-law noise at about -20 dBm0 */
        packet[i] = (uint8_t)(((i * 73 % 128) | (i % 3 ? 0x80 : 0)) & 0xbf) ^ 0x55;
    if (floor->realtime)
        raise_priority(PRIORITY);
    next = now_ns();
    while (atomic_load_explicit(&floor->running, memory_order_relaxed)) {
        uint32_t stamp = htonl(timestamp);
        next += TICK_NS;
        sleep_until(next);
        packet[2] = (uint8_t)(sequence >> 8);
        packet[3] = (uint8_t)sequence;
        memcpy(packet + 4, &stamp, 4);
        serve(floor, phase, packet);
        phase = (phase + 1) % HF_FLOOR_PHASES;
        if (phase == 0) {
            sequence++;
            timestamp += HF_FLOOR_PACKET - 12;
        }
    }
    return NULL;
}

int hf_floor_start(hf_floor *floor)
{
    int error;
    atomic_store(&floor->running, 1);
    error = pthread_create(&floor->thread, NULL, floor_run, floor);
    floor->started = error == 0;
    return error;
}

void hf_floor_stop(hf_floor *floor)
{
    if (!floor->started)
        return;
    floor->started = 0;
    atomic_store(&floor->running, 0);
    pthread_join(floor->thread, NULL);
}

void hf_floor_free(hf_floor *floor)
{
    int i;
    hf_floor_stop(floor);
    for (i = 0; i < floor->count; i++)
        close(floor->sockets[i].fd);
    free(floor->sockets);
    free(floor);
}

double hf_floor_cpu(const hf_floor *floor)
{
    struct timespec spent;
    clockid_t clock;
    if (!floor->started || pthread_getcpuclockid(floor->thread, &clock) ||
        clock_gettime(clock, &spent))
        return 0;
    return (double)spent.tv_sec + (double)spent.tv_nsec / SECOND;
}

static void *witness_run(void *argument)
{
    hf_witness *witness = argument;
    int64_t next;
    raise_priority(WITNESS_PRIORITY);
    next = now_ns();
    while (atomic_load_explicit(&witness->running, memory_order_relaxed)) {
        int64_t late;
        next += WITNESS_NS;
        sleep_until(next);
        late = now_ns() - next;
        if (late > (int64_t)atomic_load_explicit(&witness->worst_ns, memory_order_relaxed))
            atomic_store_explicit(&witness->worst_ns, (uint64_t)late, memory_order_relaxed);
        if (late > WITNESS_NS)
            next += late; /* what was missed is told once, not again by every wake-up */
    }
    return NULL;
}

int hf_witness_start(hf_witness *witness)
{
    int error;
    atomic_store(&witness->worst_ns, 0);
    atomic_store(&witness->running, 1);
    error = pthread_create(&witness->thread, NULL, witness_run, witness);
    witness->started = error == 0;
    return error;
}

void hf_witness_stop(hf_witness *witness)
{
    if (!witness->started)
        return;
    witness->started = 0;
    atomic_store(&witness->running, 0);
    pthread_join(witness->thread, NULL);
}
