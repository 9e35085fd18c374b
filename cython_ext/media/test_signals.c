#include <math.h>
#include <string.h>

#include "engine.h"
#include "test_engine.h"

static const double LOW[4] = {697, 770, 852, 941}, HIGH[4] = {1209, 1336, 1477, 1633};
static const char KEYS[] = "123A456B789C*0#D";

typedef struct {
    double level_low, level_high; /* dBm0 */
    double offset;                /* of both frequencies, 0.01 is 1 % */
    int on, off;                  /* ms */
    double noise;                 /* amplitude of white noise */
    int law;
    double apart;                 /* how much farther the high frequency is off */
} signal_set;

static double amplitude(double dbm0)
{
    return 22300 * pow(10, dbm0 / 20);
}

static double noise(void)
{
    return (double)test_random() / 2147483648.0 - 1.0;
}

/* All sixteen keys, each as set; returns how many are told once with the right name. */
static int keys_heard(const signal_set *set)
{
    hf_dtmf dtmf = {0};
    hf_key out[4];
    int right = 0, key, n, i, count, wanted = 0;
    int16_t frame[HF_FRAME];
    int fill = 0;
    hf_dtmf_reset(&dtmf);
    for (key = 0; key < 16; key++) {
        int heard = 0, same = 0;
        int on = set->on * 8, total = on + set->off * 8 + 400 + key * 7;
        for (n = 0; n < total; n++) {
            double t = n / 8000.0, value = set->noise * noise();
            uint8_t octet;
            if (n < on)
                value += amplitude(set->level_low) *
                             sin(2 * M_PI * LOW[key / 4] * (1 + set->offset) * t) +
                         amplitude(set->level_high) *
                             sin(2 * M_PI * HIGH[key % 4] * (1 + set->offset + set->apart) * t);
            frame[fill] = hf_clip16((float)value);
            if (set->law != HF_S16) {
                hf_g711_encode(set->law, &frame[fill], 1, &octet);
                hf_g711_decode(set->law, &octet, 1, &frame[fill]);
            }
            if (++fill < HF_FRAME)
                continue;
            fill = 0;
            count = hf_dtmf_listen(&dtmf, frame, HF_FRAME, out, 4);
            for (i = 0; i < count; i++)
                if (out[i].ended) {
                    heard++;
                    same += out[i].key == KEYS[key];
                }
        }
        right += heard == 1 && same == 1;
        wanted += heard;
    }
    return wanted == right ? right : -wanted;
}

static void keys_within_the_limits_are_heard(void)
{
    static const signal_set must[] = {
        {-8.8, -6.8, 0, 100, 100, 0, HF_ALAW, 0}, {-10, -10, 0, 40, 60, 0, HF_ALAW, 0},
        {-10, -10, 0.012, 50, 60, 0, HF_ULAW, 0}, {-10, -10, -0.012, 50, 60, 0, HF_ALAW, 0},
        {-36, -36, 0, 50, 60, 0, HF_ALAW, 0},     {-36, -34, 0, 50, 60, 0, HF_ULAW, 0},
        {-10, -17, 0, 50, 60, 0, HF_ALAW, 0},     {-14, -10, 0, 50, 60, 0, HF_ALAW, 0},
        {-20, -20, 0, 50, 60, 490, HF_ALAW, 0}, /* 15 dB below the pair */
        {-3, -3, 0, 60, 60, 0, HF_S16, 0},
        /* Q.24: 1.5 %, of either tone on its own */
        {-10, -10, 0.015, 40, 60, 0, HF_ALAW, 0},
        {-10, -10, -0.015, 40, 60, 0, HF_ULAW, 0},
        {-36, -36, 0.015, 50, 60, 0, HF_ALAW, -0.03},
        {-14, -10, -0.015, 50, 60, 0, HF_ULAW, 0.03}};
    size_t i;
    for (i = 0; i < sizeof must / sizeof *must; i++) {
        int heard = keys_heard(&must[i]);
        CHECK(heard == 16);
        if (heard != 16)
            fprintf(stderr, "  case %zu: %d of 16\n", i, heard);
    }
}

static void keys_beyond_the_limits_are_not(void)
{
    static const signal_set must_not[] = {
        {-10, -10, 0.035, 100, 60, 0, HF_ALAW, 0}, {-10, -10, -0.035, 100, 60, 0, HF_ALAW, 0},
        {-10, -20, 0, 100, 60, 0, HF_ALAW, 0},     {-16, -10, 0, 100, 60, 0, HF_ALAW, 0},
        {-10, -10, 0, 20, 60, 0, HF_ALAW, 0},      {-46, -46, 0, 100, 60, 0, HF_ALAW, 0},
        {-20, -20, 0, 100, 60, 4000, HF_ALAW, 0},
        /* one tone right, the other off by 3.5 % */
        {-10, -10, 0.035, 100, 60, 0, HF_ALAW, -0.035},
        {-10, -10, -0.035, 100, 60, 0, HF_ALAW, 0.035},
        {-10, -10, 0, 100, 60, 0, HF_ALAW, 0.035},
        {-10, -10, 0, 100, 60, 0, HF_ALAW, -0.035}};
    size_t i;
    for (i = 0; i < sizeof must_not / sizeof *must_not; i++) {
        int heard = keys_heard(&must_not[i]);
        CHECK(heard == 0);
        if (heard != 0)
            fprintf(stderr, "  case %zu: %d of 16\n", i, heard);
    }
}

