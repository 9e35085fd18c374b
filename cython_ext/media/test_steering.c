#include "test_engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND 8000
#define LENGTH (4 * SECOND)

/* The k-th half second is a tone of its own: what is heard tells where the player is. */
static const double PITCHES[8] = {300, 400, 500, 600, 700, 800, 900, 1000};
static int16_t clip[LENGTH];

static void fill_clip(void)
{
    double turn = 0;
    int i;
    for (i = 0; i < LENGTH; i++) {
        turn += 2 * M_PI * PITCHES[i * 2 / SECOND] / SECOND;
        clip[i] = (int16_t)lrint(8000 * sin(turn));
    }
}

typedef struct {
    hf_engine *engine;
    peer far;
    hf_port *port;
    hf_player *player;
    int at, step;
    int16_t heard[HF_FRAME], last;
} listener;

static hf_player *clip_player(uint64_t id, uint32_t repeat, int in_step)
{
    hf_player *made = hf_player_new(id, 2, 0);
    made->clips[0] = (hf_clip){clip, SECOND + 37}; /* where they are cut is not heard */
    made->clips[1] = (hf_clip){clip + SECOND + 37, LENGTH - SECOND - 37};
    made->repeat = repeat;
    made->in_step = in_step;
    return made;
}

static void begin(listener *all, uint32_t repeat)
{
    hf_command linear = {.op = HF_CONNECT};
    memset(all, 0, sizeof *all);
    all->engine = hf_engine_new(0, 20);
    all->far = peer_open();
    all->port = linear.subject = test_port(all->engine, 1, HF_ALAW, &all->far, &all->at);
    linear.stream = (hf_stream){.law = HF_L16, .payload_type = 97, .key_payload_type = 101,
                                .rtcp_fd = -1, .packet_samples = HF_FRAME, .send = 1, .receive = 1};
    hf_address("127.0.0.1", all->far.port, &linear.stream.remote, &linear.stream.remote_length);
    CHECK(hf_command_push(all->engine, &linear) == 0);
    all->player = clip_player(5, repeat, 0);
    test_command(all->engine, HF_PLAY, all->port, all->player);
}

static void end(listener *all)
{
    test_command(all->engine, HF_CLOSE_PORT, all->port, NULL);
    test_frame(all->engine);
    test_free_retired(all->engine);
    close(all->far.fd);
    hf_engine_free(all->engine);
}

static void steer(listener *all, enum hf_steer what, float value)
{
    hf_command sent = {.op = HF_STEER, .object = all->player, .flag = (int)what, .gain = value};
    CHECK(hf_command_push(all->engine, &sent) == 0);
}

/* One frame of the far end; returns 1 while the player plays. */
static int hear(listener *all)
{
    uint8_t packet[2048];
    hf_event event;
    int size = 0, i;
    test_frame(all->engine);
    CHECK(peer_receive(&all->far, packet, &size) == 1 && size == 12 + 320);
    for (i = 0; i < HF_FRAME; i++) {
        int step;
        all->heard[i] = (int16_t)(packet[12 + 2 * i] << 8 | packet[13 + 2 * i]);
        step = abs(all->heard[i] - all->last);
        all->step = step > all->step ? step : all->step;
        all->last = all->heard[i];
    }
    return test_events(all->engine, HF_ON_PLAY, &event) == 0;
}

static double power_at(const int16_t *samples, int count, double hz)
{
    double in = 0, across = 0;
    int i;
    for (i = 0; i < count; i++) {
        in += samples[i] * cos(2 * M_PI * hz * i / SECOND);
        across += samples[i] * sin(2 * M_PI * hz * i / SECOND);
    }
    return (in * in + across * across) / count;
}

/* Which of the tones sounds in the frame heard last. */
static int half_second(const listener *all)
{
    int best = 0, k;
    for (k = 1; k < 8; k++)
        if (power_at(all->heard, HF_FRAME, PITCHES[k]) >
            power_at(all->heard, HF_FRAME, PITCHES[best]))
            best = k;
    return best;
}

static int hear_for(listener *all, int frames)
{
    int playing = 1;
    while (frames-- > 0 && playing)
        playing = hear(all);
    return playing;
}

