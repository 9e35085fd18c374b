#include "test_engine.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What signalling does to a call: another codec, hold and back, a transfer to another
 * conversation, a recording that pauses. Tones go on all the while; a click would be a step
 * beyond their own. */

#define LISTENER 2
#define TONE_STEP 2830 /* 8000 * 2 pi 450 / 8000 */

typedef struct {
    hf_engine *engine;
    peer far[3];
    hf_port *port[3];
    int at[3], law;
    uint32_t phase[2];
    hf_g722 g722;
    int16_t before, wide[2 * HF_FRAME];
    int step, loudest, packets; /* of what the listener heard */
} scene;

static void say(scene *all, int leg)
{
    int16_t samples[HF_FRAME];
    uint8_t coded[HF_FRAME];
    int n;
    for (n = 0; n < HF_FRAME; n++) {
        samples[n] = (int16_t)(8000 * hf_sine(all->phase[leg]));
        all->phase[leg] += hf_phase_step(leg ? 450 : 410);
    }
    hf_g711_encode(HF_ALAW, samples, HF_FRAME, coded);
    peer_send(&all->far[leg], all->at[leg], 8, (uint32_t)leg + 1, coded, HF_FRAME);
}

static void frames(scene *all, int count)
{
    hf_coders coders = {.g722 = &all->g722};
    uint8_t packet[2048];
    int16_t heard[HF_FRAME];
    int i, n, size = 0;
    for (i = 0; i < count; i++) {
        say(all, 0);
        say(all, 1);
        test_frame(all->engine);
        if (peer_receive(&all->far[LISTENER], packet, &size) != 1) {
            all->before = 0; /* a telephone is silent then */
            continue;
        }
        all->packets++;
        CHECK(hf_codec_decode(all->law, &coders, packet + 12, size - 12, heard, all->wide) ==
              HF_FRAME);
        for (n = 0; n < HF_FRAME; n++) {
            int step = abs(heard[n] - all->before), loud = abs(heard[n]);
            all->step = step > all->step ? step : all->step;
            all->loudest = loud > all->loudest ? loud : all->loudest;
            all->before = heard[n];
        }
    }
}

static void join(scene *all, hf_room *room, int leg)
{
    hf_command sent = {.op = HF_JOIN, .subject = all->port[leg], .object = room, .flag = HF_TALKS};
    CHECK(hf_command_push(all->engine, &sent) == 0);
}

/* A re-INVITE of the listener. */
static void connect_as(scene *all, int law, int send)
{
    static const int types[] = {[HF_ALAW] = 8, [HF_ULAW] = 0, [HF_G722] = 9, [HF_L16] = 97};
    hf_command again = {.op = HF_CONNECT, .subject = all->port[LISTENER]};
    again.stream = (hf_stream){.law = law, .payload_type = types[law], .key_payload_type = 101,
                               .rtcp_fd = -1, .packet_samples = HF_FRAME, .send = send,
                               .receive = 1};
    if (law == HF_G722 && !all->port[LISTENER]->coders.g722)
        again.stream.coders.g722 = calloc(1, sizeof(hf_g722));
    hf_address("127.0.0.1", all->far[LISTENER].port, &again.stream.remote,
               &again.stream.remote_length);
    CHECK(hf_command_push(all->engine, &again) == 0);
    if (law == HF_G722 && law != all->law) {
        hf_g722_reset(&all->g722);
        all->before = 0; /* a decoder that begins anew is silent */
    }
    if (all->law == HF_G722 && law != HF_G722)
        all->before = all->wide[2 * HF_FRAME - 1]; /* a telephone does not halve what it hears */
    all->law = law;
}

static hf_room *begin(scene *all)
{
    hf_room *room = hf_room_new(1, HF_MEMBERS);
    int i;
    memset(all, 0, sizeof *all);
    all->engine = hf_engine_new(0, 20);
    for (i = 0; i < 3; i++) {
        all->far[i] = peer_open();
        all->port[i] = test_port(all->engine, (uint64_t)i + 1, HF_ALAW, &all->far[i],
                                 &all->at[i]);
    }
    all->law = HF_ALAW;
    join(all, room, 0);
    join(all, room, LISTENER);
    frames(all, 10);
    CHECK(all->loudest > 7500 && all->step < TONE_STEP + 700);
    return room;
}

