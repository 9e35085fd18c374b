#include "test_engine.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int same_chain(const uint8_t *data, size_t size, size_t piece, uint8_t out[32])
{
    hf_chain chain;
    size_t at;
    int ends[2], lines = 0;
    char line;
    CHECK(pipe(ends) == 0);
    hf_chain_begin(&chain);
    for (at = 0; at < size; at += piece)
        CHECK(hf_chain_add(&chain, ends[1], 100, data + at,
                           size - at < piece ? size - at : piece, 0) == 0);
    CHECK(hf_chain_end(&chain, ends[1], 0) == 0);
    close(ends[1]);
    while (read(ends[0], &line, 1) == 1)
        lines += line == '\n';
    close(ends[0]);
    memcpy(out, chain.link, 32);
    return lines;
}

static void links_do_not_depend_on_how_octets_come(void)
{
    uint8_t data[1050], first[32], other[32];
    size_t i;
    for (i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)test_random();
    CHECK(same_chain(data, sizeof data, 1050, first) == 12);
    for (i = 1; i < 210; i += 13) {
        CHECK(same_chain(data, sizeof data, i, other) == 12);
        CHECK(memcmp(first, other, 32) == 0);
    }
    data[3] ^= 1;
    same_chain(data, sizeof data, 7, other);
    CHECK(memcmp(first, other, 32) != 0);
}

/* The disk is full: the recording ends with its cause, the engine goes on. */
static void a_full_disk_ends_the_recording_and_nothing_else(void)
{
    struct timespec moment = {.tv_nsec = 500000000};
    hf_engine *engine = hf_engine_new(0, 20);
    peer a = peer_open();
    int at, bytes;
    hf_port *port = test_port(engine, 1, HF_ALAW, &a, &at);
    hf_recorder *recorder = hf_recorder_new(9, open("/dev/full", O_WRONLY), 1, 0, 0);
    hf_event event = {0};
    uint8_t packet[2048];
    recorder->chain_fd = open("/dev/null", O_WRONLY);
    CHECK(hf_engine_start(engine) == 0);
    test_command(engine, HF_RECORD, port, recorder);
    hf_files_add(engine, recorder);
    nanosleep(&moment, NULL);
    CHECK(hf_event_pop(&engine->file_events, &event) && event.code == HF_DISK_FULL);
    CHECK(peer_receive(&a, packet, &bytes) >= 20);
    hf_engine_stop(engine);
    CHECK(test_free_retired(engine) == 2);
    close(a.fd);
    hf_engine_free(engine);
}

void test_chain(void)
{
    links_do_not_depend_on_how_octets_come();
    a_full_disk_ends_the_recording_and_nothing_else();
}
