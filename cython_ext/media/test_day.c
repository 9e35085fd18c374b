#include "test_engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A conversation of a day through the whole engine: two telephones whose clocks drift apart, a
 * network that loses, swaps and stalls, and every clock a number. What arrives is checked frame
 * by frame, its sound in samples, its delay by marks. */

#define RATE 8000
#define FRAME_US 20000LL
#define HOUR (3600L * 50)
#define CYCLE 5           /* packets after which a tone of a multiple of 10 Hz is as it was */
#define MARK_EVERY 3000   /* packets; a mark is three packets of another tone */
#define MARK_HZ 1900
#define WATCHED 5         /* frames of sound that are measured together */
#define WATCH_EVERY 305   /* frames: seldom together with a mark */
#define MARKS (24 * 60 + 10)

typedef struct {
    int law, type, hz, ppm; /* above 0: a slow clock */
    uint16_t first;
    peer far;
    int at;
    hf_port *port;
    uint8_t said[CYCLE][HF_FRAME], mark[CYCLE][HF_FRAME];
    /* its network */
    long long number, arrival, stalled_until, sent, gone, held_back;
    long marked;            /* frame in which the last mark was sent; -1: it was heard */
    /* what it hears */
    uint16_t sequence;
    uint32_t timestamp;
    int wraps, stamp_wraps, broken, missing, reports, delays, late_marks, windows, clean, faint;
    int delay[MARKS], most_waiting;
    int16_t heard[WATCHED * HF_FRAME];
    uint32_t told_packets, told_highest, told_lost;
} telephone;

static void code_tone(telephone *who, int hz, uint8_t out[CYCLE][HF_FRAME])
{
    int16_t samples[HF_FRAME];
    int cycle, n;
    for (cycle = 0; cycle < CYCLE; cycle++) {
        for (n = 0; n < HF_FRAME; n++)
            samples[n] = (int16_t)lrint(8000 * sin(2 * M_PI * hz * (cycle * HF_FRAME + n) / RATE));
        hf_g711_encode(who->law, samples, HF_FRAME, out[cycle]);
    }
}

static void begin(hf_engine *engine, telephone *who, uint64_t id)
{
    hf_command again = {.op = HF_CONNECT};
    int off = 0;
    code_tone(who, who->hz, who->said);
    code_tone(who, MARK_HZ, who->mark);
    who->far = peer_open();
    who->port = again.subject = test_port(engine, id, who->law, &who->far, &who->at);
    /* The kernel's clock is no part of this: what comes, comes when the frame begins. */
    CHECK(setsockopt(who->port->fd, SOL_SOCKET, SO_TIMESTAMPNS, &off, sizeof off) == 0);
    again.stream = (hf_stream){.law = who->law, .payload_type = who->type, .rtcp_mux = 1,
                               .key_payload_type = 101, .rtcp_fd = -1, .send = 1, .receive = 1,
                               .packet_samples = HF_FRAME};
    hf_address("127.0.0.1", who->far.port, &again.stream.remote, &again.stream.remote_length);
    CHECK(hf_command_push(engine, &again) == 0);
    hf_address("127.0.0.1", who->at, &again.stream.remote, &again.stream.remote_length);
    CHECK(connect(who->far.fd, (struct sockaddr *)&again.stream.remote,
                  again.stream.remote_length) == 0);
    who->held_back = who->marked = -1;
}

static void send_number(const telephone *who, long long number)
{
    uint8_t packet[12 + HF_FRAME];
    int of_mark = number % MARK_EVERY < 3 && number >= MARK_EVERY;
    hf_rtp_header(packet, who->type, 0, (uint16_t)(who->first + number),
                  0xfff00000u + (uint32_t)number * HF_FRAME, 7);
    memcpy(packet + 12, (of_mark ? who->mark : who->said)[number % CYCLE], HF_FRAME);
    CHECK(send(who->far.fd, packet, sizeof packet, 0) == (ssize_t)sizeof packet);
}

/* What the network brings until now: 5 % are lost, 3 % overtaken, and five times in 10 000
 * nothing comes for 100 ms and then everything. */
static void network(telephone *who, long frame)
{
    for (; who->arrival <= frame * FRAME_US; who->number++) {
        long long due = (who->number + 1) * (FRAME_US * 1000000 + FRAME_US * who->ppm) / 1000000;
        if (who->number % MARK_EVERY == 0 && who->number > 0) {
            who->late_marks += who->marked >= 0;
            who->marked = frame;
        }
        who->sent++;
        if (test_random() % 1000 < 50) {
            who->gone++;
        } else if (who->held_back < 0 && test_random() % 1000 < 30) {
            who->held_back = who->number;
        } else {
            send_number(who, who->number);
        }
        if (who->held_back >= 0 && who->held_back != who->number) {
            send_number(who, who->held_back);
            who->held_back = -1;
        }
        who->arrival = due + test_random() % 8000;
        if (test_random() % 10000 < 5)
            who->stalled_until = due + 5 * FRAME_US;
        if (who->arrival < who->stalled_until)
            who->arrival = who->stalled_until;
    }
}

