#include "test_engine.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALLER 0
#define AGENT 1
#define SUPERVISOR 2
#define STRANGER 3 /* the caller does not belong to his room */
#define LEGS 4

typedef struct {
    hf_engine *engine;
    hf_room *room;
    hf_port *ports[LEGS];
    peer far[LEGS];
    int at[LEGS], step; /* step: the largest between two samples that the agent heard */
    int16_t last;
    double level[LEGS]; /* dBm0 at 1400 Hz in the last frame */
    double all[LEGS];   /* and of everything */
} scene;

static void join(scene *all, int leg, enum hf_part part)
{
    hf_command sent = {.op = HF_JOIN, .subject = all->ports[leg], .object = all->room,
                       .flag = (int)part};
    CHECK(hf_command_push(all->engine, &sent) == 0);
}

static void open_scene(scene *all)
{
    int i;
    memset(all, 0, sizeof *all);
    all->engine = hf_engine_new(0, 20);
    all->room = hf_room_new(1, HF_MEMBERS);
    for (i = 0; i < LEGS; i++) {
        all->far[i] = peer_open();
        all->ports[i] = test_port(all->engine, (uint64_t)i + 1, HF_ULAW, &all->far[i],
                                  &all->at[i]);
    }
    join(all, CALLER, HF_TALKS);
    join(all, AGENT, HF_TALKS);
    join(all, SUPERVISOR, HF_LISTENS);
}

static double dbm0(double mean_square)
{
    return 10 * log10(mean_square / 248645000.0 + 1e-12);
}

static void measure(scene *all, int leg, const uint8_t *coded)
{
    int16_t samples[160];
    double re = 0, im = 0, sum = 0;
    int n;
    hf_g711_decode(HF_ULAW, coded, 160, samples);
    for (n = 0; n < 160; n++) {
        int step = abs(samples[n] - all->last);
        if (leg == AGENT) {
            all->step = step > all->step ? step : all->step;
            all->last = samples[n];
        }
        re += samples[n] * cos(2 * M_PI * 1400 * n / 8000);
        im += samples[n] * sin(2 * M_PI * 1400 * n / 8000);
        sum += (double)samples[n] * samples[n];
    }
    all->level[leg] = dbm0(2 * (re * re + im * im) / 160 / 160);
    all->all[leg] = dbm0(sum / 160);
}

static void frame(scene *all)
{
    uint8_t coded[160], packet[2048];
    int i, size;
    memset(coded, 0xff, sizeof coded); /* silence: what passes, passes untouched */
    for (i = 0; i < LEGS; i++)
        peer_send(&all->far[i], all->at[i], 0, (uint32_t)i + 1, coded, 160);
    test_frame(all->engine);
    for (i = 0; i < LEGS; i++) {
        size = 0;
        CHECK(peer_receive(&all->far[i], packet, &size) == 1 && size == 172);
        measure(all, i, packet + 12);
    }
}

static hf_recorder *record(scene *all, uint32_t every)
{
    hf_recorder *recorder = hf_recorder_new(9, open("/dev/null", O_WRONLY), 1, 0, 0);
    recorder->tone_every = every;
    test_command(all->engine, HF_RECORD, all->ports[CALLER], recorder);
    return recorder;
}

static void close_scene(scene *all, hf_recorder *recorder)
{
    int i;
    test_command(all->engine, HF_END_ROOM, NULL, all->room);
    for (i = 0; i < LEGS; i++) {
        test_command(all->engine, HF_CLOSE_PORT, all->ports[i], NULL);
        close(all->far[i].fd);
    }
    test_frame(all->engine);
    CHECK(test_free_retired(all->engine) == LEGS + 1);
    hf_object_free(&recorder->head); /* there is no file thread to give it back */
    hf_engine_free(all->engine);
}

