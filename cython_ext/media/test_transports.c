#include "test_engine.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "identity.h"
#include "transport.h"

#define MS 1000000LL
#define OWN_PASSWORD "abcdefghijklmnopqrstuv"

static const hf_credentials OWN = {"mine", OWN_PASSWORD};

/* A browser on one socket: it checks, shakes hands and seals; what it hears is counted. */
typedef struct {
    peer at;
    int to;
    hf_identity *identity;
    hf_dtls *dtls;
    hf_srtp *in, *out;
    int answers, packets, forged;
    uint8_t last[256];
} browser;

static void put(void *context, const uint8_t *data, int size)
{
    browser *from = context;
    hf_endpoint address;
    socklen_t length;
    hf_address("127.0.0.1", from->to, &address, &length);
    (void)sendto(from->at.fd, data, (size_t)size, 0, (struct sockaddr *)&address, length);
}

static browser *browser_open(int to)
{
    browser *made = calloc(1, sizeof *made);
    made->at = peer_open();
    made->to = to;
    made->identity = hf_identity_new();
    return made;
}

static void browser_close(browser *from)
{
    hf_dtls_free(from->dtls);
    hf_srtp_free(from->in);
    hf_srtp_free(from->out);
    hf_identity_free(from->identity);
    close(from->at.fd);
    free(from);
}

static hf_fingerprint fingerprint_of(const hf_identity *identity)
{
    hf_fingerprint made = {.size = 32};
    unsigned size;
    X509_digest(SSL_CTX_get0_certificate(identity->context), EVP_sha256(), made.digest, &size);
    return made;
}

static void browser_shake(browser *from, hf_engine *engine, int client)
{
    hf_dtls_setup setup = {.client = client, .fingerprints = 1, .send = put, .context = from};
    setup.expected[0] = fingerprint_of(hf_handshakes_identity(engine));
    from->dtls = hf_dtls_new(from->identity, &setup, 1);
}

static void browser_check(browser *from, int nominates)
{
    uint8_t data[256];
    put(from, data, test_check(data, "mine:peer", OWN_PASSWORD, 100, nominates));
}

static void browser_read(browser *from)
{
    uint8_t data[2048], in[HF_SRTP_MOST], out[HF_SRTP_MOST];
    enum hf_suite suite;
    ssize_t size;
    while ((size = recv(from->at.fd, data, sizeof data, MSG_DONTWAIT)) > 0) {
        if (data[0] < 4)
            from->answers++;
        else if (data[0] < 64 && from->dtls)
            hf_dtls_receive(from->dtls, data, (int)size, "engine", 6, 2);
        else if (data[0] >= 128 && from->in && data[1] < 200 &&
                 hf_srtp_unprotect(from->in, data, (int)size) > 0) {
            memcpy(from->last, data, sizeof from->last);
            from->packets++;
        } else if (data[0] >= 128 && data[1] < 200)
            from->forged++;
    }
    if (from->dtls && !from->in && (suite = hf_dtls_keys(from->dtls, in, out))) {
        from->in = hf_srtp_new(suite, in);
        from->out = hf_srtp_new(suite, out);
    }
}

static void browser_talk(browser *from)
{
    uint8_t data[12 + 160 + HF_SRTP_TRAILER];
    int size = 172;
    hf_rtp_header(data, 8, 0, from->at.sequence++, from->at.timestamp, 77);
    from->at.timestamp += 160;
    memset(data + 12, 0xaa, 160);
    if (from->out)
        size = hf_srtp_protect(from->out, data, size);
    put(from, data, size);
}

typedef struct {
    hf_engine *engine;
    hf_port *port;
    hf_transport *transport;
    browser *far;
    int64_t now;
} leg;

static leg *leg_open(int ice, int threads)
{
    leg *made = calloc(1, sizeof *made);
    peer nobody = {.port = 9};
    int bound;
    made->now = 1000 * MS;
    made->engine = hf_engine_new(0, 20);
    CHECK(threads ? hf_engine_start(made->engine) == 0 && hf_handshakes_start(made->engine) == 0
                  : hf_handshakes_open(made->engine) == 0);
    made->port = test_port(made->engine, 5, HF_ALAW, &nobody, &bound);
    made->transport = hf_transport_new(made->engine, made->port, ice ? &OWN : NULL);
    test_command(made->engine, HF_SECURE, made->port, made->transport);
    made->far = browser_open(bound);
    return made;
}

static void leg_describe(leg *at, int client, int remote)
{
    hf_peer peer = {.client = client, .ufrag = "peer", .fingerprints = 1};
    peer.expected[0] = fingerprint_of(at->far->identity);
    if (remote)
        hf_address("127.0.0.1", at->far->at.port, &peer.remote, &peer.remote_length);
    CHECK(hf_transport_describe(at->transport, &peer) == 0);
}