static void end(scene *all, hf_room *room, hf_room *other)
{
    int i;
    test_command(all->engine, HF_END_ROOM, NULL, room);
    if (other)
        test_command(all->engine, HF_END_ROOM, NULL, other);
    for (i = 0; i < 3; i++) {
        test_command(all->engine, HF_CLOSE_PORT, all->port[i], NULL);
        close(all->far[i].fd);
    }
    test_frame(all->engine);
    test_free_retired(all->engine);
    hf_engine_free(all->engine);
}

/* Between two frames at every place of the tone: 20 ms are 8.2 turns of 410 Hz. */
static void another_codec_does_not_click(void)
{
    static const int laws[] = {HF_ULAW, HF_G722, HF_L16, HF_G722, HF_ALAW};
    scene all;
    hf_room *room = begin(&all);
    int i;
    for (i = 0; i < 20; i++) {
        connect_as(&all, laws[i % 5], 1);
        frames(&all, 6 + i % 3);
    }
    CHECK(all.step < TONE_STEP + 1100);
    all.loudest = 0;
    frames(&all, 3);
    CHECK(all.loudest > 7500);
    end(&all, room, NULL);
}

static void hold_and_back_does_not_click(void)
{
    scene all;
    hf_room *room = begin(&all);
    int i;
    for (i = 0; i < 15; i++) {
        int packets;
        connect_as(&all, HF_ALAW, 0);
        frames(&all, 1);
        packets = all.packets;
        frames(&all, 3 + i % 4);
        CHECK(all.packets == packets);
        connect_as(&all, HF_ALAW, 1);
        all.loudest = 0;
        frames(&all, 5);
        CHECK(all.packets >= packets + 4 && all.loudest > 7500);
    }
    CHECK(all.step < TONE_STEP + 700);
    end(&all, room, NULL);
}

static void a_transfer_does_not_click(void)
{
    scene all;
    hf_room *first = begin(&all), *second = hf_room_new(2, HF_MEMBERS);
    int i;
    join(&all, second, 1);
    for (i = 0; i < 20; i++) {
        join(&all, i % 2 ? first : second, LISTENER);
        frames(&all, 4 + i % 3);
    }
    for (i = 0; i < 10; i++) { /* and the other one is who goes */
        join(&all, i % 2 ? first : second, 0);
        frames(&all, 4 + i % 3);
    }
    CHECK(all.step < TONE_STEP * 2); /* two tones at once, in their turn */
    end(&all, first, second);
}

static void a_pause_of_the_recording_does_not_click(void)
{
    char path[] = "/tmp/hf-clicks-XXXXXX";
    int fd = mkstemp(path), i, n, step = 0, silent = 0, loudest = 0;
    int16_t before[2] = {0, 0}, now[2];
    hf_command pause = {.op = HF_PAUSE_RECORD};
    scene all;
    hf_room *room = begin(&all);
    pause.object = hf_recorder_new(7, fd, 1, 0, 0);
    test_command(all.engine, HF_RECORD, all.port[0], pause.object);
    hf_files_add(all.engine, pause.object);
    for (i = 0; i < 14; i++) {
        pause.flag = i % 2;
        CHECK(hf_command_push(all.engine, &pause) == 0);
        frames(&all, 5 + i % 3);
    }
    CHECK(hf_files_start(all.engine) == 0);
    test_command(all.engine, HF_STOP_RECORD, NULL, pause.object);
    frames(&all, 1);
    hf_files_stop(all.engine);
    fd = -1;
    {
        FILE *file = fopen(path, "rb");
        CHECK(file != NULL && fseek(file, 44, SEEK_SET) == 0);
        for (i = 0; file && fread(now, sizeof now, 1, file) == 1; i++) {
            for (n = 0; n < 2 && i; n++)
                step = abs(now[n] - before[n]) > step ? abs(now[n] - before[n]) : step;
            loudest = abs(now[0]) > loudest ? abs(now[0]) : loudest;
            silent += now[0] == 0 && before[0] == 0;
            memcpy(before, now, sizeof now);
        }
        if (file)
            fclose(file);
    }
    CHECK(i > 75 * HF_FRAME && loudest > 7500 && step < TONE_STEP + 700);
    CHECK(silent > 35 * HF_FRAME); /* seven pauses of six frames, less their slopes */
    unlink(path);
    end(&all, room, NULL);
}

void test_clicks(void)
{
    another_codec_does_not_click();
    hold_and_back_does_not_click();
    a_transfer_does_not_click();
    a_pause_of_the_recording_does_not_click();
}
