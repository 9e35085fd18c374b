#include "test_engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "opus.h"

#define OPUS_TYPE 111
#define SECOND 8000
#define SETTLED 4000 /* samples until both coders and the jitter buffer have begun */

/* Level of a sine in samples (peak) and of all that is not this sine, in dB below it. */
static void measure(const int16_t *samples, int count, double hz, double *peak, double *snr)
{
    double in = 0, across = 0, all = 0, power;
    int i;
    for (i = 0; i < count; i++) {
        double turn = 2 * M_PI * hz * i / SECOND;
        in += samples[i] * cos(turn);
        across += samples[i] * sin(turn);
        all += (double)samples[i] * samples[i];
    }
    *peak = 2 * sqrt(in * in + across * across) / count;
    power = *peak * *peak / 2;
    *snr = 10 * log10(power / (all / count - power + 1e-9));
}

static void sine(int16_t *out, int at, int count, double hz, double peak)
{
    int i;
    for (i = 0; i < count; i++)
        out[i] = (int16_t)lrint(peak * sin(2 * M_PI * hz * (at + i) / SECOND));
}

static hf_port *opus_port(hf_engine *engine, uint64_t id, const peer *to, int *bound, int samples)
{
    hf_port *port = test_port(engine, id, HF_OPUS, to, bound);
    hf_command again = {.op = HF_CONNECT, .subject = port};
    again.stream = (hf_stream){.law = HF_OPUS, .payload_type = OPUS_TYPE, .key_payload_type = 110,
                               .rtcp_fd = -1, .packet_samples = samples, .send = 1, .receive = 1};
    again.stream.coders.opus = hf_opus_new();
    again.stream.extra = hf_extra_new();
    hf_address("127.0.0.1", to->port, &again.stream.remote, &again.stream.remote_length);
    CHECK(hf_command_push(engine, &again) == 0);
    return port;
}

typedef struct {
    hf_engine *engine;
    peer opus, other;
    int at_opus, at_other, law, samples;
    hf_port *ports[2];
    hf_room *room;
    hf_opus *far; /* the coders of the far end */
    hf_g722 g722[2];
    hf_coders coders[2];
    int16_t said[480], heard[2 * SECOND];
    int at, got;
} pair;

static void begin(pair *all, int law, int samples)
{
    static const int types[] = {[HF_ALAW] = 8, [HF_ULAW] = 0, [HF_L16] = 97, [HF_G722] = 9};
    hf_command again = {.op = HF_CONNECT};
    memset(all, 0, sizeof *all);
    all->engine = hf_engine_new(0, 20);
    all->opus = peer_open();
    all->other = peer_open();
    all->law = law;
    all->samples = samples;
    all->far = hf_opus_new();
    all->ports[0] = opus_port(all->engine, 1, &all->opus, &all->at_opus, samples);
    all->ports[1] = test_port(all->engine, 2, law, &all->other, &all->at_other);
    again.subject = all->ports[1];
    again.stream = (hf_stream){.law = law, .payload_type = types[law], .key_payload_type = 101,
                               .rtcp_fd = -1, .packet_samples = HF_FRAME, .send = 1, .receive = 1};
    if (law == HF_G722)
        again.stream.coders.g722 = calloc(1, sizeof(hf_g722));
    hf_address("127.0.0.1", all->other.port, &again.stream.remote, &again.stream.remote_length);
    CHECK(hf_command_push(all->engine, &again) == 0);
    all->room = hf_room_new(3, HF_MEMBERS);
    test_command(all->engine, HF_JOIN, all->ports[0], all->room);
    test_command(all->engine, HF_JOIN, all->ports[1], all->room);
    hf_g722_reset(&all->g722[0]);
    hf_g722_reset(&all->g722[1]);
    all->coders[0].g722 = &all->g722[0];
    all->coders[1].g722 = &all->g722[1];
}

static void end(pair *all)
{
    test_command(all->engine, HF_CLOSE_PORT, all->ports[0], NULL);
    test_command(all->engine, HF_CLOSE_PORT, all->ports[1], NULL);
    test_command(all->engine, HF_END_ROOM, NULL, all->room);
    test_frame(all->engine);
    CHECK(test_free_retired(all->engine) == 3);
    close(all->opus.fd);
    close(all->other.fd);
    free(all->far);
    hf_engine_free(all->engine);
}

