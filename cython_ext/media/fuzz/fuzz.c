/* Mutates packets for a time and feeds them to everything that reads from the network. The
 * sanitizers that it is built with are the judge; `make fuzz` runs it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "handshakes.h"
#include "transport.h"

#define LARGEST 1500
#define ROUND 1000 /* cases between two looks at the clock */
#define HANDSHAKES 20

static uint32_t state;

static uint32_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

/* A few octets changed, a piece doubled or cut out, a length made to lie. */
static int mutate(uint8_t *data, int size)
{
    int times = 1 + (int)(draw() % 4);
    while (times-- > 0 && size > 0) {
        int at = (int)(draw() % (uint32_t)size), count = (int)(draw() % 24) + 1;
        switch (draw() % 6) {
        case 0:
            data[at] ^= (uint8_t)(1u << draw() % 8);
            break;
        case 1:
            data[at] = (uint8_t)draw();
            break;
        case 2:
            data[at] = draw() % 2 ? 0xff : 0;
            break;
        case 3: /* cut out */
            count = count < size - at ? count : size - at;
            memmove(data + at, data + at + count, (size_t)(size - at - count));
            size -= count;
            break;
        case 4: /* double */
            if (size + count > LARGEST || at + count > size)
                break;
            memmove(data + at + count, data + at, (size_t)(size - at));
            size += count;
            break;
        default:
            size = at;
        }
    }
    return size;
}

static int seed_rtp(uint8_t *data)
{
    int i, size = hf_rtp_header(data, draw() % 4 ? 8 : 101, (int)(draw() % 2), (uint16_t)draw(),
                                draw(), 7);
    for (i = 0; i < 160; i++)
        data[size + i] = (uint8_t)draw();
    if (draw() % 4 == 0)
        data[0] |= (uint8_t)(draw() % 0x40); /* padding, extension, sources */
    return size + (draw() % 4 ? 160 : 4);
}

static int seed_rtcp(uint8_t *data)
{
    hf_rtcp rtcp;
    hf_rtcp_reset(&rtcp, draw(), draw());
    if (draw() % 2)
        hf_rtcp_sent(&rtcp, 160);
    if (draw() % 2)
        hf_rtcp_heard(&rtcp, (uint16_t)draw(), draw(), (int64_t)draw() * 1000, 1);
    return hf_rtcp_build(&rtcp, data, 7, draw(), 9, 1700000000000000000LL, draw() % 2);
}

static void parse(const uint8_t *data, int size)
{
    static hf_rtcp rtcp;
    static hf_keys_in keys_in;
    static hf_jitter jitter;
    const uint8_t *payload;
    hf_key keys[3];
    hf_rtp rtp;
    int length;
    hf_rtcp_read(&rtcp, data, size, 9, (int64_t)draw() * 1000000);
    if (hf_rtp_parse(data, size, &rtp) < 0)
        return;
    hf_rtcp_heard(&rtcp, rtp.sequence, rtp.timestamp, (int64_t)draw() * 1000, 1);
    hf_keys_in_packet(&keys_in, rtp.timestamp, rtp.payload, rtp.length, keys);
    hf_jitter_put(&jitter, rtp.sequence, rtp.payload, rtp.length, HF_AUDIO);
    if (draw() % 2 && hf_jitter_get(&jitter, &payload, &length) == HF_GOT && length)
        state += payload[length - 1]; /* touched, so that a bad one is seen */
    hf_jitter_adapt(&jitter);
}

/* Sealed packets that were changed, and changed packets that were sealed. */
static void unseal(hf_srtp *to, hf_srtp *from, uint8_t *data, int size, int reports)
{
    int sealed;
    if (draw() % 2)
        size = mutate(data, size);
    sealed = reports ? hf_srtcp_protect(to, data, size) : hf_srtp_protect(to, data, size);
    if (sealed < 0)
        return;
    if (draw() % 2)
        sealed = mutate(data, sealed);
    sealed = reports ? hf_srtcp_unprotect(from, data, sealed)
                     : hf_srtp_unprotect(from, data, sealed);
    if (sealed >= 0)
        parse(data, sealed);
}

typedef struct {
    hf_engine *engine;
    hf_port *port;
    int fd;
    hf_endpoint to;
    socklen_t length;
} whole;

/* Both rates: what a port hears is decoded twice. */
static void tap(whole *at)
{
    hf_command open = {.op = HF_OPEN_TAP, .subject = at->port};
    open.object = hf_tap_new(1, HF_TAP_WIDE);
    open.flag = HF_OF_WIDE_SAMPLES;
    hf_command_push(at->engine, &open);
    open.object = hf_tap_new(1, HF_TAP_NARROW);
    open.flag = HF_OF_SAMPLES;
    hf_command_push(at->engine, &open);
}

/* With ``secured`` the port has ICE and DTLS, as that of a browser; what it hears of G.722 and
 * Opus is decoded. */
