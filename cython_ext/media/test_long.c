#include "test_engine.h"

#include <string.h>

#define DAY_FRAMES (24LL * 3600 * 50)
#define FRAME_US 20000LL

typedef struct {
    int ppm;          /* the sender's clock against ours; above 0: slower, packets come later */
    int spread_us;    /* of the network */
    int loss;         /* in a thousand */
    int swapped;      /* in a thousand: overtaken by the next */
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
    long long frame, due = 0, number = 0, arrival = 0, held_back = -1;
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
    const network fast = {-200, 5000, 0, 0, DAY_FRAMES, 65530};
    const network slow = {200, 5000, 0, 0, DAY_FRAMES, 65530};
    const network even = {0, 5000, 0, 0, DAY_FRAMES, 1};
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
    const network bad = {0, 8000, 50, 30, 3600 * 50, 65000};
    outcome out = run(&bad, &jitter);
    CHECK(out.gone > 8500 && out.gone < 9500);
    CHECK(jitter.lost + 30 > (uint64_t)out.gone && jitter.lost < (uint64_t)out.gone + 30);
    CHECK(jitter.late < 30 && jitter.resyncs == 0);
    CHECK(out.most_waiting <= 6 * HF_FRAME);
}

void test_long(void)
{
    a_day_of_drift_costs_only_the_drift();
    loss_and_swapped_packets_are_counted_as_they_are();
}
