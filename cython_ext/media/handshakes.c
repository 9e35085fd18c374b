#define _GNU_SOURCE
#include "transport.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NICE 5 /* a signature may wait; a frame may not */
#define SECOND 1000000000LL

/* What the owner asks for. */
typedef struct hf_task {
    struct hf_task *next;
    hf_transport *transport;
    int is_restart;
    hf_credentials own;
    hf_peer peer;
} hf_task;

/* A datagram on its way from the engine thread. */
typedef struct {
    hf_transport *transport;
    hf_endpoint from;
    socklen_t length;
    int size;
    uint8_t data[HF_DTLS_LARGEST];
} hf_datagram;

struct hf_handshakes {
    hf_identity *identity;
    pthread_t thread;
    int has_thread, wake;
    _Atomic int running;
    pthread_mutex_t lock; /* of the tasks and of what is chosen; the engine thread never takes it */
    hf_task *first, **last;
    hf_datagram handed[HF_HANDED];
    _Atomic uint32_t head, tail;
    _Atomic(hf_transport *) closed;
    hf_transport *shaking; /* those with a deadline */
    /* of the engine thread */
    int is_awaited;
};

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

static void wake(hf_handshakes *handshakes)
{
    uint64_t one = 1;
    (void)!write(handshakes->wake, &one, sizeof one); /* a full counter wakes as well */
}

/* ---- owner ---- */

static int ask(hf_transport *transport, const hf_credentials *own, const hf_peer *peer)
{
    hf_handshakes *handshakes = atomic_load(&transport->engine->handshakes);
    hf_task *task = handshakes ? calloc(1, sizeof *task) : NULL;
    if (!task)
        return -1;
    task->transport = transport;
    if (own) {
        task->is_restart = 1;
        task->own = *own;
    } else {
        task->peer = *peer;
    }
    pthread_mutex_lock(&handshakes->lock);
    *handshakes->last = task;
    handshakes->last = &task->next;
    pthread_mutex_unlock(&handshakes->lock);
    wake(handshakes);
    return 0;
}

int hf_transport_describe(hf_transport *transport, const hf_peer *peer)
{
    return ask(transport, NULL, peer);
}

int hf_transport_restart(hf_transport *transport, const hf_credentials *own)
{
    return ask(transport, own, NULL);
}

void hf_transport_chosen(hf_transport *transport, hf_endpoint *to, socklen_t *length)
{
    hf_handshakes *handshakes = atomic_load(&transport->engine->handshakes);
    if (handshakes) /* else its thread has ended */
        pthread_mutex_lock(&handshakes->lock);
    *to = transport->chosen.address;
    *length = transport->chosen.length;
    if (handshakes)
        pthread_mutex_unlock(&handshakes->lock);
}

/* ---- engine thread ---- */

void hf_transport_attach(hf_port *port, hf_transport *transport)
{
    transport->port = port;
    port->transport = transport;
    port->target_length = 0; /* nothing leaves before the peer has proved where it is */
    port->latched = 0;
}

void hf_transport_detach(hf_engine *engine, hf_port *port)
{
    hf_handshakes *handshakes = atomic_load(&engine->handshakes);
    hf_transport *transport = port->transport, *top;
    port->transport = NULL;
    transport->port = NULL;
    top = atomic_load_explicit(&handshakes->closed, memory_order_relaxed);
    do {
        transport->next_closed = top;
    } while (!atomic_compare_exchange_weak_explicit(&handshakes->closed, &top, transport,
                                                    memory_order_release, memory_order_relaxed));
    handshakes->is_awaited = 1;
}

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

