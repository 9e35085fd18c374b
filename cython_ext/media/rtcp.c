#include "rtcp.h"

#include <stdio.h>
#include <string.h>

#define SENDER_REPORT 200
#define RECEIVER_REPORT 201
#define DESCRIPTION 202
#define GOODBYE 203
#define CNAME 1
#define HEADER 8
#define SENDER_INFO 20
#define BLOCK 24
#define MOST_DROPOUT 3000  /* RFC 3550 A.1 */
#define MOST_MISORDER 100
#define INTERVAL 250       /* frames: 5 s, RFC 3550 6.2 */
#define SECOND 1000000000LL
#define NTP_EPOCH 2208988800ULL /* seconds from 1900 to 1970 */
#define LONGEST_HELD (3600 * SECOND)
#define LONGEST_ROUND_TRIP_US 10000000u

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

/* NTP time: seconds in the upper half, fractions in the lower. */
static uint64_t ntp(int64_t wall)
{
    uint64_t seconds = (uint64_t)(wall / SECOND) + NTP_EPOCH;
    uint64_t fraction = ((uint64_t)(wall % SECOND) << 32) / (uint64_t)SECOND;
    return seconds << 32 | fraction;
}

static uint32_t middle(int64_t wall)
{
    return (uint32_t)(ntp(wall) >> 16);
}

/* RFC 3550 6.3.1: half to one and a half intervals, so that reports do not meet. */
static int next_wait(hf_rtcp *rtcp)
{
    rtcp->random ^= rtcp->random << 13;
    rtcp->random ^= rtcp->random >> 17;
    rtcp->random ^= rtcp->random << 5;
    return INTERVAL / 2 + (int)(rtcp->random % INTERVAL);
}

void hf_rtcp_reset(hf_rtcp *rtcp, uint64_t name, uint32_t seed)
{
    memset(rtcp, 0, sizeof *rtcp);
    rtcp->name = name;
    rtcp->random = seed ? seed : 1;
    rtcp->wait = next_wait(rtcp) / 2; /* the first comes early */
}

void hf_rtcp_new_source(hf_rtcp *rtcp)
{
    rtcp->started = rtcp->has_jump = 0;
    rtcp->peer_report_at = 0;
}

static void begin(hf_rtcp *rtcp, uint16_t sequence)
{
    rtcp->started = 1;
    rtcp->highest = sequence;
    rtcp->base = sequence;
    rtcp->cycles = rtcp->received = rtcp->expected_before = rtcp->received_before = 0;
    rtcp->transit = rtcp->jitter = 0;
    rtcp->has_jump = 0;
}

static void follow(hf_rtcp *rtcp, uint16_t sequence)
{
    uint16_t ahead = (uint16_t)(sequence - rtcp->highest);
    if (ahead < MOST_DROPOUT) {
        if (sequence < rtcp->highest)
            rtcp->cycles += 65536;
        rtcp->highest = sequence;
    } else if (ahead < 65536 - MOST_MISORDER) {
        /* Two in a row far away: the sender numbers anew. */
        if (rtcp->has_jump && sequence == rtcp->jumped_to)
            begin(rtcp, sequence);
        rtcp->jumped_to = (uint16_t)(sequence + 1);
        rtcp->has_jump = 1;
    }
}

void hf_rtcp_counted(hf_rtcp *rtcp, uint16_t sequence)
{
    if (!rtcp->started)
        begin(rtcp, sequence);
    else
        follow(rtcp, sequence);
    rtcp->received++;
}

void hf_rtcp_heard(hf_rtcp *rtcp, uint16_t sequence, uint32_t timestamp, int64_t wall,
                   int clock)
{
    /* Only differences count, so that the upper bits may be lost. */
    uint32_t transit = (uint32_t)(wall / 1000 * clock / 125) - timestamp;
    int32_t change;
    hf_rtcp_counted(rtcp, sequence);
    change = (int32_t)(transit - rtcp->transit);
    if (rtcp->received > 1 && change < 80000 * clock && change > -80000 * clock) {
        uint32_t size = (uint32_t)(change < 0 ? -change : change);
        rtcp->jitter += size - ((rtcp->jitter + 8) >> 4); /* A.8 */
    }
    rtcp->transit = transit;
}

