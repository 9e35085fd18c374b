#include "test_engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Speech as far as levels go: noise at syllables' pace, 160 ms on, 80 ms nearly off. */
typedef struct {
    hf_vad vad;
    hf_level level;
    double heard, mixed; /* sums of squares of what was spoken */
    int spoken, at, news[3];
} talker;

static void begin(talker *who, int attention)
{
    memset(who, 0, sizeof *who);
    hf_vad_reset(&who->vad);
    hf_level_reset(&who->level);
    hf_level_attend(&who->level, attention);
}

static int16_t noise(double dbm0)
{
    double peak = 15770.0 * pow(10, dbm0 / 20) * sqrt(3); /* rms of 0 dBm0: 15770 */
    return (int16_t)lround(peak * ((double)(test_random() % 20001) / 10000 - 1));
}

static void frame(talker *who, double dbm0, int counted)
{
    int16_t samples[160];
    enum hf_speaker news;
    int n;
    for (n = 0; n < 160; n++)
        samples[n] = noise(dbm0);
    hf_vad_frame(&who->vad, samples, 0);
    news = hf_level_frame(&who->level, &who->vad, samples, 0);
    who->news[news]++;
    for (n = 0; n < 160 && counted; n++) {
        double out = samples[n] * (double)who->level.gain;
        who->heard += (double)samples[n] * samples[n];
        who->mixed += out * out;
        who->spoken++;
    }
}

static void speak(talker *who, double dbm0, int frames, int counted)
{
    int i;
    for (i = 0; i < frames; i++, who->at++) {
        int loud = who->at % 12 < 8;
        frame(who, loud ? dbm0 : dbm0 - 25, counted && loud);
    }
}

static double mixed_level(const talker *who)
{
    return 20 * log10(sqrt(who->mixed / who->spoken) / 15770.0);
}

static void a_quiet_and_a_loud_talker_come_out_alike(void)
{
    static const double at[] = {-31, -27, -20, -14, -9};
    double least = 0, most = -99;
    size_t i;
    for (i = 0; i < sizeof at / sizeof at[0]; i++) {
        talker who;
        double level;
        begin(&who, HF_LEVELS);
        speak(&who, at[i], 500, 0); /* 10 s to come to know him */
        speak(&who, at[i], 250, 1);
        level = mixed_level(&who);
        CHECK(fabs(level + 20) < 2);
        least = level < least ? level : least;
        most = level > most ? level : most;
    }
    CHECK(most - least < 3);
}

static void the_gain_has_limits_and_slopes(void)
{
    talker who;
    float before = 1, most = 1, least = 1;
    int i;
    begin(&who, HF_LEVELS);
    for (i = 0; i < 1000; i++) {
        speak(&who, i < 500 ? -44 : -4, 1, 0);
        most = who.level.gain / before > most ? who.level.gain / before : most;
        /* A shout is met at once, by its peaks: 32000 / (15770 * sqrt 3 * -4 dB) = 1.86. */
        if (i < 504 || who.level.gain < 1.8f)
            least = who.level.gain / before < least ? who.level.gain / before : least;
        before = who.level.gain;
        if (i == 499)
            CHECK(fabs(20 * log10((double)who.level.gain) - 12) < 0.1);
        CHECK(i < 504 || who.level.gain < 2.6f);
        CHECK(i < 600 || who.level.gain < 1.8f);
    }
    CHECK(fabs(20 * log10((double)who.level.gain) + 12) < 0.1);
    CHECK(most < 1.01f && least > 0.97f);
}

static void noise_hum_and_silence_are_not_raised(void)
{
    static const double at[] = {-55, -48, -42, -35};
    size_t i;
    int n;
    for (i = 0; i < sizeof at / sizeof at[0]; i++) {
        talker who;
        begin(&who, HF_LEVELS);
        for (n = 0; n < 50; n++)
            frame(&who, -75, 0);
        for (n = 0; n < 1500; n++) {
            frame(&who, at[i] + (n % 3 - 1), 0);
            CHECK(who.level.gain > 0.94f && who.level.gain < 1.06f);
        }
    }
}

/* What a talker was given stays through his pause, however long. */
static void the_gain_is_frozen_in_silence(void)
{
    talker who;
    float before;
    int n;
    begin(&who, HF_LEVELS);
    speak(&who, -29, 600, 0);
    before = who.level.gain;
    CHECK(before > 2.4f);
    for (n = 0; n < 3000; n++)
        frame(&who, -60, 0);
    CHECK(who.level.gain == before);
    /* and its waves stay within 1 dB while he goes on: nothing pumps */
    for (n = 0; n < 600; n++) {
        speak(&who, -29, 1, 0);
        CHECK(who.level.gain > before * 0.89f && who.level.gain < before * 1.13f);
    }
}

