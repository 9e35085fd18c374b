#include "transport.h"

/* What the handshake thread tells the engine thread: pointers that are taken by exchange, and a
 * stack of the transports that have something. Neither thread ever waits for the other. */

/* ---- handshake thread ---- */

void hf_transport_tell(hf_transport *transport)
{
    hf_engine *engine = transport->engine;
    hf_transport *top;
    if (atomic_exchange(&transport->is_answered, 1))
        return; /* it waits there already */
    top = atomic_load_explicit(&engine->answered, memory_order_relaxed);
    do {
        transport->next_answered = top;
    } while (!atomic_compare_exchange_weak(&engine->answered, &top, transport));
}

void hf_transport_let_go(hf_transport *transport)
{
    hf_engine *engine = transport->engine;
    hf_transport *top = atomic_load_explicit(&engine->finished, memory_order_relaxed);
    do {
        transport->next_finished = top;
    } while (!atomic_compare_exchange_weak(&engine->finished, &top, transport));
}

/* ---- engine thread ---- */

static void take_answer(hf_engine *engine, hf_transport *transport)
{
    hf_path *path = atomic_exchange(&transport->path, NULL);
    hf_keyring *keyring = atomic_exchange(&transport->keyring, NULL);
    hf_port *port = transport->port;
    if (path && port) {
        port->target = path->address;
        port->target_length = path->length;
        port->latched = 1;
    }
    if (path)
        hf_retire(engine, &path->head);
    if (port && (keyring || atomic_load(&transport->is_over))) {
        hf_keyring *old = port->keyring;
        port->keyring = atomic_load(&transport->is_over) ? NULL : keyring;
        keyring = port->keyring ? NULL : keyring;
        port->marker = 1;
        if (old)
            hf_retire(engine, &old->head);
    }
    if (keyring)
        hf_retire(engine, &keyring->head);
}

void hf_transports_tick(hf_engine *engine)
{
    hf_handshakes *handshakes = atomic_load_explicit(&engine->handshakes, memory_order_acquire);
    hf_transport *finished, *answered, *next;
    if (!handshakes)
        return;
    /* In this order: what is finished has nothing more to say than lies in the second list. */
    finished = atomic_exchange(&engine->finished, NULL);
    for (answered = atomic_exchange(&engine->answered, NULL); answered; answered = next) {
        next = answered->next_answered;
        atomic_store(&answered->is_answered, 0);
        take_answer(engine, answered);
    }
    for (; finished; finished = next) {
        next = finished->next_finished;
        hf_retire(engine, &finished->head);
    }
    hf_handshakes_nudge(handshakes);
}