void hf_rtcp_sent(hf_rtcp *rtcp, int octets)
{
    rtcp->packets++;
    rtcp->octets += (uint32_t)octets;
}

int hf_rtcp_due(hf_rtcp *rtcp)
{
    if (--rtcp->wait > 0)
        return 0;
    rtcp->wait = next_wait(rtcp);
    return 1;
}

uint32_t hf_rtcp_expected(const hf_rtcp *rtcp)
{
    return rtcp->started ? rtcp->cycles + rtcp->highest - rtcp->base + 1 : 0;
}

int32_t hf_rtcp_lost(const hf_rtcp *rtcp)
{
    return (int32_t)(hf_rtcp_expected(rtcp) - rtcp->received);
}

static int put_block(hf_rtcp *rtcp, uint8_t *at, uint32_t peer_ssrc, int64_t wall)
{
    uint32_t expected = hf_rtcp_expected(rtcp);
    uint32_t in_interval = expected - rtcp->expected_before;
    int32_t lost_now = (int32_t)(in_interval - (rtcp->received - rtcp->received_before));
    int32_t lost = hf_rtcp_lost(rtcp);
    uint32_t fraction = 0;
    int64_t held;
    if (in_interval && lost_now > 0)
        fraction = ((uint32_t)lost_now << 8) / in_interval;
    lost = lost > 0x7fffff ? 0x7fffff : lost < -0x800000 ? -0x800000 : lost;
    put32(at, peer_ssrc);
    put32(at + 4, (fraction > 255 ? 255 : fraction) << 24 | ((uint32_t)lost & 0xffffff));
    put32(at + 8, rtcp->cycles + rtcp->highest);
    put32(at + 12, rtcp->jitter >> 4);
    /* A clock that was set meanwhile, or a report of yesterday, tells nothing. */
    held = rtcp->peer_report_at ? wall - rtcp->peer_report_at : -1;
    put32(at + 16, held >= 0 && held < LONGEST_HELD ? rtcp->peer_report : 0);
    put32(at + 20, held >= 0 && held < LONGEST_HELD ? (uint32_t)(held * 65536 / SECOND) : 0);
    rtcp->expected_before = expected;
    rtcp->received_before = rtcp->received;
    return BLOCK;
}

static void put_head(uint8_t *at, int count, int type, int octets, uint32_t ssrc)
{
    at[0] = (uint8_t)(0x80 | count);
    at[1] = (uint8_t)type;
    at[2] = (uint8_t)((octets / 4 - 1) >> 8);
    at[3] = (uint8_t)(octets / 4 - 1);
    put32(at + 4, ssrc);
}

static int put_name(const hf_rtcp *rtcp, uint8_t *at, uint32_t ssrc)
{
    char name[17];
    snprintf(name, sizeof name, "%016llx", (unsigned long long)rtcp->name);
    put_head(at, 1, DESCRIPTION, 28, ssrc);
    memset(at + HEADER, 0, 20); /* at least one zero octet ends the list */
    at[8] = CNAME;
    at[9] = 16;
    memcpy(at + 10, name, 16);
    return 28;
}