static void to_opus(pair *all, double hz, double peak)
{
    uint8_t packet[2048];
    int size = 0, n;
    uint8_t coded[HF_FRAME * 2];
    sine(all->said, all->at, HF_FRAME, hz, peak);
    n = hf_codec_encode(all->law, &all->coders[0], all->said, HF_FRAME, coded);
    peer_send(&all->other, all->at_other, all->ports[1]->stream.payload_type, 77, coded, n);
    all->at += HF_FRAME;
    test_frame(all->engine);
    for (n = peer_receive(&all->opus, packet, &size); n > 0; n = 0) {
        CHECK((packet[1] & 0x7f) == OPUS_TYPE);
        CHECK(hf_opus_samples(packet + 12, size - 12) == all->samples);
        if (all->got + all->samples <= 2 * SECOND)
            all->got += hf_opus_decode(all->far, packet + 12, size - 12, all->heard + all->got);
    }
}

static void from_opus(pair *all, double hz, double peak)
{
    uint8_t packet[2048], coded[640];
    int size = 0, octets;
    if (all->at % all->samples == 0) {
        sine(all->said, all->at, all->samples, hz, peak);
        octets = hf_opus_encode(all->far, all->said, all->samples, coded, sizeof coded);
        CHECK(octets > 2);
        peer_send(&all->opus, all->at_opus, OPUS_TYPE, 78, coded, octets);
    }
    all->at += HF_FRAME;
    test_frame(all->engine);
    if (peer_receive(&all->other, packet, &size) && all->got + HF_FRAME <= 2 * SECOND)
        all->got += hf_codec_decode(all->law, &all->coders[1], packet + 12, size - 12,
                                    all->heard + all->got, NULL);
}

/* Frequency, level and noise of a tone between Opus and each other codec, both ways. */
static void tones_cross_to_every_codec(void)
{
    static const int laws[] = {HF_ALAW, HF_ULAW, HF_L16, HF_G722}, times[] = {160, 320, 480};
    static const double pitches[] = {440, 1000, 2100};
    double peak, snr;
    int law, time, n;
    for (law = 0; law < 4; law++)
        for (time = 0; time < 3; time++) {
            pair all;
            double hz = pitches[time];
            begin(&all, laws[law], times[time]);
            for (n = 0; n < 100; n++)
                to_opus(&all, hz, 8000);
            CHECK(all.got >= 2 * SECOND - 4 * 480);
            measure(all.heard + SETTLED, SECOND, hz, &peak, &snr);
            CHECK(fabs(20 * log10(peak / 8000)) < 1.0 && snr > 15);
            end(&all);
            begin(&all, laws[law], times[time]);
            for (n = 0; n < 100; n++)
                from_opus(&all, hz, 8000);
            CHECK(all.got >= 2 * SECOND - 4 * 480);
            measure(all.heard + SETTLED, SECOND, hz, &peak, &snr);
            CHECK(fabs(20 * log10(peak / 8000)) < 1.0 && snr > 15);
            CHECK(all.ports[0]->counts.underruns == 0);
            end(&all);
        }
}

/* Like a voice: what is even is background to the encoder, and not worth a copy. */
static void voice(int16_t *out, int at, int count)
{
    int i, k;
    for (i = 0; i < count; i++) {
        double sum = 0, pitch = 2 * M_PI * (150 + 20 * sin(2 * M_PI * (at + i) / 7000.0));
        for (k = 1; k < 8; k++)
            sum += sin(k * pitch * (at + i) / SECOND) / k;
        out[i] = (int16_t)(5000 * sum * (0.55 + 0.45 * sin(2 * M_PI * 4 * (at + i) / SECOND)));
    }
}

/* Every tenth packet is lost; what is heard of them, and of all the others, by its error. */
static double error_of(pair *all, int lost, double *energy)
{
    static int16_t whole[2 * SECOND];
    double error = 0;
    int n, i;
    begin(all, HF_L16, 160);
    for (n = 0; n < 100; n++) {
        uint8_t packet[2048], coded[640];
        int size = 0, octets;
        voice(all->said, all->at, HF_FRAME);
        octets = hf_opus_encode(all->far, all->said, HF_FRAME, coded, sizeof coded);
        all->at += HF_FRAME;
        if (lost && n > 20 && n % 10 == 5)
            all->opus.sequence++;
        else
            peer_send(&all->opus, all->at_opus, OPUS_TYPE, 78, coded, octets);
        test_frame(all->engine);
        if (peer_receive(&all->other, packet, &size))
            all->got += hf_codec_decode(HF_L16, &all->coders[1], packet + 12, size - 12,
                                        all->heard + all->got, NULL);
    }
    CHECK(all->ports[0]->jitter.lost == (lost ? 8 : 0) && all->ports[0]->counts.underruns == 0);
    end(all);
    if (!lost)
        memcpy(whole, all->heard, sizeof whole);
    for (i = SETTLED, *energy = 0; i < all->got; i++) {
        error += pow(all->heard[i] - whole[i], 2);
        *energy += pow(whole[i], 2);
    }
    return error;
}

