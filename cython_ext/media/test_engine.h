/* Small frame of the engine's tests: a check that fails tells where, and the run goes on. */
#ifndef HF_TEST_ENGINE_H
#define HF_TEST_ENGINE_H

#include <stdint.h>
#include <stdio.h>

#include "engine.h"

extern int checks, failures;

#define CHECK(condition)                                                                  \
    do {                                                                                  \
        checks++;                                                                         \
        if (!(condition)) {                                                               \
            failures++;                                                                   \
            fprintf(stderr, "%s:%d: %s: not so: %s\n", __FILE__, __LINE__, __func__,      \
                    #condition);                                                          \
        }                                                                                 \
    } while (0)

uint32_t test_random(void); /* the same numbers in every run */
void test_seed(uint32_t seed); /* not 0; every group begins with one of its own */

/* test_peers.c */
typedef struct {
    int fd, port;
    uint16_t sequence;
    uint32_t timestamp;
} peer;

peer peer_open(void);
void peer_send(peer *from, int to, int type, uint32_t ssrc, const uint8_t *payload,
                      int length);
int peer_receive(peer *at, uint8_t *last, int *size);
void test_command(hf_engine *engine, enum hf_op op, void *subject, void *object);
hf_port *test_port(hf_engine *engine, uint64_t id, int law, const peer *to, int *bound);
void test_frame(hf_engine *engine);
int test_events(hf_engine *engine, enum hf_event_kind kind, hf_event *last);
int test_free_retired(hf_engine *engine);

void test_codecs(void);  /* test_codecs.c: G.711, WAV header, mixing, players */
void test_network(void); /* test_network.c: RTP, jitter, keys as events */
void test_signals(void); /* test_signals.c: DTMF limits, speech */
void test_bridge(void);  /* test_engine.c: ports on real sockets */
void test_levels(void);  /* test_levels.c: automatic level, who speaks */
void test_consent(void); /* test_consent.c: the tone of a recording, a disk that is full or slow */
void test_rooms(void);   /* test_rooms.c: who hears whom, without clicks */
void test_chain(void);   /* test_chain.c: links of a recording, a full disk */
void test_vectors(void); /* test_vectors.c: AES-GCM as RFC 7714 has it */
void test_ice(void);     /* test_ice.c: STUN vectors, checks, nomination */
void test_dtls(void);    /* test_dtls.c: handshakes, loss, wrong certificates */
void test_transports(void); /* test_transports.c: ports with ICE and DTLS, and their thread */
int test_check(uint8_t out[256], const char *username, const char *password, uint32_t priority,
               int flags);
void test_fsk(void);     /* test_fsk.c: caller identity */
void test_long(void);    /* test_long.c: a day of drift, loss, order */
void test_hour(void);    /* test_day.c: a conversation with all of it at once */
void test_day(void);     /* the same for 24 hours, only when asked for */
void test_srtp(void);    /* test_srtp.c: keys, sealing, replay */
void test_reports(void); /* test_reports.c: RTCP */
void test_copies(void);  /* test_copies.c: packets for a capture */
void test_playing(void); /* test_playing.c: prompts below who barges in */
void test_opus(void);    /* test_opus.c: Opus to every other codec and back */
void test_steering(void); /* test_steering.c: players moved, at other speeds, in step; wide taps */
void test_wide(void);    /* test_wide.c: taps of 16 kHz of legs that have them */
void test_bands(void);   /* test_bands.c: the filter between 8 and 16 kHz */
void test_clicks(void);  /* test_clicks.c: codec, hold, transfer, pause without a click */
void test_pairs(void);   /* test_pairs.c: tones through every pair of ports and codecs */
void test_extras(void); /* test_extras.c: room that is given when it is needed */
void test_passing(void); /* test_passing.c: payload that passes as it came */

#endif
