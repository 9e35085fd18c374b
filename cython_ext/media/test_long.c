#include "test_engine.h"

#include <string.h>
#include <unistd.h>

#define DAY_FRAMES (24LL * 3600 * 50)
#define FRAME_US 20000LL
#define NUMBERED 12000L /* frames */

typedef struct {
    int ppm;          /* the sender's clock against ours; above 0: slower, packets come later */
    int spread_us;    /* of the network */
    int loss;         /* in a thousand */
    int swapped;      /* in a thousand: overtaken by the next */
    int stalls;       /* in ten thousand frames: nothing for 100 ms, then all of it at once */
    long long frames;
    uint16_t first;
} network;

typedef struct {
    long long sent, gone, heard, missing, empty, most_waiting;
} outcome;

/* A sender, a network and a jitter buffer, with the clock as a number: a day in a moment. */
static outcome run(const network *by, hf_jitter *jitter)
{
    static const uint8_t payload[160] = {1};
    long long frame, due = 0, number = 0, arrival = 0, held_back = -1, stalled_until = 0;
    outcome out = {0};
    memset(jitter, 0, sizeof *jitter);
    hf_jitter_reset(jitter);
    for (frame = 0; frame < by->frames; frame++) {
        const uint8_t *got;
        int length;
        for (; arrival <= frame * FRAME_US; number++) {
            int lost = (int)(test_random() % 1000) < by->loss;
            uint16_t sequence = (uint16_t)(by->first + number);
            out.sent++;
            if (lost)
                out.gone++;
            else if (held_back < 0 && (int)(test_random() % 1000) < by->swapped)
                held_back = sequence;
            else
                hf_jitter_put(jitter, sequence, payload, 160, HF_AUDIO);
            if (held_back >= 0 && held_back != sequence) {
                hf_jitter_put(jitter, (uint16_t)held_back, payload, 160, HF_AUDIO);
                held_back = -1;
            }
            due = (number + 1) * (FRAME_US * 1000000 + FRAME_US * by->ppm) / 1000000;
            arrival = due + (by->spread_us ? test_random() % (uint32_t)by->spread_us : 0);
            if ((int)(test_random() % 10000) < by->stalls)
                stalled_until = due + 5 * FRAME_US;
            arrival = arrival < stalled_until ? stalled_until : arrival;
        }
        switch (hf_jitter_get(jitter, &got, &length)) {
        case HF_GOT:
            out.heard++;
            break;
        case HF_MISSING:
            out.missing++;
            break;
        default:
            out.empty++;
        }
        hf_jitter_adapt(jitter);
        if (jitter->waiting > out.most_waiting)
            out.most_waiting = jitter->waiting;
    }
    return out;
}

/* 200 ppm of a day are 17.28 s: 864 packets too many or too few, and nothing else is lost. */
static void a_day_of_drift_costs_only_the_drift(void)
{
    static hf_jitter jitter;
    const network fast = {-200, 5000, 0, 0, 0, DAY_FRAMES, 65530};
    const network slow = {200, 5000, 0, 0, 0, DAY_FRAMES, 65530};
    const network even = {0, 5000, 0, 0, 0, DAY_FRAMES, 1};
    outcome out = run(&fast, &jitter);
    CHECK(jitter.dropped >= 860 && jitter.dropped <= 900);
    CHECK(out.missing == 0 && out.empty < 20 && jitter.late == 0);
    CHECK(out.most_waiting <= 4 * HF_FRAME && jitter.target <= 3 * HF_FRAME);
    out = run(&slow, &jitter);
    CHECK(out.missing == 0 && out.empty >= 860 && out.empty < 960);
    CHECK(jitter.dropped < 60 && jitter.late == 0);
    CHECK(out.most_waiting <= 4 * HF_FRAME);
    out = run(&even, &jitter);
    CHECK(out.missing == 0 && out.empty < 20 && jitter.dropped < 20);
    CHECK(out.heard + 40 > out.sent);
}

