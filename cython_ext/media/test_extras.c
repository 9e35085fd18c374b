#include "test_engine.h"

#include <string.h>
#include <unistd.h>

/* What a port is given only when it needs it: cells for packets that wait, a queue. */

static uint8_t octet(int sequence, int at)
{
    return (uint8_t)(sequence * 31 + at * 7);
}

/* Whatever the lengths: what is got is what was put, and stays until the next is got. */
static void cells_never_overlap(void)
{
    uint8_t more[HF_MORE_CELLS][HF_CELL], payload[HF_PAYLOAD];
    int with, i, n, length;
    for (with = 0; with < 2; with++) {
        hf_jitter jitter = {.more = with ? more : NULL};
        int lengths[4096] = {0}, put = 0, got_all = 0, dropped = 0, empty = 0;
        const uint8_t *lent = NULL;
        int lent_length = 0, lent_sequence = 0;
        test_seed(77);
        hf_jitter_reset(&jitter);
        for (i = 0; i < 20000; i++) {
            const uint8_t *got;
            int came = (int)(test_random() % 3), whole = 1;
            while (came-- && (put - got_all < 6 || empty)) {
                uint64_t before = jitter.dropped;
                length = 1 + (int)(test_random() % 480);
                for (n = 0; n < length; n++)
                    payload[n] = octet(put, n);
                lengths[put % 4096] = length;
                hf_jitter_put(&jitter, (uint16_t)put, payload, length, HF_AUDIO);
                lengths[put++ % 4096] *= jitter.dropped == before ? 1 : -1;
                dropped += jitter.dropped != before;
            }
            for (n = 0; n < lent_length; n++)
                whole &= lent[n] == octet(lent_sequence, n);
            CHECK(whole);
            lent_length = empty = 0;
            switch (hf_jitter_get(&jitter, &got, &length)) {
            case HF_GOT:
                CHECK(length == lengths[got_all % 4096]);
                lent = got;
                lent_length = length;
                lent_sequence = got_all++;
                for (n = 0, whole = 1; n < length; n++)
                    whole &= got[n] == octet(lent_sequence, n);
                CHECK(whole);
                break;
            case HF_MISSING:
                CHECK(lengths[got_all++ % 4096] < 0);
                break;
            case HF_EMPTY:
                empty = 1;
                break;
            }
        }
        CHECK(got_all > 10000 && (with ? dropped < 10 : dropped > 1000));
        CHECK(__builtin_popcount(jitter.taken) <= (with ? HF_CELLS + HF_MORE_CELLS : HF_CELLS));
    }
}

static void burst(peer *from, int to, int packets)
{
    uint8_t payload[160];
    while (packets--) {
        memset(payload, packets, sizeof payload);
        peer_send(from, to, 8, 111, payload, sizeof payload);
    }
}

/* A network that holds packets back: what is more than a port has room for waits in an extra, and
 * the owner puts others in the place of those that were taken. */