int hf_rtcp_build(hf_rtcp *rtcp, uint8_t out[HF_RTCP_LARGEST], uint32_t ssrc, uint32_t timestamp,
                  uint32_t peer_ssrc, int64_t wall, int bye)
{
    int size = HEADER, sender = rtcp->packets != rtcp->packets_before;
    uint64_t now = ntp(wall);
    if (sender) {
        put32(out + 8, (uint32_t)(now >> 32));
        put32(out + 12, (uint32_t)now);
        put32(out + 16, timestamp);
        put32(out + 20, rtcp->packets);
        put32(out + 24, rtcp->octets);
        size += SENDER_INFO;
    }
    if (rtcp->started)
        size += put_block(rtcp, out + size, peer_ssrc, wall);
    put_head(out, rtcp->started, sender ? SENDER_REPORT : RECEIVER_REPORT, size, ssrc);
    size += put_name(rtcp, out + size, ssrc);
    if (bye) {
        put_head(out + size, 1, GOODBYE, HEADER, ssrc);
        size += HEADER;
    }
    rtcp->packets_before = rtcp->packets;
    rtcp->reports_out++;
    return size;
}

/* What a report says of our stream; the round trip after RFC 3550 6.4.1. */
static void take_block(hf_rtcp *rtcp, const uint8_t *at, int64_t wall)
{
    uint32_t last = get32(at + 16), held = get32(at + 20), now = middle(wall);
    rtcp->far_lost = get32(at + 4) & 0x7fffff;
    if (get32(at + 4) & 0x800000)
        rtcp->far_lost = 0; /* duplicates made it negative */
    rtcp->far_jitter = get32(at + 12);
    rtcp->has_far = 1;
    if (last) {
        uint32_t spent = now - last - held;
        uint64_t us = (uint64_t)spent * 1000000u >> 16;
        if (us <= LONGEST_ROUND_TRIP_US) {
            rtcp->round_trip_us = (uint32_t)us;
            rtcp->has_round_trip = 1;
        }
    }
}

static void take(hf_rtcp *rtcp, const uint8_t *data, int octets, uint32_t ssrc, int64_t wall)
{
    int type = data[1], count = data[0] & 0x1f, i;
    int at = HEADER + (type == SENDER_REPORT ? SENDER_INFO : 0);
    if (type == GOODBYE)
        rtcp->bye = 1;
    if (type != SENDER_REPORT && type != RECEIVER_REPORT)
        return;
    if (type == SENDER_REPORT) {
        rtcp->peer_report = get32(data + 10);
        rtcp->peer_report_at = wall;
    }
    for (i = 0; i < count && at + BLOCK <= octets; i++, at += BLOCK)
        if (get32(data + at) == ssrc)
            take_block(rtcp, data + at, wall);
}

/* Whether one packet of a compound has the length that its kind needs. */
static int is_whole(const uint8_t *data, int octets)
{
    int count = data[0] & 0x1f;
    switch (data[1]) {
    case SENDER_REPORT:
        return octets >= HEADER + SENDER_INFO + count * BLOCK;
    case RECEIVER_REPORT:
        return octets >= HEADER + count * BLOCK;
    case GOODBYE:
        return octets >= 4 + count * 4;
    default:
        return 1;
    }
}

/* The lengths must add up before anything is believed (RFC 3550 A.2). */
static int is_sound(const uint8_t *data, int size)
{
    int at = 0;
    if (size < HEADER || data[1] < SENDER_REPORT || data[1] > 207)
        return 0;
    while (at < size) {
        int octets;
        if (size - at < 4 || (data[at] & 0xc0) != 0x80)
            return 0;
        octets = 4 * ((data[at + 2] << 8 | data[at + 3]) + 1);
        if (octets > size - at || !is_whole(data + at, octets))
            return 0;
        if ((data[at] & 0x20) && at + octets != size)
            return 0; /* padding belongs to the last */
        at += octets;
    }
    return 1;
}

int hf_rtcp_read(hf_rtcp *rtcp, const uint8_t *data, int size, uint32_t ssrc, int64_t wall)
{
    int at = 0;
    if (!is_sound(data, size)) {
        rtcp->bad++;
        return -1;
    }
    while (at < size) {
        int octets = 4 * ((data[at + 2] << 8 | data[at + 3]) + 1);
        take(rtcp, data + at, octets, ssrc, wall);
        at += octets;
    }
    rtcp->reports_in++;
    return 0;
}
