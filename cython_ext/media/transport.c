#include "transport.h"

#include <netinet/in.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT_NS 30000000000LL /* from the peer's first check to its first record */

hf_transport *hf_transport_new(hf_engine *engine, const hf_port *port, const hf_credentials *own)
{
    hf_transport *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    made->head.kind = HF_TRANSPORT;
    made->head.id = port->head.id;
    made->engine = engine;
    made->ice = own != NULL;
    made->fd = dup(port->fd);
    if (own)
        hf_ice_reset(&made->agent, own);
    if (made->fd >= 0)
        return made;
    free(made);
    return NULL;
}

void hf_transport_free(hf_transport *transport)
{
    hf_transport_finish(transport);
    free(atomic_load(&transport->path));
    if (atomic_load(&transport->keyring))
        hf_object_free(&atomic_load(&transport->keyring)->head);
}

static void report(hf_transport *transport, enum hf_transport_event what, int value)
{
    hf_event event = {.kind = HF_ON_TRANSPORT, .port = transport->head.id};
    event.code = (int)what;
    event.value = (uint32_t)value;
    hf_event_push(transport->engine, &transport->engine->transport_events, &event);
}

static void send_to(hf_transport *transport, const uint8_t *data, int size,
                    const hf_endpoint *to, socklen_t length)
{
    /* What is not sent now is asked for again, or sent again when its timer ends. */
    if (length)
        (void)!sendto(transport->fd, data, (size_t)size, 0, (const struct sockaddr *)to, length);
}

static void send_dtls(void *context, const uint8_t *data, int size)
{
    hf_transport *transport = context;
    send_to(transport, data, size, &transport->to, transport->to_length);
}

/* The engine thread shall send there. */
static void point(hf_transport *transport, const hf_endpoint *to, socklen_t length)
{
    hf_ice_path chosen = {.address = *to, .length = length};
    hf_path *path = calloc(1, sizeof *path);
    if (!path)
        return; /* the next check of the peer tries again */
    path->head.kind = HF_PATH;
    path->address = *to;
    path->length = length;
    hf_transport_choose(transport, &chosen);
    free(atomic_exchange(&transport->path, path));
    hf_transport_tell(transport);
    report(transport, HF_ICE_SELECTED, 0);
}

static void give_keys(hf_transport *transport)
{
    uint8_t in[HF_SRTP_MOST], out[HF_SRTP_MOST];
    enum hf_suite suite = hf_dtls_keys(transport->dtls, in, out);
    hf_keyring *keyring = suite ? hf_keyring_new(transport->head.id, suite, in, out) : NULL;
    OPENSSL_cleanse(in, sizeof in);
    OPENSSL_cleanse(out, sizeof out);
    if (!keyring) {
        transport->has_failed = 1;
        report(transport, HF_HANDSHAKE_FAILED, HF_DTLS_PROTOCOL);
        return;
    }
    if (!transport->ice)
        point(transport, &transport->to, transport->to_length);
    keyring = atomic_exchange(&transport->keyring, keyring);
    if (keyring)
        hf_object_free(&keyring->head);
    hf_transport_tell(transport);
    report(transport, HF_KEYS_READY, (int)suite);
}

static void end(hf_transport *transport, enum hf_transport_event what, int cause)
{
    transport->is_shaking = 0;
    transport->has_failed = 1;
    hf_dtls_free(transport->dtls);
    transport->dtls = NULL;
    atomic_store(&transport->is_over, 1);
    hf_transport_tell(transport);
    report(transport, what, cause);
}

static void look(hf_transport *transport)
{
    switch (hf_dtls_state(transport->dtls)) {
    case HF_DTLS_SHAKING:
        break;
    case HF_DTLS_DONE:
        if (transport->is_shaking)
            give_keys(transport);
        transport->is_shaking = 0;
        break;
    case HF_DTLS_FAILED:
        end(transport, HF_HANDSHAKE_FAILED, (int)hf_dtls_cause(transport->dtls));
        break;
    case HF_DTLS_CLOSED:
        end(transport, HF_PEER_CLOSED, 0);
        break;
    }
}

/* A client needs to know where to; a server waits for a datagram. Before that no time runs: the
 * peer may be told much later, when somebody answers the call. */
static void begin(hf_transport *transport, int is_called, int64_t now)
{
    hf_dtls_setup setup = {.send = send_dtls, .context = transport};
    if (transport->dtls || !transport->is_shaking ||
        !(transport->peer.client ? transport->to_length : (socklen_t)is_called))
        return;
    setup.client = transport->peer.client;
    setup.cookies = !transport->ice;
    memcpy(setup.expected, transport->peer.expected, sizeof setup.expected);
    setup.fingerprints = transport->peer.fingerprints;
    transport->dtls = hf_dtls_new(hf_handshakes_identity(transport->engine), &setup, now);
    if (transport->dtls)
        look(transport);
}