void hf_transport_hand(hf_engine *engine, hf_port *port, const uint8_t *data, int size,
                       const hf_endpoint *from, socklen_t length)
{
    hf_handshakes *handshakes = atomic_load_explicit(&engine->handshakes, memory_order_relaxed);
    uint32_t tail = atomic_load_explicit(&handshakes->tail, memory_order_relaxed);
    uint32_t head = atomic_load_explicit(&handshakes->head, memory_order_acquire);
    hf_datagram *slot = &handshakes->handed[tail % HF_HANDED];
    /* STUN by its cookie, DTLS by its type and version: anything else is not worth a copy. */
    int is_dtls = size > 13 && data[0] >= 20 && data[0] < 64 && data[1] == 0xfe;
    if (size > HF_DTLS_LARGEST || !(is_dtls || hf_stun_claimed(data, size))) {
        count(&port->counts.bad);
        return;
    }
    if (tail - head >= HF_HANDED || port->handed >= HF_HANDED_A_FRAME) {
        count(&port->transport->counts.dropped);
        return;
    }
    port->handed++;
    slot->transport = port->transport;
    slot->from = *from;
    slot->length = length;
    slot->size = size;
    memcpy(slot->data, data, (size_t)size);
    atomic_store_explicit(&handshakes->tail, tail + 1, memory_order_release);
    count(&port->transport->counts.handed);
    handshakes->is_awaited = 1;
}

void hf_handshakes_nudge(hf_handshakes *handshakes)
{
    if (!handshakes->is_awaited)
        return;
    handshakes->is_awaited = 0;
    wake(handshakes);
}

/* ---- handshake thread ---- */

void hf_transport_choose(hf_transport *transport, const hf_ice_path *path)
{
    hf_handshakes *handshakes = atomic_load(&transport->engine->handshakes);
    pthread_mutex_lock(&handshakes->lock);
    transport->chosen = *path;
    pthread_mutex_unlock(&handshakes->lock);
}

static void forget(hf_handshakes *handshakes, hf_transport *transport)
{
    hf_transport **link = &handshakes->shaking;
    while (*link && *link != transport)
        link = &(*link)->next_shaking;
    if (*link)
        *link = transport->next_shaking;
    transport->next_shaking = NULL;
}

static void watch(hf_handshakes *handshakes, hf_transport *transport, int was_shaking)
{
    if (!was_shaking && transport->is_shaking) {
        transport->next_shaking = handshakes->shaking;
        handshakes->shaking = transport;
    } else if (was_shaking && !transport->is_shaking) {
        forget(handshakes, transport);
    }
}

static void run_tasks(hf_handshakes *handshakes, int64_t now)
{
    hf_task *task, *next;
    pthread_mutex_lock(&handshakes->lock);
    task = handshakes->first;
    handshakes->first = NULL;
    handshakes->last = &handshakes->first;
    pthread_mutex_unlock(&handshakes->lock);
    for (; task; task = next) {
        int was_shaking = task->transport->is_shaking;
        next = task->next;
        if (task->is_restart)
            hf_ice_restart(&task->transport->agent, &task->own);
        else
            hf_transport_described(task->transport, &task->peer, now);
        watch(handshakes, task->transport, was_shaking);
        free(task);
    }
}

static void read_handed(hf_handshakes *handshakes, int64_t now)
{
    uint32_t head = atomic_load_explicit(&handshakes->head, memory_order_relaxed);
    uint32_t tail = atomic_load_explicit(&handshakes->tail, memory_order_acquire);
    for (; head != tail; head++) {
        hf_datagram *got = &handshakes->handed[head % HF_HANDED];
        int was_shaking = got->transport->is_shaking;
        hf_transport_received(got->transport, got->data, got->size, &got->from, got->length, now);
        watch(handshakes, got->transport, was_shaking);
        atomic_store_explicit(&handshakes->head, head + 1, memory_order_release);
    }
}

static void finish(hf_handshakes *handshakes, hf_transport *transport)
{
    forget(handshakes, transport);
    hf_transport_finish(transport);
    hf_transport_let_go(transport);
}

