#include "test_engine.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MS 1000000LL
#define START (1700000000LL * 1000 * MS)

static uint32_t word(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void losses_and_jitter_are_those_of_the_stream(void)
{
    hf_rtcp rtcp;
    uint8_t out[HF_RTCP_LARGEST];
    uint32_t i, size;
    hf_rtcp_reset(&rtcp, 0x0123456789abcdefull, 9);
    for (i = 0; i < 1000; i++) /* begins below the wrap; every tenth is lost; 4 ms forth and back */
        if (i % 10 != 5)
            hf_rtcp_heard(&rtcp, (uint16_t)(65000 + i), 4294960000u + 160 * i,
                          START + i * 20 * MS + (i % 2) * 4 * MS, 1);
    CHECK(hf_rtcp_expected(&rtcp) == 1000 && hf_rtcp_lost(&rtcp) == 100);
    /* 32 samples of difference nine times in ten (RFC 3550 A.8). */
    CHECK(rtcp.jitter >> 4 > 24 && rtcp.jitter >> 4 <= 32);
    size = (uint32_t)hf_rtcp_build(&rtcp, out, 11, 12, 13, START, 0);
    CHECK(out[0] == 0x81 && out[1] == 201 && size == 32 + 28);
    CHECK(word(out + 4) == 11 && word(out + 8) == 13);
    CHECK(word(out + 12) == (25u << 24 | 100)); /* 25/256 is nearly a tenth */
    CHECK(word(out + 16) == 65536 + (uint16_t)(65000 + 999));
    CHECK(out[32 + 1] == 202 && memcmp(out + 32 + 10, "0123456789abcdef", 16) == 0);
    hf_rtcp_build(&rtcp, out, 11, 12, 13, START, 1);
    CHECK(word(out + 12) >> 24 == 0 && out[60 + 1] == 203); /* nothing lost since */
    for (i = 0; i < 3; i++) /* a far number counts when it goes on */
        hf_rtcp_heard(&rtcp, (uint16_t)(30000 + i), 0, START, 1);
    CHECK(hf_rtcp_expected(&rtcp) == 2 && hf_rtcp_lost(&rtcp) == 0);
}

static void round_trip_comes_from_reports_of_both_sides(void)
{
    hf_rtcp here, there;
    uint8_t out[HF_RTCP_LARGEST];
    int size;
    hf_rtcp_reset(&here, 1, 1);
    hf_rtcp_reset(&there, 2, 2);
    hf_rtcp_sent(&here, 160);
    hf_rtcp_heard(&there, 1, 160, START, 1);
    size = hf_rtcp_build(&here, out, 5, 0, 6, START, 0);
    CHECK(out[1] == 200 && word(out + 20) == 1 && word(out + 24) == 160);
    CHECK(hf_rtcp_read(&there, out, size, 6, START + 30 * MS) == 0);
    size = hf_rtcp_build(&there, out, 6, 0, 5, START + 1030 * MS, 0);
    CHECK(hf_rtcp_read(&here, out, size, 5, START + 1070 * MS) == 0);
    CHECK(here.has_round_trip && here.round_trip_us > 69000 && here.round_trip_us < 71000);
    CHECK(here.has_far && here.reports_in == 1 && !there.has_far);
    CHECK(hf_rtcp_read(&there, out, size, 6, START) == 0 && !there.has_far); /* about another */
}

static void malformed_reports_are_counted(void)
{
    hf_rtcp from, to;
    uint8_t sound[HF_RTCP_LARGEST], data[HF_RTCP_LARGEST];
    int i, n, size;
    hf_rtcp_reset(&from, 1, 1);
    hf_rtcp_reset(&to, 1, 1);
    hf_rtcp_sent(&from, 160);
    hf_rtcp_heard(&from, 1, 160, START, 1);
    size = hf_rtcp_build(&from, sound, 5, 0, 6, START, 1);
    for (n = 0; n < size; n++)
        if (n != 52 && n != 80) /* where a packet of the compound ends */
            CHECK(hf_rtcp_read(&to, sound, n, 5, START) < 0);
    CHECK(to.bad == (uint64_t)(size - 2) && to.reports_in == 0);
    for (i = 0; i < 20000; i++) {
        memcpy(data, sound, sizeof data);
        for (n = 0; n < 3; n++)
            data[test_random() % (uint32_t)size] = (uint8_t)test_random();
        hf_rtcp_read(&to, data, (int)(test_random() % (uint32_t)(size + 1)), 5, START);
    }
    CHECK(to.bad + to.reports_in == (uint64_t)(size - 2 + 20000));
    data[0] = 0x80;
    data[1] = 200;
    data[2] = 0xff;
    data[3] = 0xff;
    CHECK(hf_rtcp_read(&to, data, 64, 5, START) < 0);
}

static void reports_come_every_five_seconds_or_so(void)
{
    hf_rtcp rtcp;
    int frame, due = 0, last = 0, shortest = 1000, longest = 0;
    hf_rtcp_reset(&rtcp, 1, 77);
    for (frame = 0; frame < 250 * 1000; frame++) {
        if (!hf_rtcp_due(&rtcp))
            continue;
        if (due++) {
            shortest = frame - last < shortest ? frame - last : shortest;
            longest = frame - last > longest ? frame - last : longest;
        }
        last = frame;
    }
    CHECK(due > 950 && due < 1050 && shortest >= 125 && longest < 375);
}

/* A port with a socket for reports, and one that shares; goodbye at the end. */
static void ports_send_and_read_reports(int mux)
{
    hf_engine *engine = hf_engine_new(0, 20);
    peer a = peer_open(), b = {.fd = -1};
    hf_command again = {.op = HF_CONNECT};
    uint8_t packet[2048], quiet[160], report[HF_RTCP_LARGEST];
    int at, i, size = 0, reports = 0;
    hf_port *port;
    hf_rtcp far;
    ssize_t got;
    hf_endpoint to;
    socklen_t length;
    while (!mux && (b.fd = hf_rtp_bind("127.0.0.1", a.port + 1, &b.port)) < 0) {
        close(a.fd); /* the port beside is somebody else's */
        a = peer_open();
    }
    port = test_port(engine, 1, HF_ALAW, &a, &at);
    memset(quiet, 0xd5, sizeof quiet);
    hf_rtcp_reset(&far, 7, 7);
    test_frame(engine);
    again.subject = port;
    again.stream = port->stream;
    again.stream.rtcp_mux = mux;
    again.stream.rtcp_fd = mux ? -1 : hf_reports_open(port);
    CHECK(mux || again.stream.rtcp_fd >= 0);
    CHECK(hf_command_push(engine, &again) == 0);
    hf_address("127.0.0.1", mux ? at : at + 1, &to, &length);
    for (i = 0; i < 1000; i++) {
        engine->wall = START + i * 20 * MS;
        peer_send(&a, at, 8, 111, quiet, 160);
        if (i == 990)
            test_command(engine, HF_CLOSE_PORT, port, NULL);
        if (i == 100) {
            hf_rtcp_sent(&far, 160);
            hf_rtcp_heard(&far, 1, 1, engine->wall, 1);
            size = hf_rtcp_build(&far, report, 111, 0, port->ssrc, engine->wall, 0);
            CHECK(sendto(a.fd, report, (size_t)size, 0, (struct sockaddr *)&to, length) == size);
            CHECK(sendto(a.fd, "\x80\xc8zzzzzzz", 9, 0, (struct sockaddr *)&to, length) == 9);
        }
        test_frame(engine);
        while ((got = recv(mux ? a.fd : b.fd, packet, sizeof packet, MSG_DONTWAIT)) > 0)
            if (packet[1] >= 200 && packet[1] <= 207) {
                CHECK(hf_rtcp_read(&far, packet, (int)got, 111, engine->wall) == 0);
                reports++;
            }
        if (!mux)
            peer_receive(&a, packet, &size);
    }
    CHECK(reports >= 3 && far.bye && far.has_far && far.far_lost == 0);
    CHECK(port->rtcp.reports_in == 1 && port->rtcp.bad == 1 && port->rtcp.has_far);
    CHECK(port->counts.bad == 0);
    CHECK(test_free_retired(engine) == 1);
    close(a.fd);
    if (!mux)
        close(b.fd);
    hf_engine_free(engine);
}

void test_reports(void)
{
    losses_and_jitter_are_those_of_the_stream();
    round_trip_comes_from_reports_of_both_sides();
    malformed_reports_are_counted();
    reports_come_every_five_seconds_or_so();
    ports_send_and_read_reports(0);
    ports_send_and_read_reports(1);
}