static void lost_packets_are_heard_from_their_successors(void)
{
    static pair all;
    hf_opus *from = hf_opus_new(), *with = hf_opus_new(), *without = hf_opus_new();
    int16_t said[160], out[480], guess[480];
    uint8_t packets[2][640];
    int octets[2] = {0}, n, i;
    double energy, error[2] = {0};
    CHECK(error_of(&all, 0, &energy) == 0 && energy > 0);
    CHECK(error_of(&all, 1, &energy) < energy / 4);
    /* One decoder is given the successor, the other has to guess. */
    for (n = 0; n < 200; n++) {
        int16_t *meant = all.heard;
        voice(said, n * 160, 160);
        octets[n % 2] = hf_opus_encode(from, said, 160, packets[n % 2], 640);
        if (n == 0)
            continue;
        hf_opus_decode(from, packets[(n - 1) % 2], octets[(n - 1) % 2], meant);
        if (n % 10 != 5) {
            hf_opus_decode(with, packets[(n - 1) % 2], octets[(n - 1) % 2], out);
            hf_opus_decode(without, packets[(n - 1) % 2], octets[(n - 1) % 2], out);
            continue;
        }
        hf_opus_conceal(with, packets[n % 2], octets[n % 2], out, 160);
        hf_opus_conceal(without, NULL, 0, guess, 160);
        for (i = 0; i < 160; i++) {
            error[0] += pow(out[i] - meant[i], 2);
            error[1] += pow(guess[i] - meant[i], 2);
        }
    }
    CHECK(error[0] < error[1] / 2);
    free(from);
    free(with);
    free(without);
}

/* A far end that rests sends a packet of one octet now and then: nothing is loud, nothing lost. */
static void a_far_end_may_rest(void)
{
    static const uint8_t rest[1] = {0x08}; /* SILK, 20 ms, nothing coded */
    uint8_t packet[2048];
    pair all;
    int n, i, size, loud = 0;
    begin(&all, HF_L16, 160);
    for (n = 0; n < 50; n++)
        from_opus(&all, 440, 8000);
    for (n = 0; n < 200; n++) {
        if (n % 20 == 0)
            peer_send(&all.opus, all.at_opus, OPUS_TYPE, 78, rest, 1);
        test_frame(all.engine);
        if (peer_receive(&all.other, packet, &size) && n > 60)
            for (i = 0; i < 320; i += 2)
                loud = abs((int16_t)(packet[12 + i] << 8 | packet[13 + i])) > loud
                           ? abs((int16_t)(packet[12 + i] << 8 | packet[13 + i])) : loud;
    }
    CHECK(loud < 400 && all.ports[0]->jitter.lost == 0);
    all.got = 0;
    for (n = 0; n < 50; n++)
        from_opus(&all, 440, 8000);
    CHECK(all.got >= 45 * HF_FRAME);
    for (i = all.got - HF_FRAME, loud = 0; i < all.got; i++)
        loud = abs(all.heard[i]) > loud ? abs(all.heard[i]) : loud;
    CHECK(loud > 6500);
    end(&all);
}

