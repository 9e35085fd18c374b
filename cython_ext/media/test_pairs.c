#include "test_engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A tone through every pair of ports and codecs: frequency, level, noise. The far ends code for
 * themselves; no clock runs but that of the frames. */

#define RATE 8000
#define LISTENED 60 /* frames, of which the first 20 fill buffers and adapt coders */

enum end_kind { ON_RTP, ON_DEVICE };

typedef struct {
    enum end_kind kind;
    int law, type;
    enum hf_suite suite;
} end_form;

static const end_form FORMS[] = {
    {ON_RTP, HF_ALAW, 8, HF_NO_SUITE},    {ON_RTP, HF_ULAW, 0, HF_NO_SUITE},
    {ON_RTP, HF_L16, 97, HF_NO_SUITE},    {ON_RTP, HF_G722, 9, HF_NO_SUITE},
    {ON_RTP, HF_OPUS, 111, HF_NO_SUITE},  {ON_RTP, HF_ALAW, 8, HF_AES_CM_80},
    {ON_RTP, HF_ULAW, 0, HF_AES_CM_32},   {ON_DEVICE, HF_ALAW, 0, HF_NO_SUITE},
    {ON_DEVICE, HF_S16, 0, HF_NO_SUITE}};
#define FORMS_COUNT ((int)(sizeof FORMS / sizeof FORMS[0]))

typedef struct {
    const end_form *form;
    hf_port *port;
    peer far;     /* of RTP */
    int fd, at;   /* of a device: the other end of a pair; of RTP: our port */
    hf_coders coders;
    hf_srtp *seals, *opens; /* NULL: plain RTP */
    uint16_t sequence;      /* of sealed packets */
    int16_t heard[LISTENED * HF_FRAME];
    int frames, spoken;
} far_end;

static void coders_for(hf_coders *coders, int law)
{
    memset(coders, 0, sizeof *coders);
    if (law == HF_G722) {
        coders->g722 = calloc(1, sizeof *coders->g722);
        hf_g722_reset(coders->g722);
    }
    if (law == HF_OPUS)
        coders->opus = hf_opus_new();
}

/* Keys as a description brings them: one for each direction. */
static void encrypt(far_end *end, hf_command *sent)
{
    static const uint8_t to[HF_SRTP_MOST] = {1, 2, 3}, from[HF_SRTP_MOST] = {9, 8, 7};
    if (end->form->suite == HF_NO_SUITE)
        return;
    end->seals = hf_srtp_new(end->form->suite, to);
    end->opens = hf_srtp_new(end->form->suite, from);
    end->sequence = 65500; /* it wraps, and the keys go on */
    sent->flag = 1;
    sent->object = hf_keyring_new(end->port->head.id, end->form->suite, to, from);
    CHECK(end->seals && end->opens && sent->object);
}

static void open_end(hf_engine *engine, far_end *end, const end_form *form, uint64_t id)
{
    hf_command again = {.op = HF_CONNECT};
    int ends[2];
    memset(end, 0, sizeof *end);
    end->form = form;
    coders_for(&end->coders, form->law);
    if (form->kind == ON_DEVICE) {
        CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends) == 0);
        end->port = hf_port_new(id, HF_DEVICE, ends[0]);
        end->port->law = form->law;
        end->port->key_source = HF_HARDWARE;
        end->fd = ends[1];
        test_command(engine, HF_ADD_PORT, end->port, NULL);
        return;
    }
    end->far = peer_open();
    end->port = again.subject = test_port(engine, id, HF_ALAW, &end->far, &end->at);
    again.stream = (hf_stream){.law = form->law, .payload_type = form->type,
                               .key_payload_type = 101, .rtcp_fd = -1,
                               .packet_samples = HF_FRAME, .send = 1, .receive = 1};
    coders_for(&again.stream.coders, form->law);
    again.stream.extra = hf_extra_new();
    encrypt(end, &again);
    hf_address("127.0.0.1", end->far.port, &again.stream.remote, &again.stream.remote_length);
    CHECK(hf_command_push(engine, &again) == 0);
}

static void close_end(hf_engine *engine, far_end *end)
{
    test_command(engine, HF_CLOSE_PORT, end->port, NULL);
    close(end->form->kind == ON_DEVICE ? end->fd : end->far.fd);
    free(end->coders.g722);
    free(end->coders.opus);
    hf_srtp_free(end->seals);
    hf_srtp_free(end->opens);
}

static void send_sealed(far_end *end, const uint8_t *coded, int octets)
{
    uint8_t packet[HF_RTP_HEADER + 640 + HF_SRTP_TRAILER];
    hf_endpoint to;
    socklen_t length;
    int size = HF_RTP_HEADER + octets;
    hf_rtp_header(packet, end->form->type, 0, end->sequence++, (uint32_t)end->spoken, 77);
    memcpy(packet + HF_RTP_HEADER, coded, (size_t)octets);
    size = hf_srtp_protect(end->seals, packet, size);
    hf_address("127.0.0.1", end->at, &to, &length);
    CHECK(sendto(end->far.fd, packet, (size_t)size, 0, (struct sockaddr *)&to, length) == size);
}

