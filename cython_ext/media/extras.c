#include "engine.h"

#include <stdlib.h>
#include <string.h>

/* A far end sends packets of 30 ms without having said so, or a network holds packets back and
 * lets them go together: then a port needs more room at once, in the middle of a frame. So some
 * is kept ready: the owner puts, the engine thread takes. Only one thread takes, so a stack needs
 * no more than its top. */

hf_extra *hf_extra_new(void)
{
    hf_extra *made = malloc(sizeof *made);
    if (made) /* the engine must not be the first to touch the pages */
        memset(made, 0, sizeof *made);
    return made;
}

static void put(hf_engine *engine, hf_extra *extra)
{
    hf_extra *top = atomic_load_explicit(&engine->extras, memory_order_relaxed);
    do {
        extra->next = top;
    } while (!atomic_compare_exchange_weak_explicit(&engine->extras, &top, extra,
                                                    memory_order_release, memory_order_relaxed));
    atomic_fetch_add_explicit(&engine->extra_count, 1, memory_order_relaxed);
}

void hf_extras_fill(hf_engine *engine)
{
    while (atomic_load_explicit(&engine->extra_count, memory_order_relaxed) < HF_EXTRAS) {
        hf_extra *made = hf_extra_new();
        if (!made)
            return;
        put(engine, made);
    }
}

static void become(hf_port *port, hf_extra *extra)
{
    port->extra = extra;
    port->jitter.more = extra->cells;
}

int hf_extra_take(hf_engine *engine, hf_port *port)
{
    hf_extra *top = atomic_load_explicit(&engine->extras, memory_order_acquire);
    if (port->extra)
        return 1;
    while (top && !atomic_compare_exchange_weak_explicit(&engine->extras, &top, top->next,
                                                         memory_order_acquire,
                                                         memory_order_acquire))
        continue;
    if (!top)
        return 0;
    become(port, top);
    if (atomic_fetch_sub_explicit(&engine->extra_count, 1, memory_order_relaxed) <= HF_EXTRAS / 2)
        engine->urgent = 1; /* the owner is woken, and fills */
    return 1;
}

void hf_extra_give(hf_engine *engine, hf_port *port, hf_extra *extra)
{
    if (extra && port->extra)
        put(engine, extra); /* it has taken one meanwhile */
    else if (extra)
        become(port, extra);
}