/* Between two legs of Opus octets pass, and so does a hole: its number stays free. */
static void opus_passes_to_opus_as_it_came(void)
{
    hf_engine *engine = hf_engine_new(0, 20);
    peer a = peer_open(), b = peer_open();
    int at_a, at_b, n, size = 0, octets;
    hf_port *left = opus_port(engine, 1, &a, &at_a, 160);
    hf_port *right = opus_port(engine, 2, &b, &at_b, 160);
    hf_room *room = hf_room_new(3, HF_MEMBERS);
    hf_opus *far = hf_opus_new();
    uint8_t sent[16][640], packet[2048];
    uint16_t before = 0, sequence;
    int16_t said[160];
    test_command(engine, HF_JOIN, left, room);
    test_command(engine, HF_JOIN, right, room);
    for (n = 0; n < 60; n++) {
        sine(said, n * 160, 160, 440, 8000);
        octets = hf_opus_encode(far, said, 160, sent[n % 16], 640);
        if (n == 30)
            a.sequence++;
        else
            peer_send(&a, at_a, OPUS_TYPE, 77, sent[n % 16], octets);
        test_frame(engine);
        if (!peer_receive(&b, packet, &size)) {
            CHECK(n < 10 || n == 31);
            continue;
        }
        sequence = (uint16_t)(packet[2] << 8 | packet[3]);
        CHECK(n < 10 || memcmp(packet + 12, sent[(n - 1) % 16], (size_t)size - 12) == 0);
        CHECK(n < 10 || (uint16_t)(sequence - before) == (n == 32 ? 2 : 1));
        before = sequence;
    }
    CHECK(right->coders.opus->passed && !left->decoded);
    test_command(engine, HF_CLOSE_PORT, left, NULL);
    test_command(engine, HF_CLOSE_PORT, right, NULL);
    test_command(engine, HF_END_ROOM, NULL, room);
    test_frame(engine);
    CHECK(test_free_retired(engine) == 3);
    free(far);
    close(a.fd);
    close(b.fd);
    hf_engine_free(engine);
}

static void packets_say_how_long_they_are(void)
{
    static const struct {
        uint8_t packet[2];
        int octets, samples;
    } known[] = {
        {{0x00}, 1, 80}, {{0x08}, 1, 160}, {{0x10}, 1, 320}, {{0x18}, 1, 480},
        {{0x60}, 1, 80}, {{0x68}, 1, 160}, {{0x80}, 1, 20}, {{0x98}, 1, 160},
        {{0xf8}, 1, 160}, {{0xf9}, 1, 320}, {{0xfa}, 1, 320}, {{0xfb, 3}, 2, 480},
        {{0xfb}, 1, 0}, {{0xfb, 0}, 2, 0}, {{0}, 0, 0}};
    size_t i;
    for (i = 0; i < sizeof known / sizeof known[0]; i++)
        CHECK(hf_opus_samples(known[i].packet, known[i].octets) == known[i].samples);
    CHECK(hf_opus_packet(80) == 80 && hf_opus_packet(240) == 160 && hf_opus_packet(400) == 320);
}

static void garbage_is_silence(void)
{
    hf_opus *opus = hf_opus_new();
    uint8_t packet[300];
    int16_t out[480];
    int round, i, size;
    for (round = 0; round < 20000; round++) {
        size = 1 + (int)(test_random() % sizeof packet);
        for (i = 0; i < size; i++)
            packet[i] = (uint8_t)test_random();
        CHECK(hf_opus_decode(opus, packet, size, out) <= 480);
        if (round % 5 == 0)
            hf_opus_conceal(opus, packet, size, out, 160);
    }
    free(opus);
}

/* Two frames of 10 ms that would have different lengths: RFC 6716 3.2.3 forbids it. */
static void what_is_no_opus_does_not_repeat_what_was_heard(void)
{
    static pair all;
    int n, i, loudest = 0;
    begin(&all, HF_ALAW, HF_FRAME);
    for (n = 0; n < 25; n++)
        from_opus(&all, 700, 8000);
    for (n = 0; n < 60; n++) {
        peer_send(&all.opus, all.at_opus, OPUS_TYPE, 78, (const uint8_t *)"\x01\x07\x07\x07", 4);
        test_frame(all.engine);
    }
    for (i = 0; i < HF_FRAME; i++)
        loudest = abs(all.ports[0]->heard[i]) > loudest ? abs(all.ports[0]->heard[i]) : loudest;
    CHECK(all.ports[0]->counts.packets_in == 85 && loudest < 100);
    end(&all);
}

void test_opus(void)
{
    CHECK(hf_opus_load() == 0);
    if (hf_opus_load() < 0)
        return; /* libopus0 is not installed: counted as a failure above */
    packets_say_how_long_they_are();
    garbage_is_silence();
    what_is_no_opus_does_not_repeat_what_was_heard();
    tones_cross_to_every_codec();
    lost_packets_are_heard_from_their_successors();
    a_far_end_may_rest();
    opus_passes_to_opus_as_it_came();
}