static void say(far_end *end, double hz, double peak)
{
    int16_t samples[HF_FRAME];
    uint8_t coded[640];
    int i, octets;
    for (i = 0; i < HF_FRAME; i++)
        samples[i] = (int16_t)lrint(peak * sin(2 * M_PI * hz * end->spoken++ / RATE));
    if (end->form->law == HF_OPUS)
        octets = hf_opus_encode(end->coders.opus, samples, HF_FRAME, coded, sizeof coded);
    else if (end->form->law == HF_S16)
        memcpy(coded, samples, (size_t)(octets = (int)sizeof samples));
    else
        octets = hf_codec_encode(end->form->law, &end->coders, samples, HF_FRAME, coded);
    if (end->form->kind == ON_DEVICE)
        CHECK(send(end->fd, coded, (size_t)octets, 0) == octets);
    else if (end->seals)
        send_sealed(end, coded, octets);
    else
        peer_send(&end->far, end->at, end->form->type, 77, coded, octets);
}

static void listen_to(far_end *end)
{
    uint8_t packet[2048];
    int16_t *to = end->heard + end->frames * HF_FRAME;
    int size = 0;
    if (end->form->kind == ON_DEVICE) {
        size = (int)recv(end->fd, packet, sizeof packet, 0);
        if (size <= 0)
            return;
        if (end->form->law == HF_S16)
            memcpy(to, packet, HF_FRAME * sizeof *to);
        else
            hf_g711_decode(end->form->law, packet, HF_FRAME, to);
    } else {
        if (peer_receive(&end->far, packet, &size) != 1)
            return;
        size = end->opens ? hf_srtp_unprotect(end->opens, packet, size) : size;
        CHECK(size > HF_RTP_HEADER && (packet[1] & 0x7f) == end->form->type);
        CHECK(hf_codec_decode(end->form->law, &end->coders, packet + 12, size - 12, to,
                              NULL) == HF_FRAME);
    }
    end->frames++;
}

/* Level of what is at a pitch and of all the rest, in dB below it, in what was heard last. */
static void measure(const far_end *end, double hz, double *level, double *noise)
{
    int from = (end->frames - 40) * HF_FRAME, count = 40 * HF_FRAME, i;
    double in = 0, across = 0, all = 0, power;
    for (i = 0; i < count; i++) {
        double value = end->heard[from + i];
        in += value * cos(2 * M_PI * hz * i / RATE);
        across += value * sin(2 * M_PI * hz * i / RATE);
        all += value * value;
    }
    power = 2 * (in * in + across * across) / count / count;
    *level = 10 * log10(power);
    *noise = 10 * log10(power / (all / count - power + 1e-9));
}

/* What coders lose: G.711 rounds to about 36 dB, and Opus models a voice, which a tone is not. */
static double least_distance(const end_form *a, const end_form *b)
{
    return a->law == HF_OPUS || b->law == HF_OPUS ? 18 : 30;
}

static double sent_level(double peak)
{
    return 20 * log10(peak) - 3.0103;
}

static void tones_cross_every_pair(void)
{
    int a, b, n;
    for (a = 0; a < FORMS_COUNT; a++)
        for (b = 0; b < FORMS_COUNT; b++) {
            hf_engine *engine = hf_engine_new(0, 20);
            static far_end left, right;
            hf_room *room = hf_room_new(9, HF_MEMBERS);
            double level, noise;
            open_end(engine, &left, &FORMS[a], 1);
            open_end(engine, &right, &FORMS[b], 2);
            test_command(engine, HF_JOIN, left.port, room);
            test_command(engine, HF_JOIN, right.port, room);
            for (n = 0; n < LISTENED; n++) {
                say(&left, 700, 8000);
                say(&right, 1900, 4000);
                test_frame(engine);
                listen_to(&left);
                listen_to(&right);
            }
            CHECK(left.frames >= LISTENED - 6 && right.frames >= LISTENED - 6);
            measure(&right, 700, &level, &noise);
            CHECK(fabs(level - sent_level(8000)) < 1.0);
            CHECK(noise > least_distance(&FORMS[a], &FORMS[b]));
            measure(&left, 1900, &level, &noise);
            CHECK(fabs(level - sent_level(4000)) < 1.0);
            CHECK(noise > least_distance(&FORMS[a], &FORMS[b]));
            close_end(engine, &left);
            close_end(engine, &right);
            test_command(engine, HF_END_ROOM, NULL, room);
            test_frame(engine);
            test_free_retired(engine);
            hf_engine_free(engine);
        }
}

/* A caller, an agent with Opus and a supervisor whose leg is encrypted: each hears both others
 * and not himself; then one leaves and the two go on. */