static int may_shake(const hf_transport *transport, const hf_endpoint *from)
{
    if (transport->ice)
        return hf_ice_is_proven(&transport->agent, from);
    if (transport->dtls && hf_dtls_is_invited(transport->dtls)) /* only who brought the cookie */
        return hf_same_address(&transport->to, from);
    return !transport->peer.remote_length || hf_same_host(&transport->peer.remote, from);
}

/* Keeps a hello that came too early, before the peer's description or its first check: it
 * spares the peer a timer. */
static void keep(hf_transport *transport, const uint8_t *data, int size,
                 const hf_endpoint *from, socklen_t length)
{
    if (!transport->early)
        transport->early = malloc(HF_DTLS_LARGEST);
    if (!transport->early)
        return;
    memcpy(transport->early, data, (size_t)size);
    transport->early_size = size;
    transport->early_from = *from;
    transport->early_length = length;
}

static void received_dtls(hf_transport *transport, const uint8_t *data, int size,
                          const hf_endpoint *from, socklen_t length, int64_t now)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)from;
    if (!transport->is_described) {
        keep(transport, data, size, from, length);
        return;
    }
    if (transport->has_failed)
        return;
    if (!may_shake(transport, from)) {
        atomic_fetch_add_explicit(&transport->counts.strangers, 1, memory_order_relaxed);
        if (transport->is_shaking)
            keep(transport, data, size, from, length);
        return;
    }
    /* A client without ICE goes on with the address of the description. */
    if (transport->ice || (transport->is_shaking && !transport->peer.client)) {
        transport->to = *from;
        transport->to_length = length;
    }
    begin(transport, 1, now);
    if (!transport->dtls)
        return;
    /* Port and address lie together in both families (IPv6: with the flow label between). */
    hf_dtls_receive(transport->dtls, data, size, &four->sin_port,
                    from->family == AF_INET ? 6 : 22, now);
    look(transport);
}

static void take_early(hf_transport *transport, int64_t now)
{
    uint8_t *early = transport->early;
    if (!early || !transport->is_described || !may_shake(transport, &transport->early_from))
        return;
    transport->early = NULL;
    received_dtls(transport, early, transport->early_size, &transport->early_from,
                  transport->early_length, now);
    free(early);
}

static void received_stun(hf_transport *transport, const uint8_t *data, int size,
                          const hf_endpoint *from, socklen_t length, int64_t now)
{
    hf_ice *agent = &transport->agent;
    uint8_t answer[HF_STUN_ANSWER];
    int moved, answered;
    if (!transport->ice)
        return;
    answered = hf_ice_receive(agent, data, size, from, length, now, answer, &moved);
    if (answered)
        send_to(transport, answer, answered, from, length);
    atomic_store_explicit(&transport->counts.checks, agent->checks, memory_order_relaxed);
    atomic_store_explicit(&transport->counts.refused, agent->refused, memory_order_relaxed);
    atomic_store_explicit(&transport->counts.malformed, agent->malformed, memory_order_relaxed);
    if (moved) {
        transport->to = *from;
        transport->to_length = length;
        point(transport, from, length);
        begin(transport, 0, now);
    }
    if (transport->is_shaking && !transport->limit && agent->checks)
        transport->limit = now + LIMIT_NS;
    take_early(transport, now);
}

void hf_transport_received(hf_transport *transport, const uint8_t *data, int size,
                           const hf_endpoint *from, socklen_t length, int64_t now)
{
    if (hf_stun_claimed(data, size))
        received_stun(transport, data, size, from, length, now);
    else
        received_dtls(transport, data, size, from, length, now);
}

void hf_transport_described(hf_transport *transport, const hf_peer *peer, int64_t now)
{
    memcpy(transport->agent.peer, peer->ufrag, sizeof transport->agent.peer);
    if (transport->is_described)
        return; /* an ICE restart; the association stays (RFC 8842 5.5) */
    transport->peer = *peer;
    transport->is_described = transport->is_shaking = 1;
    if (!transport->ice && peer->remote_length) {
        transport->to = peer->remote;
        transport->to_length = peer->remote_length;
    }
    begin(transport, 0, now);
    take_early(transport, now);
}

void hf_transport_wake(hf_transport *transport, int64_t now)
{
    if (transport->dtls) {
        hf_dtls_wake(transport->dtls, now);
        look(transport);
    } else if (transport->is_shaking && transport->limit && now >= transport->limit) {
        end(transport, HF_HANDSHAKE_FAILED, HF_DTLS_TIMEOUT);
    }
}

int64_t hf_transport_deadline(const hf_transport *transport)
{
    return transport->dtls ? hf_dtls_deadline(transport->dtls) : transport->limit;
}

void hf_transport_finish(hf_transport *transport)
{
    transport->is_shaking = 0;
    hf_dtls_free(transport->dtls);
    transport->dtls = NULL;
    free(transport->early);
    transport->early = NULL;
    if (transport->fd >= 0)
        close(transport->fd);
    transport->fd = -1;
}