static void a_burst_takes_an_extra(void)
{
    enum { PORTS = HF_EXTRAS + 2 };
    hf_engine *engine = hf_engine_new(0, 20);
    peer far[PORTS];
    hf_port *ports[PORTS];
    int at[PORTS], i, with = 0;
    CHECK(engine->extra_count == HF_EXTRAS);
    for (i = 0; i < PORTS; i++) {
        far[i] = peer_open();
        ports[i] = test_port(engine, (uint64_t)i + 1, HF_ALAW, &far[i], &at[i]);
        burst(&far[i], at[i], HF_CELLS);
    }
    test_frame(engine);
    CHECK(engine->extra_count == HF_EXTRAS && !engine->urgent);
    for (i = 0; i < PORTS; i++) {
        CHECK(!ports[i]->extra && ports[i]->jitter.dropped == 0);
        burst(&far[i], at[i], 4);
    }
    for (i = 0; i < 8; i++)
        test_frame(engine);
    for (i = 0; i < PORTS; i++) {
        with += ports[i]->extra != NULL;
        CHECK(ports[i]->jitter.received == HF_CELLS + 4);
        CHECK(ports[i]->extra ? ports[i]->jitter.dropped == 0 : ports[i]->jitter.dropped > 0);
    }
    CHECK(with == HF_EXTRAS && engine->extra_count == 0);
    CHECK(engine->urgent); /* the owner is woken */
    hf_extras_fill(engine);
    CHECK(engine->extra_count == HF_EXTRAS);
    for (i = 0; i < PORTS; i++)
        burst(&far[i], at[i], HF_CELLS + 2);
    for (i = 0; i < 8; i++)
        test_frame(engine);
    for (i = 0; i < PORTS; i++)
        CHECK(ports[i]->extra != NULL);
    CHECK(engine->extra_count == HF_EXTRAS - 2);
    for (i = 0; i < PORTS; i++) {
        test_command(engine, HF_CLOSE_PORT, ports[i], NULL);
        close(far[i].fd);
    }
    test_frame(engine);
    CHECK(test_free_retired(engine) == PORTS);
    hf_engine_free(engine);
}

/* 30 ms where 20 were agreed on are heard all the same; without an extra they are counted. */
static void packets_that_are_no_frames_take_an_extra(void)
{
    hf_engine *engine = hf_engine_new(0, 20);
    peer far = peer_open();
    uint8_t payload[240];
    int at, i, there = engine->extra_count;
    hf_port *port = test_port(engine, 1, HF_ALAW, &far, &at);
    hf_extra *kept = engine->extras;
    memset(payload, 0x2a, sizeof payload);
    engine->extras = NULL;
    for (i = 0; i < 4; i++)
        peer_send(&far, at, 8, 111, payload, sizeof payload);
    for (i = 0; i < 4; i++)
        test_frame(engine);
    CHECK(!port->extra && port->queued == 0 && port->jitter.dropped == 4);
    engine->extras = kept;
    for (i = 0; i < 8; i++)
        peer_send(&far, at, 8, 111, payload, sizeof payload);
    for (i = 0; i < 4; i++)
        test_frame(engine);
    CHECK(port->extra && engine->extra_count == there - 1 && port->jitter.dropped == 4);
    CHECK(port->heard[HF_FRAME - 1] == -32256);
    test_command(engine, HF_CLOSE_PORT, port, NULL);
    test_frame(engine);
    CHECK(test_free_retired(engine) == 1);
    close(far.fd);
    hf_engine_free(engine);
}

/* A stream that brings an extra to a port that has taken one: it waits for another port. */
static void an_extra_too_many_waits(void)
{
    hf_engine *engine = hf_engine_new(0, 20);
    peer far = peer_open();
    int at;
    hf_port *port = test_port(engine, 1, HF_ALAW, &far, &at);
    hf_command again = {.op = HF_CONNECT, .subject = port, .stream = port->stream};
    CHECK(hf_extra_take(engine, port) == 1 && hf_extra_take(engine, port) == 1);
    CHECK(engine->extra_count == HF_EXTRAS - 1);
    again.stream.packet_samples = 240;
    again.stream.extra = hf_extra_new();
    CHECK(hf_command_push(engine, &again) == 0);
    test_frame(engine);
    CHECK(engine->extra_count == HF_EXTRAS && port->stream.packet_samples == 240);
    hf_extras_fill(engine);
    CHECK(engine->extra_count == HF_EXTRAS);
    test_command(engine, HF_CLOSE_PORT, port, NULL);
    test_frame(engine);
    CHECK(test_free_retired(engine) == 1);
    close(far.fd);
    hf_engine_free(engine);
}

void test_extras(void)
{
    cells_never_overlap();
    a_burst_takes_an_extra();
    packets_that_are_no_frames_take_an_extra();
    an_extra_too_many_waits();
}
