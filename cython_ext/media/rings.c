#include "engine.h"

#include <unistd.h>

#define TICKS_TOGETHER 10 /* 50 ms */
#define ENOUGH 16         /* retired objects */

/* One producer and one consumer a ring; the counters only grow and wrap by themselves. */

int hf_command_push(hf_engine *engine, const hf_command *command)
{
    uint32_t tail = atomic_load_explicit(&engine->command_tail, memory_order_relaxed);
    uint32_t head = atomic_load_explicit(&engine->command_head, memory_order_acquire);
    if (tail - head >= HF_COMMANDS)
        return -1;
    engine->commands[tail % HF_COMMANDS] = *command;
    atomic_store_explicit(&engine->command_tail, tail + 1, memory_order_release);
    return 0;
}

int hf_command_pop(hf_engine *engine, hf_command *command)
{
    uint32_t head = atomic_load_explicit(&engine->command_head, memory_order_relaxed);
    uint32_t tail = atomic_load_explicit(&engine->command_tail, memory_order_acquire);
    if (head == tail)
        return 0;
    *command = engine->commands[head % HF_COMMANDS];
    return 1;
}

uint32_t hf_commands_pushed(const hf_engine *engine)
{
    return atomic_load_explicit(&engine->command_tail, memory_order_relaxed);
}

uint32_t hf_commands_read(const hf_engine *engine)
{
    return atomic_load_explicit(&engine->command_head, memory_order_acquire);
}

/* What a command brought about is told with the objects that it retired. */
static int is_news(const hf_event *event)
{
    return event->kind != HF_ON_PLAY || (event->code != HF_STOPPED &&
                                         event->code != HF_REPLACED && event->code != HF_CLOSED);
}

void hf_event_push(hf_engine *engine, hf_event_ring *ring, const hf_event *event)
{
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    if (tail - head >= HF_EVENTS) {
        atomic_fetch_add_explicit(&ring->overflow, 1, memory_order_relaxed);
        return;
    }
    ring->slots[tail % HF_EVENTS] = *event;
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
    if (ring == &engine->events)
        engine->urgent |= is_news(event);
    else
        hf_wake(engine);
}

int hf_event_pop(hf_event_ring *ring, hf_event *event)
{
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    if (head == tail)
        return 0;
    *event = ring->slots[head % HF_EVENTS];
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    return 1;
}

/* Retired objects are a stack: it needs no room of its own and so cannot overflow. */
void hf_retire(hf_engine *engine, hf_object *object)
{
    hf_object *top = atomic_load_explicit(&engine->retired, memory_order_relaxed);
    do {
        object->next_retired = top;
    } while (!atomic_compare_exchange_weak_explicit(&engine->retired, &top, object,
                                                    memory_order_release, memory_order_relaxed));
    if (object->kind == HF_RECORDER) /* by the file thread; all else by the engine thread */
        hf_wake(engine);
    else
        engine->retirements++;
}

/* A woken thread costs more than what it is told: once a tick; and what is only to be freed
 * waits a little, so that the ends of several calls are told together. */
void hf_tell(hf_engine *engine)
{
    engine->waited += engine->retirements > 0;
    if (!engine->urgent && engine->waited < TICKS_TOGETHER && engine->retirements < ENOUGH)
        return;
    engine->urgent = engine->retirements = engine->waited = 0;
    hf_wake(engine);
}

hf_object *hf_retired_take(hf_engine *engine)
{
    return atomic_exchange_explicit(&engine->retired, NULL, memory_order_acquire);
}

/* An owner who has not looked since he was woken sees this as well. */
void hf_wake(hf_engine *engine)
{
    uint64_t one = 1;
    if (!atomic_exchange(&engine->woken, 1))
        (void)!write(engine->wake, &one, sizeof one);
}

void hf_look(hf_engine *engine)
{
    uint64_t counted;
    (void)!read(engine->wake, &counted, sizeof counted);
    atomic_exchange(&engine->woken, 0);
}
