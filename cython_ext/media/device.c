#include "engine.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* A board channel is a descriptor with chunks of 20 ms. Its clock is not ours: the queue
 * starts with two frames, loses one when the board is faster, and runs dry when slower. */
#define READS_AT_ONCE 4
#define FIRST_FRAMES 2
#define MOST_FRAMES 4
#define ELAST 500 /* DAHDI: an event waits, read and write are refused until it is fetched */

static int chunk_size(const hf_port *port)
{
    return port->law == HF_S16 ? HF_FRAME * 2 : HF_FRAME;
}

static void tell(hf_engine *engine, hf_port *port, int code)
{
    hf_event event = {.kind = HF_ON_DEVICE, .port = port->head.id, .code = code};
    hf_event_push(engine, &engine->events, &event);
}

static void lost(hf_engine *engine, hf_port *port, int code)
{
    port->dead = 1;
    tell(engine, port, code);
}

static void enqueue(hf_port *port)
{
    int16_t *queue = port->extra->queue;
    if (port->queued >= MOST_FRAMES * HF_FRAME) {
        port->queued -= HF_FRAME;
        memmove(queue, queue + HF_FRAME, (size_t)port->queued * sizeof *queue);
        atomic_fetch_add_explicit(&port->counts.overruns, 1, memory_order_relaxed);
    }
    hf_g711_decode(port->law, port->extra->cells[0], HF_FRAME, queue + port->queued);
    port->queued += HF_FRAME;
    port->partial_fill = 0;
    atomic_fetch_add_explicit(&port->counts.packets_in, 1, memory_order_relaxed);
}

static void read_chunks(hf_engine *engine, hf_port *port)
{
    int size = chunk_size(port), i;
    for (i = 0; i < READS_AT_ONCE; i++) {
        ssize_t got;
        /* Linear chunks come from a process that answers each of ours: what it wrote ahead
         * waits in its socket, and a slow moment of it costs nothing. */
        if (port->law == HF_S16 && port->queued >= MOST_FRAMES * HF_FRAME)
            return;
        got = read(port->fd, port->extra->cells[0] + port->partial_fill,
                   (size_t)(size - port->partial_fill));
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got < 0 && errno == ELAST) {
            tell(engine, port, 0);
            return;
        }
        if (got <= 0) {
            lost(engine, port, got < 0 ? errno : EPIPE);
            return;
        }
        port->partial_fill += (int)got;
        if (port->partial_fill == size)
            enqueue(port);
    }
}

void hf_device_receive(hf_engine *engine, hf_port *port)
{
    if (!port->dead)
        read_chunks(engine, port);
    if (!port->primed && port->queued >= FIRST_FRAMES * HF_FRAME)
        port->primed = 1;
    if (!port->primed) {
        memset(port->heard, 0, sizeof port->heard);
        return;
    }
    if (!hf_queue_pull(port)) {
        port->primed = 0;
        atomic_fetch_add_explicit(&port->counts.underruns, 1, memory_order_relaxed);
    }
}

void hf_device_send(hf_engine *engine, hf_port *port)
{
    uint8_t *wire = port->extra->wire;
    int size = chunk_size(port);
    ssize_t done;
    port->timestamp += HF_FRAME;
    if (port->dead)
        return;
    if (port->wire_fill + size <= (int)HF_WIRE) {
        hf_g711_encode(port->law, port->sent, HF_FRAME, wire + port->wire_fill);
        port->wire_fill += size;
    } else {
        atomic_fetch_add_explicit(&port->counts.not_sent, 1, memory_order_relaxed);
    }
    /* A whole chunk at a time: message-like devices keep their boundaries. */
    while (port->wire_fill > 0) {
        int part = port->wire_fill % size ? port->wire_fill % size : size;
        done = write(port->fd, wire, (size_t)part);
        if (done < 0) {
            if (errno != EAGAIN && errno != EINTR && errno != ELAST)
                lost(engine, port, errno);
            return;
        }
        if (done == part && port->wire_fill % size == 0)
            atomic_fetch_add_explicit(&port->counts.packets_out, 1, memory_order_relaxed);
        port->wire_fill -= (int)done;
        memmove(wire, wire + done, (size_t)port->wire_fill);
    }
}
