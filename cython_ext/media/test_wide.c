#include "test_engine.h"

#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a tap of 16 kHz holds of a leg that has 16 kHz, and what one of 8 kHz leaves of it. The far
 * end codes for itself: G.722 from both bands, Opus with the library's encoder at 16 kHz. */

#define NARROW_RATE 8000
#define WIDE_RATE 16000
#define FRAMES 100
#define SETTLED 20 /* frames until buffer and coders have begun */
#define PEAK 8000.0

typedef struct {
    hf_engine *engine;
    peer far;
    int at, law, packet; /* samples of 8 kHz in a packet */
    hf_port *port;
    hf_tap *wide, *narrow;
    hf_g722 g722;
    int past[24]; /* of the transmit QMF */
    void *library, *encoder;
    int spoken, due; /* samples of 16 kHz */
    int packets, lost; /* every ``lost``-th, 0: none */
    double hz;
} leg;

typedef void *(*encoder_create)(int32_t rate, int channels, int application, int *error);
typedef int32_t (*encode)(void *, const int16_t *, int samples, uint8_t *, int32_t room);
typedef void (*encoder_destroy)(void *);

static void connect_as(leg *on, int law)
{
    static const int types[] = {[HF_ALAW] = 8, [HF_G722] = 9, [HF_OPUS] = 111};
    hf_command again = {.op = HF_CONNECT, .subject = on->port};
    on->law = law;
    again.stream = (hf_stream){.law = law, .payload_type = types[law], .key_payload_type = 101,
                               .rtcp_fd = -1, .packet_samples = HF_FRAME, .send = 1, .receive = 1};
    if (law == HF_G722 && !on->port->coders.g722)
        again.stream.coders.g722 = calloc(1, sizeof(hf_g722));
    if (law == HF_OPUS && !on->port->coders.opus)
        again.stream.coders.opus = hf_opus_new();
    hf_address("127.0.0.1", on->far.port, &again.stream.remote, &again.stream.remote_length);
    CHECK(hf_command_push(on->engine, &again) == 0);
}

static void begin(leg *on, int law, double hz)
{
    int error;
    memset(on, 0, sizeof *on);
    on->engine = hf_engine_new(0, 20);
    on->far = peer_open();
    on->packet = HF_FRAME;
    on->hz = hz;
    on->port = test_port(on->engine, 1, HF_ALAW, &on->far, &on->at);
    connect_as(on, law);
    on->wide = hf_tap_new(1, HF_TAP_WIDE);
    on->narrow = hf_tap_new(1, HF_TAP_NARROW);
    hf_g722_reset(&on->g722);
    on->library = dlopen("libopus.so.0", RTLD_NOW | RTLD_LOCAL);
    CHECK(on->library != NULL);
    on->encoder = ((encoder_create)dlsym(on->library, "opus_encoder_create"))(WIDE_RATE, 1, 2048,
                                                                             &error);
}

static void listen_to(leg *on)
{
    hf_command wide = {.op = HF_OPEN_TAP, .subject = on->port, .object = on->wide,
                       .flag = HF_OF_WIDE_SAMPLES};
    test_command(on->engine, HF_OPEN_TAP, on->port, on->narrow);
    CHECK(hf_command_push(on->engine, &wide) == 0);
}

static void end(leg *on)
{
    test_command(on->engine, HF_CLOSE_PORT, on->port, NULL);
    test_frame(on->engine);
    CHECK(test_free_retired(on->engine) == 3);
    hf_engine_free(on->engine);
    close(on->far.fd);
    ((encoder_destroy)dlsym(on->library, "opus_encoder_destroy"))(on->encoder);
    dlclose(on->library);
}

/* The transmit QMF of G.722, clause 3.1: two samples become one of each band. */
static void part(int past[24], const int16_t *two, int16_t *low, int16_t *high)
{
    static const int h[12] = {3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11};
    int a = 0, b = 0, i;
    memmove(past, past + 2, 22 * sizeof *past);
    past[22] = two[0];
    past[23] = two[1];
    for (i = 0; i < 12; i++) {
        a += past[2 * i] * h[i];
        b += past[2 * i + 1] * h[11 - i];
    }
    *low = (int16_t)((a + b) >> 14);
    *high = (int16_t)((b - a) >> 14);
}

