#include <math.h>
#include <string.h>

#include "engine.h"
#include "test_engine.h"

/* MDMF of 21 March 14:05, 2145551212, DOE JOHN: type, length, parameters, checksum. */
static const uint8_t MESSAGE[] = {
    0x80, 0x20, 0x01, 0x08, 0x30, 0x33, 0x32, 0x31, 0x31, 0x34, 0x30, 0x35,
    0x02, 0x0A, 0x32, 0x31, 0x34, 0x35, 0x35, 0x35, 0x31, 0x32, 0x31, 0x32,
    0x07, 0x08, 0x44, 0x4F, 0x45, 0x20, 0x4A, 0x4F, 0x48, 0x4E, 0x89};
static const uint8_t SDMF[] = {0x04, 0x12, 0x30, 0x33, 0x32, 0x31, 0x31, 0x34, 0x30, 0x35,
                               0x32, 0x31, 0x34, 0x35, 0x35, 0x35, 0x31, 0x32, 0x31, 0x32, 0x5E};

typedef struct {
    enum hf_fsk_kind kind;
    double dbm0, noise_db; /* noise: below the signal, 0 is none */
    int law, cut;          /* samples cut off at the beginning */
} line;

static int16_t sent[16000];

static int receive(const line *on, const uint8_t *message, int count, hf_fsk *fsk)
{
    float amplitude = (float)(22300 * pow(10, on->dbm0 / 20));
    double noise = on->noise_db > 0 ? amplitude / sqrt(2) * pow(10, -on->noise_db / 20) * 1.732 : 0;
    int length = hf_fsk_length(count), n, whole = 0;
    hf_fsk_send(on->kind, message, count, amplitude, sent);
    for (n = 0; n < length; n++) {
        uint8_t octet;
        double draw = (double)test_random() / 2147483648.0 - 1.0;
        sent[n] = hf_clip16((float)(sent[n] + noise * draw));
        if (on->law == HF_S16)
            continue;
        hf_g711_encode(on->law, &sent[n], 1, &octet);
        hf_g711_decode(on->law, &octet, 1, &sent[n]);
    }
    hf_fsk_reset(fsk, 1);
    for (n = on->cut; n < length; n += 160)
        whole += hf_fsk_listen(fsk, sent + n, length - n < 160 ? length - n : 160);
    return whole == 1 && fsk->wanted == count &&
           memcmp(fsk->message, message, (size_t)count) == 0;
}

static void messages_are_read_at_the_limits(void)
{
    static const line lines[] = {
        {HF_BELL_202, -14, 0, HF_S16, 0},   {HF_V23, -14, 0, HF_S16, 0},
        {HF_BELL_202, -14, 0, HF_ALAW, 0},  {HF_V23, -14, 0, HF_ULAW, 0},
        {HF_BELL_202, -30, 0, HF_ALAW, 0},  {HF_V23, -36, 0, HF_ULAW, 0},
        {HF_BELL_202, -3, 0, HF_ALAW, 0},   {HF_BELL_202, -20, 20, HF_ALAW, 0},
        {HF_V23, -20, 20, HF_ULAW, 0},      {HF_BELL_202, -20, 0, HF_S16, 2700},
    };
    hf_fsk fsk;
    size_t i;
    for (i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        CHECK(receive(&lines[i], MESSAGE, sizeof MESSAGE, &fsk));
        CHECK(receive(&lines[i], SDMF, sizeof SDMF, &fsk));
    }
}

static void spoiled_messages_are_refused(void)
{
    static const line clean = {HF_BELL_202, -14, 0, HF_S16, 0};
    uint8_t changed[sizeof MESSAGE];
    int16_t frame[160];
    hf_fsk fsk;
    int i, n, whole = 0;
    for (i = 0; i < (int)sizeof MESSAGE; i++) {
        memcpy(changed, MESSAGE, sizeof changed);
        changed[i] ^= 4;
        CHECK(!receive(&clean, changed, sizeof changed, &fsk));
    }
    receive(&clean, MESSAGE, sizeof MESSAGE, &fsk);
    hf_fsk_reset(&fsk, 1);
    CHECK(!hf_fsk_listen(&fsk, sent, hf_fsk_length(sizeof MESSAGE) / 2 + 1500));
    memset(frame, 0, sizeof frame); /* the line falls silent in mid-message */
    CHECK(!hf_fsk_listen(&fsk, frame, 160) && fsk.bad == 1);
    hf_fsk_reset(&fsk, 1);
    for (i = 0; i < 3000; i++) { /* a minute of noise */
        for (n = 0; n < 160; n++)
            frame[n] = (int16_t)((int32_t)(test_random() >> 19) - 4096);
        whole += hf_fsk_listen(&fsk, frame, 160);
    }
    CHECK(whole == 0);
}

static double power_at(const int16_t *samples, int count, double hz)
{
    double re = 0, im = 0;
    int n;
    for (n = 0; n < count; n++) {
        re += samples[n] * cos(2 * M_PI * hz * n / 8000);
        im += samples[n] * sin(2 * M_PI * hz * n / 8000);
    }
    return 20 * log10(2 * sqrt(re * re + im * im) / count / 22300);
}

/* The mark before the message is a plain tone of the level asked for. */
static void what_is_sent_has_its_frequencies_and_level(void)
{
    static const double mark[2] = {1200, 1300};
    int kind;
    for (kind = 0; kind < 2; kind++) {
        hf_fsk_send((enum hf_fsk_kind)kind, MESSAGE, sizeof MESSAGE,
                    (float)(22300 * pow(10, -14.0 / 20)), sent);
        CHECK(fabs(power_at(sent + 2100, 800, mark[kind]) + 14) < 0.2);
        CHECK(power_at(sent + 2100, 800, mark[1 - kind]) < -30);
    }
}

void test_fsk(void)
{
    messages_are_read_at_the_limits();
    spoiled_messages_are_refused();
    what_is_sent_has_its_frequencies_and_level();
}