static void both_sides_hear_the_tone(void)
{
    scene all;
    hf_recorder *recorder;
    int i, sounding[LEGS] = {0};
    open_scene(&all);
    for (i = 0; i < 20; i++)
        frame(&all);
    CHECK(all.level[CALLER] < -60 && all.level[AGENT] < -60);
    recorder = record(&all, 100);
    for (i = 0; i < 400; i++) {
        int leg;
        frame(&all);
        for (leg = 0; leg < LEGS; leg++)
            sounding[leg] += all.all[leg] > -40;
        if (i % 100 > 1 && i % 100 < 8)
            for (leg = 0; leg < 3; leg++)
                CHECK(fabs(all.level[leg] + 20) < 0.3 && fabs(all.all[leg] + 20) < 0.3);
    }
    /* 200 ms each: 10 frames, one more where a frame of another phase is split */
    for (i = 0; i < 3; i++)
        CHECK(sounding[i] >= 38 && sounding[i] <= 44);
    CHECK(sounding[STRANGER] == 0);
    CHECK(all.step < 2700); /* 2230 * 2 sin(pi 1400 / 8000) = 2331, and mu-law rounds */
    close_scene(&all, recorder);
}

static void a_pause_is_silent_and_its_end_is_heard(void)
{
    scene all;
    hf_command pause = {.op = HF_PAUSE_RECORD, .flag = 1};
    int i, heard = 0;
    open_scene(&all);
    pause.object = record(&all, 50);
    for (i = 0; i < 5; i++)
        frame(&all);
    CHECK(all.level[AGENT] > -21 && all.level[CALLER] > -21);
    CHECK(hf_command_push(all.engine, &pause) == 0);
    frame(&all);
    for (i = 0; i < 200; i++) {
        frame(&all);
        CHECK(all.all[AGENT] < -50 && all.all[CALLER] < -50);
    }
    pause.flag = 0;
    CHECK(hf_command_push(all.engine, &pause) == 0);
    for (i = 0; i < 12; i++) {
        frame(&all);
        heard += all.level[AGENT] > -21;
    }
    CHECK(heard >= 8);
    close_scene(&all, pause.object);
}

static void without_being_asked_for_there_is_none(void)
{
    scene all;
    hf_recorder *recorder;
    int i;
    open_scene(&all);
    recorder = record(&all, 0);
    for (i = 0; i < 120; i++) {
        frame(&all);
        CHECK(all.all[AGENT] < -60 && all.all[CALLER] < -60);
    }
    close_scene(&all, recorder);
}

/* The disk takes nothing for ten seconds: everybody talks on, what found no room is counted,
 * and the file has its full length. */
static void a_slow_disk_stalls_nobody(void)
{
    scene all;
    char name[] = "/tmp/hf-slow-XXXXXX";
    hf_event event = {0};
    hf_recorder *recorder;
    int fd = mkstemp(name), i;
    open_scene(&all);
    CHECK(fd >= 0 && unlink(name) == 0);
    recorder = hf_recorder_new(9, dup(fd), 1, 0, 0);
    test_command(all.engine, HF_RECORD, all.ports[CALLER], recorder);
    for (i = 0; i < 500; i++)
        frame(&all); /* checks that each leg gets its packet */
    CHECK(recorder->gap == 2 * 160 * 91); /* of 500 frames 409 fit into the ring */
    CHECK(hf_files_start(all.engine) == 0);
    hf_files_add(all.engine, recorder);
    test_command(all.engine, HF_STOP_RECORD, NULL, recorder);
    frame(&all);
    hf_files_stop(all.engine);
    CHECK(hf_event_pop(&all.engine->file_events, &event));
    CHECK(event.code == HF_STOPPED && event.value == 10000);
    CHECK(lseek(fd, 0, SEEK_END) == 44 + 500 * 160 * 4);
    CHECK(test_free_retired(all.engine) == 1);
    close(fd);
    test_command(all.engine, HF_END_ROOM, NULL, all.room);
    for (i = 0; i < LEGS; i++) {
        test_command(all.engine, HF_CLOSE_PORT, all.ports[i], NULL);
        close(all.far[i].fd);
    }
    test_frame(all.engine);
    CHECK(test_free_retired(all.engine) == LEGS + 1);
    hf_engine_free(all.engine);
}

void test_consent(void)
{
    both_sides_hear_the_tone();
    a_pause_is_silent_and_its_end_is_heard();
    without_being_asked_for_there_is_none();
    a_slow_disk_stalls_nobody();
}