/* The third and fourth harmonic of a high voice fall into the bins of a star. */
static void harmonics_of_a_voice_are_no_key(void)
{
    int pitch, n, frame, count, i;
    for (pitch = 2950; pitch <= 3200; pitch += 5) {
        hf_dtmf dtmf = {0};
        hf_key out[4];
        double step = 2 * M_PI * pitch / 10 / 8000;
        hf_dtmf_reset(&dtmf);
        for (frame = 0; frame < 20; frame++) {
            int16_t samples[HF_FRAME];
            for (i = 0; i < HF_FRAME; i++) {
                n = frame * HF_FRAME + i;
                samples[i] = hf_clip16((float)(1000 * sin(step * n) + 6000 * sin(3 * step * n) +
                                               4000 * sin(4 * step * n + 1)));
            }
            count = hf_dtmf_listen(&dtmf, samples, HF_FRAME, out, 4);
            CHECK(count == 0);
        }
    }
}

static void generator_and_detector_agree(void)
{
    hf_dtmf dtmf = {0};
    hf_keys_out keys = {0};
    hf_key out[4];
    char heard[20] = "";
    int frame, i, count, length = 0;
    hf_dtmf_reset(&dtmf);
    hf_keys_out_add(&keys, "1234567890*#ABCD");
    for (frame = 0; frame < 16 * 9 + 5; frame++) {
        int16_t samples[HF_FRAME] = {0};
        hf_key_frame sent = hf_keys_out_frame(&keys, 0);
        if (sent.tone)
            hf_dtmf_tone(sent.key, &keys.phase_low, &keys.phase_high, samples, HF_FRAME);
        count = hf_dtmf_listen(&dtmf, samples, HF_FRAME, out, 4);
        for (i = 0; i < count && length < 19; i++)
            if (out[i].ended) {
                heard[length++] = out[i].key;
                CHECK(out[i].samples >= 640 && out[i].samples <= 960);
            }
    }
    CHECK(strcmp(heard, "1234567890*#ABCD") == 0);
}

/* Frames until speech is told, -1 when it never is. */
static int barge_in(void (*make)(int16_t *, int), int before)
{
    hf_vad vad;
    int16_t frame[HF_FRAME];
    int n;
    hf_vad_reset(&vad);
    for (n = 0; n < before; n++) {
        make(frame, -1);
        hf_vad_frame(&vad, frame, 0);
    }
    hf_vad_arm(&vad, 1);
    for (n = 0; n < 200; n++) {
        make(frame, n);
        if (hf_vad_frame(&vad, frame, 0))
            return n;
    }
    return -1;
}

/* Vowel-like: pulses of 120 Hz through two resonances, in syllables. */
static void make_speech(int16_t *frame, int number)
{
    static double a1, a2, b1, b2;
    static int phase;
    int i;
    for (i = 0; i < HF_FRAME; i++) {
        double source = number >= 0 && phase++ % 67 == 0 ? 9000 : 0;
        double first = source + 60 * noise() + 1.78 * a1 - 0.92 * a2, second;
        a2 = a1;
        a1 = first;
        second = first * 0.3 + 0.9 * b1 - 0.85 * b2;
        b2 = b1;
        b1 = second;
        frame[i] = hf_clip16((float)(second * (number % 10 < 8 ? 1 : 0.05)));
    }
}

static void make_noise(int16_t *frame, int number)
{
    int i;
    (void)number;
    for (i = 0; i < HF_FRAME; i++)
        frame[i] = (int16_t)(1000 * noise()); /* about -35 dBFS */
}

static void make_tones(int16_t *frame, int number)
{
    static uint32_t first, second;
    int i;
    uint8_t octets[HF_FRAME];
    for (i = 0; i < HF_FRAME; i++) {
        frame[i] = (int16_t)(number < 0 ? 0 : 5000 * (hf_sine(first) + hf_sine(second)));
        first += hf_phase_step(440);
        second += hf_phase_step(480);
    }
    hf_g711_encode(HF_ALAW, frame, HF_FRAME, octets);
    hf_g711_decode(HF_ALAW, octets, HF_FRAME, frame);
}

static void speech_is_told_noise_and_tones_are_not(void)
{
    int began = barge_in(make_speech, 50);
    CHECK(began >= 3 && began <= 10);
    CHECK(barge_in(make_noise, 50) == -1);
    CHECK(barge_in(make_tones, 50) == -1);
}