static void three_talk_across_opus_and_encryption(void)
{
    static const int form[] = {1, 4, 5}, hz[] = {700, 1300, 1900};
    static far_end ends[3];
    hf_engine *engine = hf_engine_new(0, 20);
    hf_room *room = hf_room_new(9, HF_MEMBERS);
    double level, noise;
    int who, other, n, present = 3;
    for (who = 0; who < 3; who++) {
        open_end(engine, &ends[who], &FORMS[form[who]], (uint64_t)who + 1);
        test_command(engine, HF_JOIN, ends[who].port, room);
    }
    for (; present >= 2; present--) {
        for (n = 0; n < LISTENED; n++) {
            for (who = 0; who < 3; who++)
                say(&ends[who], hz[who], 5000);
            test_frame(engine);
            for (who = 0; who < 3; who++)
                listen_to(&ends[who]);
        }
        for (who = 0; who < present; who++) {
            CHECK(ends[who].frames >= LISTENED - 6);
            for (other = 0; other < 3; other++) {
                measure(&ends[who], hz[other], &level, &noise);
                if (other != who && other < present)
                    CHECK(fabs(level - sent_level(5000)) < 1.5);
                else
                    CHECK(level < sent_level(5000) - 25);
            }
            ends[who].frames = 0;
        }
        ends[2].frames = 0;
        test_command(engine, HF_LEAVE, ends[2].port, NULL);
        for (n = 0; n < 2; n++)
            test_frame(engine);
    }
    CHECK(ends[2].port->counts.forged == 0 && ends[2].port->counts.replayed == 0);
    for (who = 0; who < 3; who++)
        close_end(engine, &ends[who]);
    test_command(engine, HF_END_ROOM, NULL, room);
    test_frame(engine);
    test_free_retired(engine);
    hf_engine_free(engine);
}

/* A prompt to, and a tap of, a port of every kind. */
static void files_and_taps_meet_every_codec(void)
{
    static int16_t prompt[LISTENED * HF_FRAME];
    int a, n, i;
    for (i = 0; i < LISTENED * HF_FRAME; i++)
        prompt[i] = (int16_t)lrint(6000 * sin(2 * M_PI * 1100 * i / RATE));
    for (a = 0; a < FORMS_COUNT; a++) {
        hf_engine *engine = hf_engine_new(0, 20);
        static far_end end, tapped;
        hf_player *player = hf_player_new(5, 1, 0);
        hf_tap *tap = hf_tap_new(1, HF_TAP_NARROW);
        double level, noise;
        open_end(engine, &end, &FORMS[a], 1);
        player->clips[0] = (hf_clip){prompt, LISTENED * HF_FRAME};
        test_command(engine, HF_OPEN_TAP, end.port, tap);
        test_command(engine, HF_PLAY, end.port, player);
        for (n = 0; n < LISTENED; n++) {
            say(&end, 500, 8000);
            test_frame(engine);
            listen_to(&end);
        }
        measure(&end, 1100, &level, &noise);
        CHECK(fabs(level - sent_level(6000)) < 1.0 && noise > least_distance(&FORMS[a], &FORMS[a]));
        memset(&tapped, 0, sizeof tapped);
        tapped.frames = (int)(tap->written / HF_FRAME);
        CHECK(tapped.frames == LISTENED);
        memcpy(tapped.heard, tap->map + HF_TAP_HEADER, sizeof tapped.heard);
        measure(&tapped, 500, &level, &noise);
        CHECK(fabs(level - sent_level(8000)) < 1.0 && noise > least_distance(&FORMS[a], &FORMS[a]));
        close_end(engine, &end);
        test_frame(engine);
        test_free_retired(engine);
        hf_engine_free(engine);
    }
}

/* From a far end to another and no further: two buffers of 40 ms, and what the frames take. Who
 * is heard by a modem has a steady delay of 100 ms. */
static void a_sound_is_soon_at_the_other_end(void)
{
    int b, n, at;
    for (b = 0; b < FORMS_COUNT; b++) {
        hf_engine *engine = hf_engine_new(0, 20);
        static far_end left, right;
        hf_room *room = hf_room_new(9, HF_MEMBERS);
        open_end(engine, &left, &FORMS[0], 1);
        open_end(engine, &right, &FORMS[b], 2);
        test_command(engine, HF_JOIN, left.port, room);
        test_command(engine, HF_JOIN, right.port, room);
        for (n = 0; n < LISTENED; n++) {
            say(&left, 1000, n == 30 ? 12000 : 0);
            say(&right, 1000, 0);
            test_frame(engine);
            listen_to(&left);
            listen_to(&right);
        }
        for (at = 20 * HF_FRAME; at < right.frames * HF_FRAME && abs(right.heard[at]) < 3000;)
            at++;
        /* ms from the first sample said to the first heard; frames that were not sent count */
        n = at / 8 + (LISTENED - right.frames) * 20 - 30 * 20;
        CHECK(n >= 0 && n <= (FORMS[b].law == HF_S16 ? 100 : 60));
        close_end(engine, &left);
        close_end(engine, &right);
        test_command(engine, HF_END_ROOM, NULL, room);
        test_frame(engine);
        test_free_retired(engine);
        hf_engine_free(engine);
    }
}

void test_pairs(void)
{
    CHECK(hf_opus_load() == 0);
    if (hf_opus_load() < 0)
        return;
    tones_cross_every_pair();
    three_talk_across_opus_and_encryption();
    files_and_taps_meet_every_codec();
    a_sound_is_soon_at_the_other_end();
}