static void nothing_is_done_unasked(void)
{
    talker who;
    begin(&who, 0);
    speak(&who, -35, 500, 0);
    CHECK(who.level.gain == 1 && who.news[HF_BEGAN] == 0 && !hf_level_acts(&who.level));
    hf_level_attend(&who.level, HF_LEVELS);
    speak(&who, -35, 500, 0);
    CHECK(who.level.gain > 2);
    hf_level_attend(&who.level, 0);
    frame(&who, -60, 0);
    CHECK(who.level.gain == 1 && who.level.before > 2); /* it slopes back within a frame */
    frame(&who, -60, 0);
    CHECK(!hf_level_acts(&who.level));
}

/* One event when he begins, one when he has stopped for a while, none for syllables. */
static void speakers_are_told(void)
{
    talker who;
    int n, began = 0, after = 0;
    begin(&who, HF_TELLS_SPEAKER);
    for (n = 0; n < 50; n++)
        frame(&who, -70, 0);
    for (n = 0; n < 100; n++) {
        speak(&who, -25, 1, 0);
        began += who.news[HF_BEGAN] == 0;
    }
    CHECK(began < 5 && who.news[HF_BEGAN] == 1 && who.news[HF_STOPPED_SPEAKING] == 0);
    for (n = 0; n < 50; n++) {
        frame(&who, -70, 0);
        after += who.news[HF_STOPPED_SPEAKING] == 0;
    }
    CHECK(after >= 15 && after < 30 && who.news[HF_STOPPED_SPEAKING] == 1);
}

static void no_speaker_is_told_more_often_than_five_times_a_second(void)
{
    talker who;
    int n, last = -100, told = 0;
    begin(&who, HF_TELLS_SPEAKER);
    for (n = 0; n < 3000; n++) {
        int before = who.news[HF_BEGAN] + who.news[HF_STOPPED_SPEAKING];
        frame(&who, test_random() % 64 < (unsigned)(n / 30 % 24) ? -20 : -75, 0);
        if (who.news[HF_BEGAN] + who.news[HF_STOPPED_SPEAKING] == before)
            continue;
        CHECK(n - last >= 10);
        last = n;
        told++;
    }
    CHECK(told > 10);
}

/* A member of a room is heard at his level by the others, and what he says no longer passes
 * as it came; without the level it does again. */
static void a_room_hears_the_level(void)
{
    hf_engine *engine = hf_engine_new(0, 20);
    hf_room *room = hf_room_new(9, HF_MEMBERS);
    hf_port *ports[2];
    hf_command sent = {.op = HF_JOIN, .object = room};
    hf_event event = {0};
    peer far[2];
    int at[2], i, n, size, told = 0;
    double sums[3] = {0};
    for (i = 0; i < 2; i++) {
        far[i] = peer_open();
        ports[i] = sent.subject = test_port(engine, (uint64_t)i + 1, HF_ALAW, &far[i], &at[i]);
        CHECK(hf_command_push(engine, &sent) == 0);
    }
    for (i = 0; i < 900; i++) {
        uint8_t coded[160], packet[2048] = {0};
        int16_t samples[160];
        sent = (hf_command){.op = HF_ATTEND, .subject = ports[0],
                            .flag = i == 200 ? HF_LEVELS | HF_TELLS_SPEAKER : 0};
        if (i == 200 || i == 700)
            CHECK(hf_command_push(engine, &sent) == 0);
        for (n = 0; n < 160; n++)
            samples[n] = noise(i % 12 < 8 ? -30 : -60);
        hf_g711_encode(HF_ALAW, samples, 160, coded);
        peer_send(&far[0], at[0], 8, 5, coded, 160);
        test_frame(engine);
        told += test_events(engine, HF_ON_SPEAKER, &event);
        CHECK(event.kind != HF_ON_SPEAKER || (event.id == 9 && event.port == 1));
        if (peer_receive(&far[1], packet, &size) != 1)
            continue;
        hf_g711_decode(HF_ALAW, packet + 12, 160, samples);
        for (n = 0; n < 160; n++)
            sums[i < 200 ? 0 : i < 700 ? 1 : 2] +=
                i % 200 < 100 || i / 100 == 3 ? 0 : (double)samples[n] * samples[n];
        peer_receive(&far[0], packet, &size);
    }
    CHECK(told == 1 && event.code == HF_BEGAN);
    /* 100 frames each: without it, with it once the gain is there (10 dB, less or more by 1 dB
     * in which no goal is moved), and without it again */
    CHECK(sums[1] > 6 * sums[0] && sums[1] < 15 * sums[0]);
    CHECK(sums[2] < 1.5 * sums[0] && sums[2] > 0.6 * sums[0]);
    test_command(engine, HF_END_ROOM, NULL, room);
    for (i = 0; i < 2; i++) {
        test_command(engine, HF_CLOSE_PORT, ports[i], NULL);
        close(far[i].fd);
    }
    test_frame(engine);
    CHECK(test_free_retired(engine) == 3);
    hf_engine_free(engine);
}

void test_levels(void)
{
    a_quiet_and_a_loud_talker_come_out_alike();
    the_gain_has_limits_and_slopes();
    noise_hum_and_silence_are_not_raised();
    the_gain_is_frozen_in_silence();
    nothing_is_done_unasked();
    speakers_are_told();
    no_speaker_is_told_more_often_than_five_times_a_second();
    a_room_hears_the_level();
}