static whole whole_open(int secured, int law)
{
    static const hf_credentials own = {"mine", "abcdefghijklmnopqrstuv"};
    static const hf_peer peer = {.ufrag = "peer"};
    whole made = {.engine = hf_engine_new(0, 1)};
    hf_command command = {.op = HF_ADD_PORT};
    int bound;
    made.fd = hf_rtp_bind("127.0.0.1", 0, &bound);
    hf_address("127.0.0.1", bound, &command.stream.remote, &command.stream.remote_length);
    made.port = hf_port_new(1, HF_RTP, hf_rtp_bind("127.0.0.1", 0, &bound));
    hf_address("127.0.0.1", bound, &made.to, &made.length);
    command.subject = made.port;
    hf_command_push(made.engine, &command);
    command.op = HF_CONNECT;
    command.stream.payload_type = 8;
    command.stream.key_payload_type = 101;
    command.stream.packet_samples = HF_FRAME;
    command.stream.send = command.stream.receive = command.stream.rtcp_mux = 1;
    command.stream.rtcp_fd = -1;
    command.stream.law = law;
    command.stream.extra = hf_extra_new();
    if (law == HF_OPUS && hf_opus_load() == 0)
        command.stream.coders.opus = hf_opus_new();
    if (law == HF_G722)
        command.stream.coders.g722 = calloc(1, sizeof(hf_g722));
    hf_command_push(made.engine, &command);
    command.stream.coders = (hf_coders){0}; /* they are the port's now */
    command.stream.extra = NULL;
    tap(&made);
    if (secured && hf_handshakes_open(made.engine) == 0) {
        hf_transport *transport = hf_transport_new(made.engine, made.port, &own);
        command.op = HF_SECURE;
        command.object = transport;
        hf_command_push(made.engine, &command);
        hf_transport_describe(transport, &peer);
    }
    return made;
}

static void whole_port(whole *at, const uint8_t *data, int size)
{
    hf_event event;
    int phase;
    (void)sendto(at->fd, data, (size_t)size, 0, (struct sockaddr *)&at->to, at->length);
    if (draw() % 3)
        return;
    at->engine->wall += 20000000;
    hf_commands_run(at->engine);
    for (phase = 0; phase < HF_PHASES; phase++)
        hf_engine_tick(at->engine, phase);
    if (atomic_load(&at->engine->handshakes))
        hf_handshakes_round(atomic_load(&at->engine->handshakes), at->engine->wall);
    hf_transports_tick(at->engine);
    while (hf_event_pop(&at->engine->transport_events, &event))
        continue;
    while (hf_event_pop(&at->engine->events, &event))
        continue;
    while (recv(at->fd, (uint8_t[2048]){0}, 2048, MSG_DONTWAIT) > 0)
        continue;
}

static void whole_close(whole *at)
{
    hf_command command = {.op = HF_CLOSE_PORT, .subject = at->port};
    hf_object *object, *next;
    hf_command_push(at->engine, &command);
    hf_commands_run(at->engine);
    close(at->fd);
    hf_engine_stop(at->engine);
    if (atomic_load(&at->engine->handshakes))
        hf_handshakes_stop(at->engine);
    for (object = hf_retired_take(at->engine); object; object = next) {
        next = object->next_retired;
        hf_object_free(object);
    }
    hf_engine_free(at->engine);
}

int main(int count, char **words)
{
    double seconds = count > 1 ? atof(words[1]) : 10;
    uint8_t master[HF_SRTP_MOST] = {1, 2, 3}, data[LARGEST + 256];
    time_t until = time(NULL) + (time_t)seconds;
    hf_srtp *to[3], *from[3];
    unsigned long cases = 0;
    whole port, browser, opus, wide;
    int i;
    state = count > 2 ? (uint32_t)strtoul(words[2], NULL, 10) : (uint32_t)time(NULL) | 1;
    printf("seed %u\n", state);
    fflush(stdout);
    signal(SIGPIPE, SIG_IGN);
    hf_g711_init();
    hf_dtmf_init();
    port = whole_open(0, HF_ALAW);
    browser = whole_open(1, HF_ALAW);
    opus = whole_open(0, HF_OPUS);
    wide = whole_open(0, HF_G722);
    fuzz_handshakes_open();
    for (i = 0; i < 3; i++) {
        to[i] = hf_srtp_new((enum hf_suite)(i + 1), master);
        from[i] = hf_srtp_new((enum hf_suite)(i + 1), master);
    }
    while (time(NULL) < until) {
        for (i = 0; i < HANDSHAKES; i++)
            fuzz_dtls(mutate, draw);
        for (i = 0; i < ROUND; i++, cases++) {
            int reports = (int)(draw() % 2);
            int size = reports ? seed_rtcp(data) : seed_rtp(data);
            if (draw() % 2) {
                unseal(to[draw() % 3], from[draw() % 3], data, size, reports);
                continue;
            }
            size = mutate(data, size);
            parse(data, size);
            whole_port(&port, data, size);
            whole_port(&opus, data, size);
            whole_port(&wide, data, size);
            size = fuzz_check(data, draw());
            if (draw() % 4)
                size = mutate(data, size);
            fuzz_stun(data, size, draw());
            whole_port(&browser, data, size);
        }
    }
    for (i = 0; i < 3; i++) {
        hf_srtp_free(to[i]);
        hf_srtp_free(from[i]);
    }
    whole_close(&port);
    whole_close(&browser);
    whole_close(&opus);
    whole_close(&wide);
    fuzz_handshakes_close();
    printf("%lu packets, none did harm\n", cases);
    return 0;
}
