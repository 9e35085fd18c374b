#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "test_engine.h"

typedef struct {
    hf_engine *engine;
    peer caller;
    hf_port *port;
    int at, step; /* step: the largest between two samples that the caller heard */
    int16_t last;
} listener;

/* One frame with what the caller says; returns the loudest sample that the caller hears. */
static int hear(listener *all, int loud)
{
    uint8_t said[160], packet[2048] = {0};
    int16_t samples[160], heard[160];
    int i, size = 0, peak = 0;
    for (i = 0; i < 160; i++)
        samples[i] = (int16_t)(loud ? (int)(test_random() % (2u * (unsigned)loud)) - loud : 0);
    hf_g711_encode(HF_ALAW, samples, 160, said);
    peer_send(&all->caller, all->at, 8, 77, said, 160);
    test_frame(all->engine);
    CHECK(peer_receive(&all->caller, packet, &size) == 1 && size == 172);
    hf_g711_decode(HF_ALAW, packet + 12, 160, heard);
    for (i = 0; i < 160; i++) {
        int step = abs(heard[i] - all->last);
        all->step = step > all->step ? step : all->step;
        peak = abs(heard[i]) > peak ? abs(heard[i]) : peak;
        all->last = heard[i];
    }
    return peak;
}

static void begin(listener *all, int armed)
{
    hf_command arm = {.op = HF_ARM, .flag = armed};
    hf_player *tone = hf_player_new(5, 1, 1);
    int i;
    memset(all, 0, sizeof *all);
    all->engine = hf_engine_new(0, 20);
    all->caller = peer_open();
    all->port = arm.subject = test_port(all->engine, 1, HF_ALAW, &all->caller, &all->at);
    tone->tones[0].step_a = hf_phase_step(500);
    tone->repeat = 0;
    tone->gain = 8000;
    test_command(all->engine, HF_PLAY, all->port, tone);
    CHECK(hf_command_push(all->engine, &arm) == 0);
    for (i = 0; i < 25; i++)
        hear(all, 0);
    CHECK(hear(all, 0) > 7500);
    all->step = 0;
}

static void end(listener *all)
{
    test_command(all->engine, HF_CLOSE_PORT, all->port, NULL);
    test_frame(all->engine);
    CHECK(test_free_retired(all->engine) == 2);
    close(all->caller.fd);
    hf_engine_free(all->engine);
}

/* 12 dB below from the frame in which speech is told, and back 1 s after the last of it. */
static void a_prompt_steps_back_for_who_barges_in(void)
{
    listener all;
    hf_event event = {0};
    int n, told = 0, peak = 0;
    begin(&all, 1);
    for (n = 0; n < 20 && !told; n++) {
        peak = hear(&all, 4000);
        told = test_events(all.engine, HF_ON_SPEECH, &event);
        CHECK(told || peak > 7500);
    }
    CHECK(told == 1 && event.port == 1);
    peak = hear(&all, 4000); /* within 40 ms of what was told */
    CHECK(peak > 1900 && peak < 2100);
    for (n = 0; n < 99; n++) /* for as long as the voice lasts, with its pauses */
        CHECK(hear(&all, n % 10 < 7 ? 4000 : 0) < 2100);
    for (n = 0; n < 45; n++)
        CHECK(hear(&all, 0) < 2100);
    for (n = 0; n < 10; n++)
        peak = hear(&all, 0);
    CHECK(peak > 7500);
    CHECK(all.step < 3600); /* a full tone's steepest is 3060, and A-law rounds */
    end(&all);
}

static void nobody_who_is_not_waited_for_barges_in(void)
{
    listener all;
    int n;
    begin(&all, 0);
    for (n = 0; n < 60; n++)
        CHECK(hear(&all, 4000) > 7500);
    end(&all);
}

static void a_key_makes_a_prompt_step_back_and_the_next_prompt_begins_loud(void)
{
    listener all;
    hf_player *next = hf_player_new(6, 1, 1);
    int n;
    begin(&all, 0);
    for (n = 0; n < 3; n++)
        peer_send(&all.caller, all.at, 101, 77, (const uint8_t *)"\x05\x0a\x01\x40", 4),
            all.caller.timestamp -= 160;
    hear(&all, 0);
    hear(&all, 0);
    CHECK(hear(&all, 0) < 2100);
    next->tones[0].step_a = hf_phase_step(500);
    next->repeat = 0;
    next->gain = 8000;
    test_command(all.engine, HF_PLAY, all.port, next);
    hear(&all, 0);
    CHECK(hear(&all, 0) > 7500);
    CHECK(test_free_retired(all.engine) == 1);
    end(&all);
}

/* A key that moves what plays has been understood: the rest is heard as loud as before. */
static void who_steers_by_a_key_hears_on_at_once(void)
{
    listener all;
    hf_command steer = {.op = HF_STEER, .flag = HF_SPEED, .gain = 1.0f};
    int n;
    begin(&all, 0);
    for (n = 0; n < 3; n++)
        peer_send(&all.caller, all.at, 101, 77, (const uint8_t *)"\x05\x0a\x01\x40", 4),
            all.caller.timestamp -= 160;
    hear(&all, 0);
    hear(&all, 0);
    CHECK(hear(&all, 0) < 2100);
    steer.object = all.port->player;
    CHECK(hf_command_push(all.engine, &steer) == 0);
    hear(&all, 0);
    CHECK(hear(&all, 0) > 7500);
    CHECK(all.step < 3600);
    end(&all);
}

void test_playing(void)
{
    a_prompt_steps_back_for_who_barges_in();
    nobody_who_is_not_waited_for_barges_in();
    a_key_makes_a_prompt_step_back_and_the_next_prompt_begins_loud();
    who_steers_by_a_key_hears_on_at_once();
}