static uint32_t word(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* A sender report with the block about this telephone's own stream (RFC 3550 6.4.1). */
static void take_report(telephone *who, const uint8_t *packet, int size)
{
    who->reports++;
    if (packet[1] != 200 || size < 52 || (packet[0] & 31) != 1)
        return;
    who->told_packets = word(packet + 20);
    who->told_lost = word(packet + 32) & 0xffffff;
    who->told_highest = word(packet + 36);
}

static double part_of(const int16_t *samples, int count, int hz)
{
    double in = 0, across = 0;
    int i;
    for (i = 0; i < count; i++) {
        in += samples[i] * cos(2 * M_PI * hz * i / RATE);
        across += samples[i] * sin(2 * M_PI * hz * i / RATE);
    }
    return 2 * (in * in + across * across) / count / count;
}

static void take_frame(telephone *who, const telephone *other, const uint8_t *packet, long frame)
{
    int16_t samples[HF_FRAME];
    uint16_t sequence = (uint16_t)(packet[2] << 8 | packet[3]);
    uint32_t stamp = word(packet + 4);
    int place = (int)(frame % WATCH_EVERY);
    if (frame > 0) {
        who->broken += sequence != (uint16_t)(who->sequence + 1) ||
                       stamp != who->timestamp + HF_FRAME;
        who->wraps += sequence < who->sequence;
        who->stamp_wraps += stamp < who->timestamp;
    }
    who->sequence = sequence;
    who->timestamp = stamp;
    if (other->marked < 0 && place >= WATCHED)
        return;
    hf_g711_decode(who->law, packet + 12, HF_FRAME, samples);
    if (place < WATCHED)
        memcpy(who->heard + place * HF_FRAME, samples, sizeof samples);
}

/* Of five frames: the level of the tone, and whether anything else is above 30 dB below it. */
static void measure(telephone *who, const telephone *other)
{
    double power = part_of(who->heard, WATCHED * HF_FRAME, other->hz), all = 0, level;
    int i;
    for (i = 0; i < WATCHED * HF_FRAME; i++)
        all += (double)who->heard[i] * who->heard[i] / (WATCHED * HF_FRAME);
    level = 10 * log10(all / (8000.0 * 8000.0 / 2) + 1e-9);
    who->windows++;
    who->faint += level < -10 || level > 1;
    who->clean += fabs(10 * log10(power / (8000.0 * 8000.0 / 2) + 1e-9)) < 0.5 &&
                  10 * log10(power / (all - power + 1e-9)) > 30;
}

/* One frame of what the engine sends to a telephone, and no more nor less. */
static void listen_to(telephone *who, telephone *other, long frame)
{
    uint8_t packet[2048];
    int16_t samples[HF_FRAME];
    int frames = 0;
    ssize_t size;
    while ((size = recv(who->far.fd, packet, sizeof packet, MSG_DONTWAIT)) > 0) {
        if (packet[1] >= 200 && packet[1] <= 207) {
            take_report(who, packet, (int)size);
            continue;
        }
        frames++;
        who->broken += size != 12 + HF_FRAME || (packet[1] & 0x7f) != who->type;
        take_frame(who, other, packet, frame);
        if (other->marked < 0)
            continue;
        hf_g711_decode(who->law, packet + 12, HF_FRAME, samples);
        if (part_of(samples, HF_FRAME, MARK_HZ) > 4e6 && who->delays < MARKS) {
            who->delay[who->delays++] = (int)(frame - other->marked);
            other->marked = -1;
        }
    }
    who->missing += frames != 1;
    if (frame > WATCH_EVERY && frame % WATCH_EVERY == WATCHED - 1)
        measure(who, other);
    if (who->port->jitter.waiting > who->most_waiting)
        who->most_waiting = who->port->jitter.waiting;
}

static double mean(const int *of, int count)
{
    double sum = 0;
    int i;
    for (i = 0; i < count; i++)
        sum += of[i];
    return count ? sum / count : 0;
}

static void judge(const telephone *who, const telephone *other, long frames)
{
    const hf_port *port = who->port;
    const hf_jitter *jitter = &port->jitter;
    long long came = who->sent - who->gone - (who->held_back >= 0);
    /* 200 ppm of a fast clock are dropped, of a slow one made up; stalls may cost a few */
    double drift = frames * 200e-6, stalls = frames * 5e-4;
    int part = who->delays / 4, i, longest = 0;
    /* what goes out: every frame, numbered without a gap, through all wraps */
    CHECK(who->broken == 0 && who->missing == 0);
    CHECK(who->wraps == (int)((65500 + frames - 1) / 65536) && who->stamp_wraps == 1);
    CHECK(port->counts.packets_out == (uint64_t)frames);
    CHECK(port->rtcp.reports_out == (uint64_t)who->reports);
    CHECK(port->counts.not_sent == 0 && port->counts.bad == 0 && port->counts.foreign == 0);
    CHECK(port->counts.ssrc_changes == 0);
    /* what came in is all there, played or counted */
    CHECK(port->counts.packets_in == (uint64_t)came && jitter->received == (uint64_t)came);
    CHECK(jitter->duplicate == 0 && jitter->resyncs == 0);
    CHECK(fabs((double)jitter->lost - (double)who->gone) < 0.1 * (double)who->gone);
    CHECK((double)jitter->late < 0.01 * (double)came);
    CHECK((double)jitter->dropped < (who->ppm < 0 ? drift : 0) + 5 * stalls + 10);
    CHECK((double)jitter->dropped > (who->ppm < 0 ? 0.9 * drift : -1));
    CHECK(llabs((long long)hf_rtcp_expected(&port->rtcp) - who->sent) < 10);
    CHECK(llabs((long long)hf_rtcp_lost(&port->rtcp) - who->gone) < 10);
    CHECK(port->rtcp.jitter / 16 < 30 * 8);
    /* what the reports told */
    CHECK(who->reports > frames / 50 / 10 && who->told_packets > (uint32_t)(frames - 1000));
    CHECK(llabs((long long)who->told_highest - (who->first + who->sent)) < 1000);
    CHECK(llabs((long long)who->told_lost - who->gone) < 200);
    /* the sound */
    CHECK(who->windows > frames / WATCH_EVERY - 3 && who->faint <= who->windows / 10);
    CHECK(who->clean > who->windows * 55 / 100);
    /* the delay stays what it was */
    CHECK(who->delays + other->late_marks + 1 >= (int)(frames / MARK_EVERY) - 2);
    CHECK(other->late_marks <= who->delays / 50 + 1);
    for (i = 0; i < who->delays; i++)
        longest = who->delay[i] > longest ? who->delay[i] : longest;
    CHECK(longest <= 16 && who->most_waiting <= 12 * HF_FRAME);
    CHECK(fabs(mean(who->delay, part) - mean(who->delay + who->delays - part, part)) < 2);
}

static void tell(const telephone *who)
{
    const hf_jitter *jitter = &who->port->jitter;
    printf("%+d ppm: %lld packets, %lld lost, %llu late, %llu dropped, %llu underruns; "
           "%d of %d windows clean, %d faint; delay %.0f ms, %d wraps, %d reports\n",
           -who->ppm, who->sent, who->gone, (unsigned long long)jitter->late,
           (unsigned long long)jitter->dropped, (unsigned long long)who->port->counts.underruns,
           who->clean, who->windows, who->faint, 20 * mean(who->delay, who->delays), who->wraps,
           who->reports);
}

static void converse(long frames, int aloud)
{
    static telephone left, right;
    hf_engine *engine = hf_engine_new(0, 20);
    hf_room *room = hf_room_new(3, HF_MEMBERS);
    long frame;
    left = (telephone){.law = HF_ALAW, .type = 8, .hz = 1010, .ppm = 200, .first = 65500};
    right = (telephone){.law = HF_ULAW, .type = 0, .hz = 630, .ppm = -200, .first = 65400};
    begin(engine, &left, 1);
    begin(engine, &right, 2);
    left.port->sequence = right.port->sequence = 65500;
    left.port->timestamp = right.port->timestamp = 0xfffff000u;
    test_command(engine, HF_JOIN, left.port, room);
    test_command(engine, HF_JOIN, right.port, room);
    for (frame = 0; frame < frames; frame++) {
        engine->wall += FRAME_US * 1000;
        network(&left, frame);
        network(&right, frame);
        test_frame(engine);
        listen_to(&left, &right, frame);
        listen_to(&right, &left, frame);
    }
    if (aloud) {
        tell(&left);
        tell(&right);
    }
    judge(&left, &right, frames);
    judge(&right, &left, frames);
    test_command(engine, HF_CLOSE_PORT, left.port, NULL);
    test_command(engine, HF_CLOSE_PORT, right.port, NULL);
    test_command(engine, HF_END_ROOM, NULL, room);
    test_frame(engine);
    CHECK(test_free_retired(engine) == 3);
    close(left.far.fd);
    close(right.far.fd);
    hf_engine_free(engine);
}

void test_hour(void)
{
    converse(HOUR, 0);
}

void test_day(void)
{
    converse(24 * HOUR, 1);
}