int64_t hf_handshakes_round(hf_handshakes *handshakes, int64_t now)
{
    hf_transport *closed = atomic_exchange(&handshakes->closed, NULL), *transport, *next;
    int64_t first = 0;
    /* What came before the end of a transport is done before its end. */
    run_tasks(handshakes, now);
    read_handed(handshakes, now);
    for (; closed; closed = next) {
        next = closed->next_closed;
        finish(handshakes, closed);
    }
    for (transport = handshakes->shaking; transport; transport = next) {
        int64_t deadline = hf_transport_deadline(transport);
        next = transport->next_shaking;
        if (deadline && now >= deadline) {
            hf_transport_wake(transport, now);
            watch(handshakes, transport, 1);
            deadline = hf_transport_deadline(transport);
        }
        if (transport->is_shaking && deadline && (!first || deadline < first))
            first = deadline;
    }
    return first;
}

static void *handshakes_run(void *argument)
{
    hf_handshakes *handshakes = argument;
    int last;
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
    do {
        struct pollfd ready = {.fd = handshakes->wake, .events = POLLIN};
        int64_t next, left;
        uint64_t counted;
        last = !atomic_load(&handshakes->running);
        next = hf_handshakes_round(handshakes, now_ns());
        left = next ? (next - now_ns()) / 1000000 + 1 : -1;
        if (!last && poll(&ready, 1, left < -1 ? 0 : (int)left) > 0)
            (void)!read(handshakes->wake, &counted, sizeof counted);
    } while (!last);
    return NULL;
}

/* ---- beginning and end ---- */

static void release(hf_handshakes *handshakes)
{
    hf_identity_free(handshakes->identity);
    if (handshakes->wake >= 0)
        close(handshakes->wake);
    free(handshakes);
}

int hf_handshakes_open(hf_engine *engine)
{
    hf_handshakes *made = atomic_load(&engine->handshakes);
    if (made)
        return 0;
    made = calloc(1, sizeof *made);
    if (!made)
        return ENOMEM;
    made->last = &made->first;
    made->identity = hf_identity_new();
    made->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (made->wake < 0 || !made->identity) {
        release(made);
        return ENOMEM;
    }
    pthread_mutex_init(&made->lock, NULL);
    atomic_store_explicit(&engine->handshakes, made, memory_order_release);
    return 0;
}

int hf_handshakes_start(hf_engine *engine)
{
    int error = hf_handshakes_open(engine);
    hf_handshakes *handshakes = atomic_load(&engine->handshakes);
    if (error || handshakes->has_thread)
        return error;
    atomic_store(&handshakes->running, 1);
    error = pthread_create(&handshakes->thread, NULL, handshakes_run, handshakes);
    handshakes->has_thread = error == 0;
    return error;
}

void hf_handshakes_stop(hf_engine *engine)
{
    hf_handshakes *handshakes = atomic_load(&engine->handshakes);
    if (!handshakes)
        return;
    if (handshakes->has_thread) {
        atomic_store(&handshakes->running, 0);
        wake(handshakes);
        pthread_join(handshakes->thread, NULL);
    } else {
        hf_handshakes_round(handshakes, now_ns());
    }
    hf_transports_tick(engine); /* retires what was let go */
    atomic_store(&engine->handshakes, NULL);
    pthread_mutex_destroy(&handshakes->lock);
    release(handshakes);
}

const hf_identity *hf_handshakes_identity(const hf_engine *engine)
{
    return atomic_load(&engine->handshakes)->identity;
}

const char *hf_handshakes_fingerprint(const hf_engine *engine)
{
    return hf_identity_fingerprint(hf_handshakes_identity(engine));
}

double hf_handshakes_cpu(const hf_engine *engine)
{
    const hf_handshakes *handshakes = atomic_load(&engine->handshakes);
    struct timespec spent;
    clockid_t clock;
    if (!handshakes || !handshakes->has_thread ||
        pthread_getcpuclockid(handshakes->thread, &clock) || clock_gettime(clock, &spent))
        return 0;
    return (double)spent.tv_sec + (double)spent.tv_nsec / (double)SECOND;
}