/* One frame of the engine, and what the handshake thread would do meanwhile. */
static void leg_frame(leg *at)
{
    at->now += 20 * MS;
    test_frame(at->engine);
    hf_transports_tick(at->engine);
    hf_handshakes_round(atomic_load(&at->engine->handshakes), at->now);
    hf_transports_tick(at->engine);
    browser_read(at->far);
}

static int leg_told(leg *at, enum hf_transport_event what, int *value)
{
    hf_event event;
    int count = 0;
    while (hf_event_pop(&at->engine->transport_events, &event)) {
        CHECK(event.kind == HF_ON_TRANSPORT && event.port == 5);
        count += event.code == (int)what;
        if (event.code == (int)what)
            *value = (int)event.value;
    }
    return count;
}

static void leg_close(leg *at)
{
    test_command(at->engine, HF_CLOSE_PORT, at->port, NULL);
    leg_frame(at);
    leg_frame(at);
    browser_read(at->far);
    test_free_retired(at->engine);
    CHECK(!at->far->in || hf_dtls_state(at->far->dtls) == HF_DTLS_CLOSED);
    browser_close(at->far);
    hf_engine_free(at->engine);
    free(at);
}

static void a_browser_is_let_in(int client)
{
    leg *at = leg_open(1, 0);
    hf_endpoint chosen;
    socklen_t length;
    browser *thief = browser_open(at->far->to);
    int i, value = 0;
    leg_frame(at);
    browser_talk(at->far); /* in clear: neither heard nor answered */
    browser_shake(at->far, at->engine, !client); /* a hello before anything is known */
    leg_frame(at);
    CHECK(at->port->counts.packets_in == 0 && at->port->counts.foreign == 1);
    leg_describe(at, client, 0);
    leg_frame(at);
    CHECK(at->far->answers == 0 && at->far->in == NULL);
    browser_check(at->far, 0); /* proves the address, so the handshake may begin */
    leg_frame(at);
    CHECK(at->far->answers == 1 && at->port->target_length == 0);
    browser_check(at->far, 1);
    for (i = 0; i < 12 && !at->port->keyring; i++)
        leg_frame(at);
    hf_transport_chosen(at->transport, &chosen, &length);
    CHECK(length > 0 && hf_same_address(&chosen, &at->port->target));
    CHECK(at->port->keyring != NULL && leg_told(at, HF_KEYS_READY, &value) == 1);
    CHECK(value == HF_AES_GCM_128);
    for (i = 0; i < 20; i++) {
        browser_talk(at->far);
        browser_talk(thief); /* from elsewhere: costs no cryptography */
        leg_frame(at);
    }
    CHECK(at->port->counts.packets_in == 20 && at->port->counts.forged == 0);
    CHECK(at->port->counts.foreign >= 20 && at->far->packets >= 18 && at->far->forged == 0);
    CHECK(at->transport->counts.checks == 2 && at->transport->counts.malformed == 0);
    browser_close(thief);
    leg_close(at);
}

/* Without ICE the address of the description counts, and a server asks for a cookie. */
static void a_telephone_without_ice_is_let_in(int client)
{
    leg *at = leg_open(0, 0);
    browser *thief = browser_open(at->far->to);
    int i, value;
    leg_describe(at, client, 1);
    browser_shake(at->far, at->engine, !client);
    leg_frame(at);
    for (i = 0; i < 12 && !at->port->keyring; i++) {
        browser_shake(thief, at->engine, 1); /* from another port of the same host */
        leg_frame(at);
        hf_dtls_free(thief->dtls);
        thief->dtls = NULL;
    }
    browser_close(thief);
    CHECK(at->port->keyring != NULL && leg_told(at, HF_KEYS_READY, &value) == 1);
    for (i = 0; i < 10; i++) {
        browser_talk(at->far);
        leg_frame(at);
    }
    CHECK(at->port->counts.packets_in == 10 && at->far->packets >= 9);
    leg_close(at);
}

static void who_never_comes_is_given_up(int client)
{
    leg *at = leg_open(1, 0);
    int value = 0;
    int64_t next;
    leg_describe(at, client, 0);
    leg_frame(at);
    at->now += 600000 * MS; /* a telephone rings for ten minutes: nothing fails meanwhile */
    CHECK(hf_handshakes_round(atomic_load(&at->engine->handshakes), at->now) == 0);
    browser_check(at->far, 1);
    leg_frame(at);
    CHECK(at->far->answers == 1);
    next = hf_handshakes_round(atomic_load(&at->engine->handshakes), at->now);
    CHECK(next > at->now && next <= at->now + 30000 * MS);
    at->now += 29000 * MS;
    leg_frame(at);
    CHECK(leg_told(at, HF_HANDSHAKE_FAILED, &value) == 0);
    at->now += 1000 * MS;
    leg_frame(at);
    CHECK(leg_told(at, HF_HANDSHAKE_FAILED, &value) == 1 && value == HF_DTLS_TIMEOUT);
    leg_close(at);
}

