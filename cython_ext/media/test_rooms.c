#include "test_engine.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEGS 12

typedef struct {
    hf_engine *engine;
    peer far[LEGS];
    hf_port *port[LEGS];
    int at[LEGS], count;
    uint32_t phase[LEGS];
    int says[LEGS]; /* Hz, 0 is silence */
} calls;

static void open_calls(calls *all, int count)
{
    int i;
    memset(all, 0, sizeof *all);
    all->engine = hf_engine_new(0, 20);
    all->count = count;
    for (i = 0; i < count; i++) {
        all->far[i] = peer_open();
        all->port[i] = test_port(all->engine, (uint64_t)i + 1, HF_ALAW, &all->far[i],
                                 &all->at[i]);
    }
}

static void close_calls(calls *all)
{
    int i;
    for (i = 0; i < all->count; i++) {
        test_command(all->engine, HF_CLOSE_PORT, all->port[i], NULL);
        close(all->far[i].fd);
    }
    test_frame(all->engine);
    test_free_retired(all->engine);
    hf_engine_free(all->engine);
}

static void join(calls *all, hf_room *room, int leg, enum hf_part part, int agent)
{
    hf_command sent = {.op = HF_JOIN, .subject = all->port[leg], .object = room,
                       .third = agent < 0 ? NULL : all->port[agent], .flag = (int)part};
    CHECK(hf_command_push(all->engine, &sent) == 0);
}

static void say(calls *all, int leg)
{
    int16_t samples[160];
    uint8_t coded[160];
    int n;
    for (n = 0; n < 160; n++) {
        samples[n] = (int16_t)(all->says[leg] ? 8000 * hf_sine(all->phase[leg]) : 0);
        all->phase[leg] += hf_phase_step(all->says[leg]);
    }
    hf_g711_encode(HF_ALAW, samples, 160, coded);
    peer_send(&all->far[leg], all->at[leg], 8, (uint32_t)leg + 1, coded, 160);
}

/* One frame for all; what a leg hears goes to ``heard``. */
static void one_frame(calls *all, int leg, int16_t heard[160])
{
    uint8_t packet[2048];
    int i, size = 0;
    for (i = 0; i < all->count; i++)
        say(all, i);
    test_frame(all->engine);
    for (i = 0; i < all->count; i++)
        if (peer_receive(&all->far[i], packet, &size) > 0 && i == leg)
            hf_g711_decode(HF_ALAW, packet + 12, 160, heard);
}

static int level_of(calls *all, int leg)
{
    int16_t heard[160] = {0};
    int i, n, peak = 0;
    for (i = 0; i < 8; i++)
        one_frame(all, leg, heard);
    for (n = 0; n < 160; n++)
        peak = abs(heard[n]) > peak ? abs(heard[n]) : peak;
    return peak;
}

/* Legs: caller 0, agent 1, supervisor 2. Who hears the supervisor speak? */
static void supervisors_listen_whisper_and_barge(void)
{
    static const struct {
        enum hf_part part;
        int agent, caller_hears, agent_hears;
    } cases[] = {{HF_LISTENS, -1, 0, 0}, {HF_WHISPERS, 1, 0, 1}, {HF_TALKS, -1, 1, 1},
                 {HF_LISTENS, -1, 0, 0}};
    calls all;
    hf_room *room = hf_room_new(1, HF_MEMBERS);
    size_t i;
    open_calls(&all, 4);
    join(&all, room, 0, HF_TALKS, -1);
    join(&all, room, 1, HF_TALKS, -1);
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        join(&all, room, 2, cases[i].part, cases[i].agent);
        all.says[0] = all.says[1] = 0;
        all.says[2] = 400;
        CHECK((level_of(&all, 0) > 4000) == cases[i].caller_hears);
        CHECK((level_of(&all, 1) > 4000) == cases[i].agent_hears);
        CHECK(level_of(&all, 2) < 100); /* nobody hears himself */
        all.says[0] = 400;
        all.says[2] = 0;
        CHECK(level_of(&all, 2) > 4000 && level_of(&all, 1) > 4000);
    }
    all.says[0] = 0;
    all.says[2] = 400; /* listens: one who comes later does not hear him either */
    join(&all, room, 3, HF_TALKS, -1);
    CHECK(level_of(&all, 3) < 100);
    test_command(all.engine, HF_END_ROOM, NULL, room);
    close_calls(&all);
}