static void loss_and_swapped_packets_are_counted_as_they_are(void)
{
    static hf_jitter jitter;
    const network bad = {0, 8000, 50, 30, 0, 3600 * 50, 65000};
    outcome out = run(&bad, &jitter);
    CHECK(out.gone > 8500 && out.gone < 9500);
    CHECK(jitter.lost + 30 > (uint64_t)out.gone && jitter.lost < (uint64_t)out.gone + 30);
    CHECK(jitter.late < 30 && jitter.resyncs == 0);
    CHECK(out.most_waiting <= 6 * HF_FRAME);
}

/* A network that stalls for 100 ms now and then and delivers all of it at once: no packet is
 * lost, and the delay goes back within seconds. */
static void bursts_lose_nothing_and_pass(void)
{
    static hf_jitter jitter;
    const network stalling = {0, 5000, 0, 0, 5, 3600 * 50, 65500};
    outcome out = run(&stalling, &jitter);
    CHECK(out.missing == 0 && jitter.lost == 0 && jitter.resyncs == 0 && jitter.late == 0);
    CHECK(out.empty < 90 * 7 && out.heard + 90 * 7 > out.sent);
    CHECK(out.most_waiting <= 10 * HF_FRAME && jitter.target <= 8 * HF_FRAME);
}

/* A conversation without any fault of the network, from just below both wraps: what one says the
 * other hears, the numbers go on by one and the timestamps by a packet. */
static void a_conversation_keeps_its_numbers(void)
{
    hf_engine *engine = hf_engine_new(0, 20);
    peer a = peer_open(), b = peer_open();
    int at_a, at_b, size = 0, broken = 0;
    hf_port *left = test_port(engine, 1, HF_ALAW, &a, &at_a);
    hf_port *right = test_port(engine, 2, HF_ULAW, &b, &at_b);
    hf_room *room = hf_room_new(3, HF_MEMBERS);
    uint8_t coded[160], packet[2048];
    uint32_t before = 0, stamp;
    uint16_t last = 0, sequence;
    long frame;
    a.sequence = 65500;
    a.timestamp = 0xffffff00u;
    right->sequence = 65500;
    right->timestamp = 0xfffff000u;
    memset(coded, 0xaa, sizeof coded);
    test_command(engine, HF_JOIN, left, room);
    test_command(engine, HF_JOIN, right, room);
    for (frame = 0; frame < NUMBERED; frame++) {
        peer_send(&a, at_a, 8, 111, coded, 160);
        peer_send(&b, at_b, 0, 222, coded, 160);
        engine->wall += FRAME_US * 1000;
        test_frame(engine);
        peer_receive(&a, packet, &size);
        broken += peer_receive(&b, packet, &size) != 1;
        sequence = (uint16_t)(packet[2] << 8 | packet[3]);
        stamp = (uint32_t)packet[4] << 24 | (uint32_t)packet[5] << 16 | (uint32_t)packet[6] << 8 |
                packet[7];
        broken += frame > 0 && (sequence != (uint16_t)(last + 1) || stamp != before + 160);
        last = sequence;
        before = stamp;
    }
    CHECK(broken == 0 && left->jitter.lost == 0 && left->counts.underruns == 0);
    CHECK(left->jitter.late + left->jitter.dropped + left->jitter.resyncs == 0);
    CHECK(left->counts.packets_in == NUMBERED && right->counts.packets_out == NUMBERED);
    test_command(engine, HF_CLOSE_PORT, left, NULL);
    test_command(engine, HF_CLOSE_PORT, right, NULL);
    test_command(engine, HF_END_ROOM, NULL, room);
    test_frame(engine);
    CHECK(test_free_retired(engine) == 3);
    close(a.fd);
    close(b.fd);
    hf_engine_free(engine);
}

void test_long(void)
{
    bursts_lose_nothing_and_pass();
    a_conversation_keeps_its_numbers();
    a_day_of_drift_costs_only_the_drift();
    loss_and_swapped_packets_are_counted_as_they_are();
}
