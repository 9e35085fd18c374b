/* RTCP: what is reported of a stream and what the far end reports of ours (RFC 3550 6). No
 * input or output here: packets in, packets out, times as arguments. */
#ifndef HF_RTCP_H
#define HF_RTCP_H

#include <stdint.h>

#define HF_RTCP_LARGEST 128 /* octets of a compound packet of ours */

typedef struct {
    /* of the stream that we receive, RFC 3550 A.1 and A.3 */
    int started;
    uint16_t highest, jumped_to;
    int has_jump;
    uint32_t cycles, base, received, expected_before, received_before;
    uint32_t transit, jitter; /* jitter in 1/16 of a sample */
    uint32_t peer_report;     /* middle of the NTP time in the last sender report */
    int64_t peer_report_at;   /* when it came; ns of the wall clock, 0: never */
    /* of the stream that we send */
    uint32_t packets, octets, packets_before;
    /* what the far end says of ours */
    uint32_t far_jitter, round_trip_us, far_lost;
    int has_far, has_round_trip, bye;
    /* when to report next */
    int wait; /* frames */
    uint32_t random;
    uint64_t name;
    uint64_t reports_in, reports_out, bad;
} hf_rtcp;

/* ``name`` becomes the CNAME (RFC 7022: random), ``seed`` spreads the reports. */
void hf_rtcp_reset(hf_rtcp *rtcp, uint64_t name, uint32_t seed);
/* Another source: begins the figures of what we receive anew. */
void hf_rtcp_new_source(hf_rtcp *rtcp);
/* A packet of the stream came; ``wall`` in ns, timestamps count ``clock`` times 8 kHz. */
void hf_rtcp_heard(hf_rtcp *rtcp, uint16_t sequence, uint32_t timestamp, int64_t wall,
                   int clock);
/* The same for a packet whose timestamp says nothing of its sending (a key's). */
void hf_rtcp_counted(hf_rtcp *rtcp, uint16_t sequence);
void hf_rtcp_sent(hf_rtcp *rtcp, int octets);
/* Once a frame: 1 when a report is due. */
int hf_rtcp_due(hf_rtcp *rtcp);
/* A compound packet: sender or receiver report, CNAME, perhaps a goodbye. */
int hf_rtcp_build(hf_rtcp *rtcp, uint8_t out[HF_RTCP_LARGEST], uint32_t ssrc, uint32_t timestamp,
                  uint32_t peer_ssrc, int64_t wall, int bye);
/* Reads a compound packet; -1 and counted when it is malformed. */
int hf_rtcp_read(hf_rtcp *rtcp, const uint8_t *data, int size, uint32_t ssrc, int64_t wall);
/* Packets that should have come, and how many of them did not. */
uint32_t hf_rtcp_expected(const hf_rtcp *rtcp);
int32_t hf_rtcp_lost(const hf_rtcp *rtcp);

#endif
