/* Small frame of the engine's tests: a check that fails tells where, and the run goes on. */
#ifndef HF_TEST_ENGINE_H
#define HF_TEST_ENGINE_H

#include <stdint.h>
#include <stdio.h>

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

void test_codecs(void);  /* test_codecs.c: G.711, WAV header, mixing, players */
void test_network(void); /* test_network.c: RTP, jitter, keys as events */
void test_signals(void); /* test_signals.c: DTMF limits, speech */
void test_bridge(void);  /* test_engine.c: ports on real sockets */

#endif