static void masked_frames_and_the_start_of_a_prompt_do_not_count(void)
{
    hf_vad vad;
    int16_t frame[HF_FRAME];
    int n, told = -1;
    hf_vad_reset(&vad);
    hf_vad_arm(&vad, 1);
    for (n = 0; n < 30; n++) {
        make_speech(frame, 1);
        CHECK(!hf_vad_frame(&vad, frame, 1));
    }
    hf_vad_prompt(&vad);
    for (n = 0; n < 30 && told < 0; n++) {
        make_speech(frame, 1);
        if (hf_vad_frame(&vad, frame, 0))
            told = n;
    }
    CHECK(told == -1 || told >= 15);
}

/* Telephone audio through G.722 and back: level within 0.3 dB, noise 30 dB below. */
static void g722_keeps_telephone_audio(void)
{
    static const double hz[4] = {300, 1000, 2400, 3300};
    int tone, i;
    for (tone = 0; tone < 4; tone++) {
        hf_g722 g722;
        double dot = 0, quad = 0, power = 0, step = 2 * M_PI * hz[tone] / 8000, level, left;
        hf_g722_reset(&g722);
        for (i = 0; i < 8000; i++) {
            int16_t in = (int16_t)(8000 * sin(step * i)), out;
            uint8_t octet;
            hf_g722_encode(&g722, &in, 1, &octet);
            hf_g722_decode(&g722, &octet, 1, &out, NULL);
            if (i < 800)
                continue;
            dot += out * sin(step * i);
            quad += out * cos(step * i);
            power += (double)out * out;
        }
        dot /= 3600;
        quad /= 3600;
        level = sqrt(dot * dot + quad * quad);
        left = power / 7200 - level * level / 2;
        CHECK(fabs(20 * log10(level / 8000)) < 0.3);
        CHECK(10 * log10(level * level / 2 / left) > 30);
    }
}

typedef struct {
    double hz, dbm0, noise;
    int on, law, turn; /* ms; phase turns every so many ms, 0 never */
    enum hf_fax_kind wanted;
} fax_case;

static void fax_tones_are_told_from_others(void)
{
    static const fax_case cases[] = {
        {1100, -10, 0, 500, HF_ALAW, 0, HF_CNG},   {1062, -15, 0, 500, HF_ULAW, 0, HF_CNG},
        {1090, -30, 0, 425, HF_ALAW, 0, HF_CNG},   {1138, -35, 0, 575, HF_ULAW, 0, HF_CNG},
        {1100, -20, 500, 500, HF_ALAW, 0, HF_CNG}, {1100, -10, 0, 300, HF_ALAW, 0, HF_NO_FAX},
        {1100, -50, 0, 500, HF_S16, 0, HF_NO_FAX}, {2100, -12, 0, 2600, HF_ALAW, 0, HF_CED},
        {2115, -30, 0, 2600, HF_ULAW, 0, HF_CED},  {2100, -12, 0, 2600, HF_ALAW, 450, HF_CED},
        {2100, -12, 0, 500, HF_ALAW, 0, HF_NO_FAX}, {1000, -10, 0, 900, HF_ALAW, 0, HF_NO_FAX},
        {2225, -10, 0, 2600, HF_ALAW, 0, HF_NO_FAX}, {1030, -10, 0, 900, HF_ALAW, 0, HF_NO_FAX},
        {440, -10, 0, 2600, HF_ULAW, 0, HF_NO_FAX},
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const fax_case *now = &cases[i];
        enum hf_fax_kind found = HF_NO_FAX;
        hf_faxtone fax;
        int16_t frame[HF_FRAME];
        int n, told = 0;
        hf_faxtone_watch(&fax, 1);
        for (n = 0; n < 25600; n++) {
            int at = n - 1000; /* begins inside a frame */
            int turns = now->turn && at > 0 ? at / (now->turn * 8) : 0;
            double value = now->noise * noise();
            uint8_t octet;
            if (at >= 0 && at < now->on * 8)
                value += amplitude(now->dbm0) *
                         sin(2 * M_PI * now->hz * at / 8000 + M_PI * turns);
            frame[n % HF_FRAME] = hf_clip16((float)value);
            if (now->law != HF_S16) {
                hf_g711_encode(now->law, &frame[n % HF_FRAME], 1, &octet);
                hf_g711_decode(now->law, &octet, 1, &frame[n % HF_FRAME]);
            }
            if (n % HF_FRAME != HF_FRAME - 1)
                continue;
            enum hf_fax_kind seen = hf_faxtone_frame(&fax, frame);
            told += seen != HF_NO_FAX;
            found = seen != HF_NO_FAX ? seen : found;
        }
        CHECK(found == now->wanted && told == (now->wanted != HF_NO_FAX));
    }
}

void test_signals(void)
{
    fax_tones_are_told_from_others();
    g722_keeps_telephone_audio();
    keys_within_the_limits_are_heard();
    keys_beyond_the_limits_are_not();
    harmonics_of_a_voice_are_no_key();
    generator_and_detector_agree();
    speech_is_told_noise_and_tones_are_not();
    masked_frames_and_the_start_of_a_prompt_do_not_count();
}