static int code(leg *on, const int16_t *said, uint8_t *out)
{
    int16_t low[480], high[480], narrow[480];
    int i;
    if (on->law == HF_OPUS)
        return ((encode)dlsym(on->library, "opus_encode"))(on->encoder, said, 2 * on->packet, out,
                                                           480);
    if (on->law == HF_ALAW) {
        for (i = 0; i < on->packet; i++)
            narrow[i] = said[2 * i];
        hf_g711_encode(HF_ALAW, narrow, on->packet, out);
        return on->packet;
    }
    for (i = 0; i < on->packet; i++)
        part(on->past, said + 2 * i, &low[i], &high[i]);
    hf_g722_encode_bands(&on->g722, low, high, on->packet, out);
    return on->packet;
}

/* A frame of the engine's time, and the packets that are due in it. */
static void say(leg *on, int frames)
{
    static const int types[] = {[HF_ALAW] = 8, [HF_G722] = 9, [HF_OPUS] = 111};
    int16_t said[960];
    uint8_t coded[480];
    int n, i, size;
    for (n = 0; n < frames; n++) {
        on->due += HF_WIDE_FRAME;
        for (; on->spoken < on->due; on->packets++) {
            for (i = 0; i < 2 * on->packet; i++)
                said[i] = (int16_t)lrint(
                    PEAK * sin(2 * M_PI * on->hz * (on->spoken + i) / WIDE_RATE));
            size = code(on, said, coded);
            on->spoken += 2 * on->packet;
            if (on->lost && on->packets % on->lost == on->lost - 1)
                on->far.sequence++;
            else
                peer_send(&on->far, on->at, types[on->law], 77, coded, size);
        }
        test_frame(on->engine);
    }
}

static const int16_t *samples_of(const hf_tap *tap)
{
    return (const int16_t *)(const void *)(tap->map + HF_TAP_HEADER);
}

/* The peak of a sine in a tap's last second, and the distance of everything else, in dB. */
static double level_of(const hf_tap *tap, int rate, double hz, double *distance)
{
    const int16_t *at = samples_of(tap) + tap->written % HF_TAP_SAMPLES - rate;
    double in = 0, across = 0, all = 0, peak;
    int i;
    for (i = 0; i < rate; i++) {
        in += at[i] * cos(2 * M_PI * hz * i / rate);
        across += at[i] * sin(2 * M_PI * hz * i / rate);
        all += (double)at[i] * at[i];
    }
    peak = 2 * sqrt(in * in + across * across) / rate;
    *distance = 10 * log10(peak * peak / 2 / (all / rate - peak * peak / 2 + 1e-9));
    return 20 * log10((peak + 1e-9) / PEAK);
}

static int worst_step(const hf_tap *tap, int from)
{
    const int16_t *at = samples_of(tap);
    int i, worst = 0;
    for (i = from + 1; i < (int)tap->written; i++)
        worst = abs(at[i] - at[i - 1]) > worst ? abs(at[i] - at[i - 1]) : worst;
    return worst;
}

static const struct {
    int law, packet;
    double hz, distance; /* dB, least: G.722 has two bits for the higher band */
    double tolerance;    /* dB */
} TONES[] = {
    {HF_G722, 160, 1000, 30, 0.5}, {HF_G722, 160, 4600, 12, 1.0}, {HF_G722, 160, 4800, 12, 1.0},
    {HF_G722, 160, 5000, 12, 1.0}, {HF_G722, 160, 5500, 12, 1.0}, {HF_G722, 160, 6500, 12, 1.0},
    {HF_G722, 80, 5000, 12, 1.0},  {HF_G722, 320, 5000, 12, 1.0}, {HF_OPUS, 160, 1000, 15, 1.0},
    {HF_OPUS, 160, 5000, 15, 1.0}, {HF_OPUS, 320, 5000, 15, 1.0}, {HF_OPUS, 80, 5000, 15, 1.0}};