static void a_player_is_moved_and_does_not_click(void)
{
    listener all;
    int n;
    begin(&all, 1);
    hear_for(&all, 10);
    CHECK(half_second(&all) == 0);
    steer(&all, HF_SEEK_TO, 2510);
    hear_for(&all, 2);
    CHECK(half_second(&all) == 5 && hf_player_position(all.player) == 2550 * 8);
    steer(&all, HF_SEEK_BY, -1500);
    hear_for(&all, 2);
    CHECK(half_second(&all) == 2);
    steer(&all, HF_SEEK_BY, -60000); /* to the beginning */
    hear_for(&all, 2);
    CHECK(half_second(&all) == 0 && hf_player_position(all.player) == 2 * HF_FRAME);
    CHECK(all.step < 6400); /* the steepest of the tones is 5700 */
    steer(&all, HF_SEEK_TO, 3900);
    for (n = 1; hear(&all); n++)
        CHECK(n <= 5);
    CHECK(n == 5);
    steer(&all, HF_SEEK_TO, 0); /* it has ended, and its memory waits for us to read the ring */
    hear(&all);
    end(&all);
    begin(&all, 1);
    steer(&all, HF_SEEK_BY, 60000); /* behind the end it is over */
    CHECK(!hear_for(&all, 2));
    end(&all);
}

static void a_player_goes_round_as_often_as_told(void)
{
    listener all;
    int n;
    begin(&all, 0);
    CHECK(hear_for(&all, 410));
    CHECK(half_second(&all) == 0);
    /* As a float one more than there is room for. */
    hf_player_steer(all.player, HF_REPEAT, 4294967295.0f);
    CHECK(all.player->repeat == UINT32_MAX);
    steer(&all, HF_REPEAT, 2); /* this round and another */
    for (n = 0; n < 1000 && hear(&all); n++)
        continue;
    CHECK(n == 389);
    end(&all);
}

/* The tone of each half second keeps its pitch, and comes and goes as the speed says. */
static void speed_changes_the_time_and_not_the_pitch(void)
{
    static const float speeds[] = {0.5f, 0.8f, 1.25f, 1.5f, 2.0f};
    int s;
    for (s = 0; s < 5; s++) {
        listener all;
        int n, wrong = 0, quiet = 0;
        double off = 0, on = 0;
        begin(&all, 1);
        steer(&all, HF_SPEED, speeds[s]);
        for (n = 0; hear(&all); n++) {
            double now = n * 0.02 * speeds[s]; /* s of the clip */
            double into = fmod(now, 0.5);
            int k = (int)(now * 2), i;
            if (into < 0.05 || into > 0.43 || k > 7)
                continue; /* between two tones */
            wrong += half_second(&all) != k;
            for (i = -1; i <= 1; i += 2)
                off += power_at(all.heard, HF_FRAME, PITCHES[k] * (1 + i * 0.25));
            on += power_at(all.heard, HF_FRAME, PITCHES[k]);
            quiet += power_at(all.heard, HF_FRAME, PITCHES[k]) < 0.8 * 160 * 8000.0 * 8000 / 4;
        }
        CHECK(abs(n - (int)lrint(200 / speeds[s])) <= 2);
        CHECK(wrong == 0 && quiet == 0 && off < on / 2);
        CHECK(all.step < 6400);
        end(&all);
    }
}

static void speed_is_changed_while_it_plays(void)
{
    listener all;
    int n;
    begin(&all, 1);
    hear_for(&all, 50);
    steer(&all, HF_SPEED, 2);
    hear_for(&all, 50);
    CHECK(abs((int)hf_player_position(all.player) - 3 * SECOND) < 400);
    steer(&all, HF_SPEED, 1);
    for (n = 0; hear(&all); n++)
        continue;
    CHECK(abs(n - 50) <= 2 && all.step < 6400);
    end(&all);
    begin(&all, 2); /* in two rounds, and moved at another speed */
    steer(&all, HF_SPEED, 2);
    hear_for(&all, 10);
    steer(&all, HF_SEEK_TO, 3000);
    for (n = 0; hear(&all); n++)
        continue;
    CHECK(abs(n - 125) <= 2 && all.step < 6400);
    steer(&all, HF_SPEED, 9); /* it is over */
    hear(&all);
    end(&all);
}