static void a_room_grows_in_mid_conversation(void)
{
    calls all;
    hf_room *room = hf_room_new(1, HF_MEMBERS), *larger = hf_room_new(1, HF_MOST_MEMBERS);
    int i;
    open_calls(&all, LEGS);
    for (i = 0; i < HF_MEMBERS; i++)
        join(&all, room, i, i == 3 ? HF_LISTENS : HF_TALKS, -1);
    test_command(all.engine, HF_GROW, larger, room);
    for (; i < LEGS; i++)
        join(&all, larger, i, HF_TALKS, -1);
    all.says[0] = 400;
    for (i = 1; i < LEGS; i++)
        CHECK(level_of(&all, i) > 4000);
    all.says[0] = 0;
    all.says[3] = 400;
    CHECK(level_of(&all, 11) < 100 && level_of(&all, 0) < 100);
    CHECK(test_free_retired(all.engine) == 1); /* the smaller one */
    test_command(all.engine, HF_END_ROOM, NULL, larger);
    close_calls(&all);
}

/* Whatever is done to a conversation, what is heard has no step beyond the tones' own
 * slope: 8000 * 2 pi 400 / 8000 for each, and what smoothing and A-law add. */
static void nothing_clicks(void)
{
    static int16_t prompt[777];
    calls all;
    hf_room *room = hf_room_new(1, HF_MEMBERS);
    hf_command gain = {.op = HF_GAIN, .object = room};
    hf_player *player = NULL;
    int16_t heard[160], before = 0;
    hf_event event;
    int i, n, step = 0, loudest = 0;
    open_calls(&all, 3);
    for (n = 0; n < 777; n++)
        prompt[n] = (int16_t)(8000 * hf_sine(hf_phase_step(300) * (uint32_t)n + (1u << 30)));
    all.says[0] = 400;
    join(&all, room, 0, HF_TALKS, -1);
    join(&all, room, 1, HF_TALKS, -1);
    gain.subject = all.port[0];
    gain.third = all.port[1];
    for (i = 0; i < 400; i++) {
        /* The phase at a change moves: 20 ms are 8 turns of 400 Hz, so the tone is bent. */
        all.says[0] = i % 7 ? 400 : 410;
        switch (i % 40) {
        case 5:
            gain.gain = i % 80 == 5 ? 0.1f : 1.0f;
            CHECK(hf_command_push(all.engine, &gain) == 0);
            break;
        case 12:
            player = hf_player_new((uint64_t)i, 1, 0);
            player->clips[0] = (hf_clip){prompt, 777};
            player->repeat = 1;
            test_command(all.engine, HF_PLAY, all.port[1], player);
            break;
        case 15:
            test_command(all.engine, HF_STOP_PLAY, NULL, player);
            break;
        case 22:
            test_command(all.engine, HF_LEAVE, all.port[0], NULL);
            break;
        case 25:
            join(&all, room, 0, HF_TALKS, -1);
            break;
        case 30:
            join(&all, room, 2, HF_TALKS, -1);
            break;
        case 34:
            test_command(all.engine, HF_LEAVE, all.port[2], NULL);
            break;
        }
        memset(heard, 0, sizeof heard);
        one_frame(&all, 1, heard);
        for (n = 0; n < 160; n++) {
            step = abs(heard[n] - before) > step ? abs(heard[n] - before) : step;
            loudest = abs(heard[n]) > loudest ? abs(heard[n]) : loudest;
            before = heard[n];
        }
        while (hf_event_pop(&all.engine->events, &event))
            continue;
        test_free_retired(all.engine);
    }
    CHECK(loudest > 7000 && step < 3900);
    test_command(all.engine, HF_END_ROOM, NULL, room);
    close_calls(&all);
}

void test_rooms(void)
{
    supervisors_listen_whisper_and_barge();
    a_room_grows_in_mid_conversation();
    nothing_clicks();
}
