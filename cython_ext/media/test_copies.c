#include "test_engine.h"

#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    uint32_t length;
    uint16_t flags, port;
    int64_t wall;
    uint8_t address[16];
    uint8_t data[2048];
} copy;

static uint64_t counted(const hf_tap *copies, int at)
{
    uint64_t found;
    memcpy(&found, copies->map + at, sizeof found);
    return found;
}

/* The next copy, as a reader in another process takes it; 0 when there is none. */
static int take(hf_tap *copies, copy *out)
{
    uint64_t read = counted(copies, 24), whole;
    uint8_t *ring = copies->map + HF_TAP_HEADER;
    size_t i, size = HF_TAP_SAMPLES * 2;
    if (read == counted(copies, 16))
        return 0;
    for (i = 0; i < 32; i++)
        ((uint8_t *)out)[i] = ring[(read + i) % size];
    for (i = 0; i < out->length; i++)
        out->data[i] = ring[(read + 32 + i) % size];
    whole = (32 + out->length + 7) & ~7ull;
    read += whole;
    memcpy(copies->map + 24, &read, sizeof read);
    return 1;
}

/* What passes is copied in both directions, and still passes as it came. */
static void packets_are_copied_and_pass_untouched(void)
{
    hf_engine *engine = hf_engine_new(0, 20);
    peer a = peer_open(), b = peer_open();
    int at_a, at_b, i, size = 0, seen[2] = {0};
    hf_port *left = test_port(engine, 1, HF_ALAW, &a, &at_a);
    hf_port *right = test_port(engine, 2, HF_ALAW, &b, &at_b);
    hf_room *room = hf_room_new(3, HF_MEMBERS);
    hf_tap *copies = hf_copies_new(1);
    hf_command open = {.op = HF_OPEN_TAP, .subject = left, .object = copies, .flag = 1};
    hf_command end = {.op = HF_CLOSE_TAP, .subject = left, .flag = 1};
    uint8_t coded[160], packet[2048] = {0};
    uint16_t expected = 0;
    copy found = {0};
    memset(coded, 0x55, sizeof coded);
    test_command(engine, HF_JOIN, left, room);
    test_command(engine, HF_JOIN, right, room);
    CHECK(hf_command_push(engine, &open) == 0);
    for (i = 0; i < 40; i++) {
        peer_send(&a, at_a, 8, 111, coded, 160);
        peer_send(&b, at_b, 8, 222, coded, 160);
        test_frame(engine);
        peer_receive(&b, packet, &size);
    }
    CHECK(left->raw_length == 160 && !left->decoded);
    while (take(copies, &found)) {
        seen[found.flags & HF_COPY_OUT]++;
        CHECK(!(found.flags & HF_COPY_REPORT) && found.length == 172 && found.port == a.port);
        CHECK(found.wall > 1600000000ll * 1000000000 && found.address[0] == 127);
        if (found.flags & HF_COPY_OUT)
            continue;
        CHECK((uint16_t)(found.data[2] << 8 | found.data[3]) == expected++);
    }
    CHECK(seen[0] == 40 && seen[1] >= 38 && counted(copies, 32) == 0);
    CHECK(hf_command_push(engine, &end) == 0);
    peer_send(&a, at_a, 8, 111, coded, 160);
    test_frame(engine);
    CHECK(!take(copies, &found) && copies->map[12] == 1 && !left->copies);
    test_command(engine, HF_CLOSE_PORT, left, NULL);
    test_command(engine, HF_CLOSE_PORT, right, NULL);
    test_command(engine, HF_END_ROOM, NULL, room);
    test_frame(engine);
    CHECK(test_free_retired(engine) == 4);
    close(a.fd);
    close(b.fd);
    hf_engine_free(engine);
}

/* A reader that does not read, or writes nonsense, loses packets and nothing else. */
static void slow_reader_loses_and_is_told(void)
{
    hf_tap *copies = hf_copies_new(1);
    hf_endpoint far;
    socklen_t length;
    uint8_t data[172] = {0x80};
    uint64_t lost, nonsense = ~0ull / 2;
    copy found = {0};
    int i, kept = 0;
    CHECK(hf_address("2001:db8::9", 4000, &far, &length) == 0);
    for (i = 0; i < 2000; i++) {
        data[3] = (uint8_t)i;
        hf_copies_put(copies, HF_COPY_IN, 1, &far, data, sizeof data);
    }
    lost = counted(copies, 32);
    CHECK(lost > 1000 && lost < 2000);
    while (take(copies, &found)) {
        CHECK(found.data[3] == (uint8_t)kept && found.flags == 4 && found.port == 4000);
        CHECK(found.address[0] == 0x20 && found.address[15] == 9);
        kept++;
    }
    CHECK((uint64_t)kept + lost == 2000);
    for (i = 0; i < 3000; i++) { /* around the ring, many times */
        hf_copies_put(copies, HF_COPY_OUT, 1, &far, data, 12 + i % 160);
        CHECK(take(copies, &found) && found.length == (uint32_t)(12 + i % 160));
    }
    memcpy(copies->map + 24, &nonsense, sizeof nonsense);
    hf_copies_put(copies, HF_COPY_IN, 1, &far, data, sizeof data);
    CHECK(counted(copies, 32) == lost + 1);
    hf_object_free(&copies->head);
}

void test_copies(void)
{
    packets_are_copied_and_pass_untouched();
    slow_reader_loses_and_is_told();
}