/* A clip shorter than what one step of 20 ms moves on by has its rounds counted one by one. */
static void short_clips_go_round_as_often_as_told_at_any_speed(void)
{
    static const uint32_t lengths[] = {1, 40, 79, 160, 250, 319, 320, 700};
    static const float speeds[] = {0.5f, 1.25f, 2.0f};
    int l, s;
    for (l = 0; l < 8; l++)
        for (s = 0; s < 3; s++) {
            uint32_t rounds = 40000 / lengths[l];
            listener all;
            int n, quiet = 0;
            begin(&all, rounds);
            all.player->clips[0].count = lengths[l] / 2;
            all.player->clips[1] = (hf_clip){clip + SECOND / 4, lengths[l] - lengths[l] / 2};
            steer(&all, HF_SPEED, speeds[s]);
            for (n = 0; hear(&all); n++) {
                int i, loudest = 0;
                for (i = 0; i < HF_FRAME; i++)
                    loudest = abs(all.heard[i]) > loudest ? abs(all.heard[i]) : loudest;
                quiet += loudest == 0;
            }
            /* 5 s of rounds, to a frame; the last may begin with less than it has room for */
            CHECK(abs(n - (int)lrint(rounds * lengths[l] / (160.0 * speeds[s]))) <= 2);
            CHECK(quiet <= 2 || lengths[l] == 1);
            end(&all);
        }
}

/* Whoever comes to the music later hears the same moment of it, from the same samples. */
static void listeners_are_in_step(void)
{
    hf_engine *engine = hf_engine_new(0, 20);
    peer far[3];
    hf_port *ports[3];
    int n, i, at, same = 0, size;
    uint8_t packets[3][2048];
    for (i = 0; i < 3; i++) {
        far[i] = peer_open();
        ports[i] = test_port(engine, (uint64_t)i + 1, HF_ALAW, &far[i], &at);
    }
    for (n = 0; n < 600; n++) {
        for (i = 0; i < 3; i++)
            if (n == 37 * i * i)
                test_command(engine, HF_PLAY, ports[i], clip_player((uint64_t)i + 7, 0, 1));
        test_frame(engine);
        for (i = 0; i < 3; i++)
            peer_receive(&far[i], packets[i], &size);
        if (n > 160)
            same += !memcmp(packets[0] + HF_RTP_HEADER, packets[1] + HF_RTP_HEADER, HF_FRAME) &&
                    !memcmp(packets[0] + HF_RTP_HEADER, packets[2] + HF_RTP_HEADER, HF_FRAME);
    }
    CHECK(same == 439);
    for (i = 0; i < 3; i++) {
        test_command(engine, HF_CLOSE_PORT, ports[i], NULL);
        close(far[i].fd);
    }
    test_frame(engine);
    CHECK(test_free_retired(engine) == 6);
    hf_engine_free(engine);
}

/* Twice as many samples hold what the others do, and nothing above. */
static void a_wide_tap_holds_the_same_tones(void)
{
    static const double pitches[] = {300, 1000, 2100, 3400};
    int k, n, i;
    for (k = 0; k < 4; k++) {
        hf_tap *tap = hf_tap_new(1, HF_TAP_WIDE);
        const int16_t *ring = (const int16_t *)(const void *)(tap->map + HF_TAP_HEADER);
        double in = 0, across = 0, all = 0, peak;
        uint32_t rate;
        for (n = 0; n < 50; n++) {
            int16_t frame[HF_FRAME];
            for (i = 0; i < HF_FRAME; i++)
                frame[i] = (int16_t)lrint(
                    8000 * sin(2 * M_PI * pitches[k] * (n * HF_FRAME + i) / SECOND));
            hf_tap_write(tap, frame, NULL);
        }
        memcpy(&rate, tap->map + 8, sizeof rate);
        CHECK(rate == 16000 && tap->written == 16000);
        for (i = 0; i < 8000; i++) {
            int16_t sample = ring[4000 + i];
            in += sample * cos(2 * M_PI * pitches[k] * i / 16000);
            across += sample * sin(2 * M_PI * pitches[k] * i / 16000);
            all += (double)sample * sample;
        }
        peak = 2 * sqrt(in * in + across * across) / 8000;
        CHECK(fabs(20 * log10(peak / 8000)) < 0.1);
        CHECK(10 * log10(peak * peak / 2 / (all / 8000 - peak * peak / 2)) > 50);
        hf_object_free(&tap->head);
    }
}

void test_steering(void)
{
    fill_clip();
    a_player_is_moved_and_does_not_click();
    a_player_goes_round_as_often_as_told();
    speed_changes_the_time_and_not_the_pitch();
    speed_is_changed_while_it_plays();
    short_clips_go_round_as_often_as_told_at_any_speed();
    listeners_are_in_step();
    a_wide_tap_holds_the_same_tones();
}