static void what_a_leg_says_above_4_khz_is_heard(void)
{
    size_t k;
    for (k = 0; k < sizeof TONES / sizeof TONES[0]; k++) {
        leg on;
        double distance, level;
        begin(&on, TONES[k].law, TONES[k].hz);
        on.packet = TONES[k].packet;
        listen_to(&on);
        say(&on, FRAMES);
        CHECK(on.wide->written == FRAMES * HF_WIDE_FRAME);
        CHECK(on.narrow->written == FRAMES * HF_FRAME);
        level = level_of(on.wide, WIDE_RATE, on.hz, &distance);
        CHECK(fabs(level) < TONES[k].tolerance && distance > TONES[k].distance);
        if (on.hz > 4000) /* nothing is folded down to the other tap */
            CHECK(level_of(on.narrow, NARROW_RATE, 8000 - on.hz, &distance) < -45);
        else
            CHECK(fabs(level_of(on.narrow, NARROW_RATE, on.hz, &distance)) < 0.5);
        end(&on);
    }
}

/* Opened in the middle of what passes undecoded, and with the higher band at its own pace. */
static void a_tap_may_come_late(void)
{
    leg on;
    double distance;
    begin(&on, HF_G722, 5000);
    say(&on, 30);
    listen_to(&on);
    say(&on, FRAMES);
    CHECK(fabs(level_of(on.wide, WIDE_RATE, 5000, &distance)) < 1.0 && distance > 12);
    end(&on);
}

/* A lost packet is made up at both rates: no click, and both taps stay in step. */
static void losses_are_made_up_at_both_rates(void)
{
    static const int laws[] = {HF_G722, HF_G722, HF_OPUS, HF_OPUS}, packets[] = {160, 80, 160, 320};
    int k;
    for (k = 0; k < 4; k++) {
        leg on;
        double distance;
        begin(&on, laws[k], 1000);
        on.packet = packets[k];
        on.lost = 10;
        listen_to(&on);
        say(&on, FRAMES);
        CHECK(on.wide->written == 2 * on.narrow->written);
        CHECK(level_of(on.wide, WIDE_RATE, 1000, &distance) > -2.5);
        CHECK(worst_step(on.wide, SETTLED * HF_WIDE_FRAME) <
              0.6 * worst_step(on.narrow, SETTLED * HF_FRAME));
        end(&on);
    }
}

/* A re-INVITE changes the codec: the taps go on, with more band or less, without a click. */
static void the_codec_may_change(void)
{
    static const int laws[] = {HF_ALAW, HF_G722, HF_OPUS, HF_G722, HF_ALAW};
    leg on;
    double distance;
    int k;
    begin(&on, HF_G722, 1000);
    listen_to(&on);
    for (k = 0; k < 5; k++) {
        connect_as(&on, laws[k]);
        say(&on, 35);
    }
    CHECK(on.wide->written == 5 * 35 * HF_WIDE_FRAME && on.wide->native == 0);
    CHECK(worst_step(on.wide, 0) < 4700); /* the sine itself moves 3140 */
    CHECK(worst_step(on.narrow, 0) < 2 * 4700);
    say(&on, FRAMES);
    CHECK(fabs(level_of(on.narrow, NARROW_RATE, 1000, &distance)) < 0.5 && distance > 30);
    CHECK(fabs(level_of(on.wide, WIDE_RATE, 1000, &distance)) < 0.5 && distance > 30);
    end(&on);
}

/* Who listens to nobody decodes nothing; the calls are counted as without taps. */
static void nobody_listens_at_no_cost(void)
{
    leg on;
    begin(&on, HF_G722, 5000);
    say(&on, 30);
    CHECK(hf_wide_of(on.port) == NULL);
    listen_to(&on);
    say(&on, 10);
    CHECK(hf_wide_of(on.port) == on.wide->wide);
    connect_as(&on, HF_ALAW);
    say(&on, 10);
    CHECK(hf_wide_of(on.port) == NULL && on.port->counts.overruns == 0);
    end(&on);
}

void test_wide(void)
{
    CHECK(hf_opus_load() == 0);
    if (hf_opus_load() < 0)
        return;
    what_a_leg_says_above_4_khz_is_heard();
    a_tap_may_come_late();
    losses_are_made_up_at_both_rates();
    the_codec_may_change();
    nobody_listens_at_no_cost();
}