/* The peer says goodbye: its keys are not used any more. */
static void a_goodbye_ends_the_audio(void)
{
    leg *at = leg_open(1, 0);
    int i, value, before;
    leg_describe(at, 0, 0);
    browser_check(at->far, 1);
    leg_frame(at);
    browser_shake(at->far, at->engine, 1);
    for (i = 0; i < 12 && !at->port->keyring; i++)
        leg_frame(at);
    CHECK(leg_told(at, HF_ICE_SELECTED, &value) == 1);
    hf_dtls_free(at->far->dtls);
    at->far->dtls = NULL;
    for (i = 0; i < 3; i++)
        leg_frame(at);
    CHECK(leg_told(at, HF_PEER_CLOSED, &value) == 1 && at->port->keyring == NULL);
    before = (int)at->port->counts.packets_out;
    for (i = 0; i < 5; i++)
        leg_frame(at);
    CHECK((int)at->port->counts.packets_out == before && before > 0);
    browser_shake(at->far, at->engine, 1); /* for what leg_close wants to see */
    hf_srtp_free(at->far->in);
    hf_srtp_free(at->far->out);
    at->far->in = at->far->out = NULL;
    leg_close(at);
}

/* A flood at a port costs a copy of eight datagrams a frame, and the true peer still comes. */
static void a_flood_is_bounded(void)
{
    leg *at = leg_open(1, 0);
    uint8_t data[256];
    int i, n, size = test_check(data, "mine:peer", "wrong password", 1, 1);
    leg_frame(at);
    for (i = 0; i < 10; i++) {
        for (n = 0; n < 30; n++)
            put(at->far, data, size);
        leg_frame(at);
    }
    CHECK(at->transport->counts.handed == 80 && at->transport->counts.dropped == 220);
    CHECK(at->transport->counts.refused == 80 && at->transport->counts.checks == 0);
    for (n = 0; n < 20; n++)
        put(at->far, (const uint8_t *)"\x14neither STUN nor DTLS", 22);
    leg_frame(at);
    CHECK(at->port->counts.bad == 20 && at->transport->counts.handed == 80);
    leg_close(at);
}

/* With the threads: many legs come and go while their handshakes run. */
static void legs_come_and_go_under_their_handshakes(void)
{
    struct timespec moment = {.tv_nsec = 2 * MS};
    leg *at = leg_open(1, 1);
    hf_endpoint chosen;
    socklen_t length;
    int i, n, connected = 0;
    leg_describe(at, 0, 0);
    browser_check(at->far, 1);
    for (i = 0; i < 60; i++) {
        peer nobody = {.port = 9};
        int bound;
        hf_port *port = test_port(at->engine, 100 + (uint64_t)i, HF_ALAW, &nobody, &bound);
        hf_transport *transport = hf_transport_new(at->engine, port, &OWN);
        browser *far = browser_open(bound);
        hf_peer peer = {.client = i % 2, .ufrag = "peer", .fingerprints = 1};
        test_command(at->engine, HF_SECURE, port, transport);
        peer.expected[0] = fingerprint_of(far->identity);
        CHECK(hf_transport_describe(transport, &peer) == 0);
        browser_check(far, 1);
        browser_shake(far, at->engine, i % 2 == 0);
        for (n = 0; n < (i % 4 == 3 ? 400 : i % 7 * 3) && !far->in; n++) {
            nanosleep(&moment, NULL);
            browser_read(far);
            hf_dtls_wake(far->dtls, 2);
        }
        connected += far->in != NULL;
        test_command(at->engine, HF_CLOSE_PORT, port, NULL);
        browser_close(far);
    }
    CHECK(connected >= 14);
    hf_engine_stop(at->engine);
    hf_transport_chosen(at->transport, &chosen, &length); /* events are read after the end */
    CHECK(length > 0);
    CHECK(hf_transport_restart(at->transport, &OWN) < 0);
    test_free_retired(at->engine);
    browser_close(at->far);
    hf_engine_free(at->engine);
    free(at);
}

void test_transports(void)
{
    a_browser_is_let_in(0);
    a_browser_is_let_in(1);
    a_telephone_without_ice_is_let_in(0);
    a_telephone_without_ice_is_let_in(1);
    who_never_comes_is_given_up(0);
    who_never_comes_is_given_up(1);
    a_goodbye_ends_the_audio();
    a_flood_is_bounded();
    legs_come_and_go_under_their_handshakes();
}
