#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "test_engine.h"

static void headers_are_read_and_written(void)
{
    uint8_t packet[40] = {0};
    hf_rtp rtp;
    CHECK(hf_rtp_header(packet, 101, 1, 0xfffe, 0x01020304, 0xa0b0c0d0) == 12);
    memcpy(packet + 12, "abc", 3);
    CHECK(hf_rtp_parse(packet, 15, &rtp) == 0);
    CHECK(rtp.payload_type == 101 && rtp.marker == 1 && rtp.sequence == 0xfffe);
    CHECK(rtp.timestamp == 0x01020304 && rtp.ssrc == 0xa0b0c0d0);
    CHECK(rtp.length == 3 && memcmp(rtp.payload, "abc", 3) == 0);
    packet[0] = 0x80 | 0x20 | 0x10 | 1; /* padding, extension, one contributing source */
    packet[16] = packet[17] = packet[18] = 0;
    packet[19] = 1; /* one word of extension */
    packet[30] = 7;
    packet[39] = 5; /* octets of padding */
    CHECK(hf_rtp_parse(packet, 40, &rtp) == 0);
    CHECK(rtp.payload == packet + 24 && rtp.length == 40 - 24 - 5 && rtp.payload[6] == 7);
    packet[19] = 200;
    CHECK(hf_rtp_parse(packet, 40, &rtp) < 0);
    packet[19] = 1;
    packet[39] = 0; /* a packet with padding has at least one octet of it */
    CHECK(hf_rtp_parse(packet, 40, &rtp) < 0);
    packet[0] = 0x40;
    CHECK(hf_rtp_parse(packet, 40, &rtp) < 0);
    CHECK(hf_rtp_parse(packet, 11, &rtp) < 0);
}

/* A buffer of exactly the packet's size lets the sanitizer see any octet read beyond. */
static void garbage_is_refused_or_lies_inside(void)
{
    int round, i;
    for (round = 0; round < 100000; round++) {
        int size = (int)(test_random() % 64);
        uint8_t *data = malloc((size_t)size + !size);
        hf_rtp rtp;
        for (i = 0; i < size; i++)
            data[i] = (uint8_t)test_random();
        if (size && round % 2)
            data[0] = (uint8_t)(0x80 | (data[0] & 0x3f));
        if (hf_rtp_parse(data, size, &rtp) == 0) {
            CHECK(rtp.length >= 0 && rtp.payload >= data &&
                  rtp.payload + rtp.length <= data + size);
        }
        free(data);
    }
}

static void put(hf_jitter *jitter, int sequence)
{
    uint8_t payload[HF_FRAME];
    memset(payload, sequence, sizeof payload);
    hf_jitter_put(jitter, (uint16_t)sequence, payload, sizeof payload, HF_AUDIO);
}

/* The packet that plays now: its sequence number, -1 for lost, -2 for nothing. */
static int play(hf_jitter *jitter)
{
    const uint8_t *payload;
    int length;
    switch (hf_jitter_get(jitter, &payload, &length)) {
    case HF_GOT:
        return payload[0];
    case HF_MISSING:
        return -1;
    default:
        return -2;
    }
}

static void packets_play_in_order(void)
{
    static const int sent[] = {65534, 65535, 1, 0, 2, 2, 4, 5};
    static const int wanted[] = {254, 255, 0, 1, 2, -1, 4, 5, -2};
    hf_jitter jitter = {0};
    size_t i;
    hf_jitter_reset(&jitter);
    CHECK(play(&jitter) == -2);
    for (i = 0; i < sizeof sent / sizeof *sent; i++)
        put(&jitter, sent[i]);
    for (i = 0; i < sizeof wanted / sizeof *wanted; i++)
        CHECK(play(&jitter) == wanted[i]);
    CHECK(jitter.lost == 1 && jitter.duplicate == 1 && jitter.late == 0);
    put(&jitter, 3);
    CHECK(jitter.late == 1);
}

static void buffer_waits_until_it_is_deep_enough(void)
{
    hf_jitter jitter = {0};
    hf_jitter_reset(&jitter);
    put(&jitter, 10);
    CHECK(play(&jitter) == -2);
    put(&jitter, 11);
    CHECK(play(&jitter) == 10 && play(&jitter) == 11 && play(&jitter) == -2);
    CHECK(jitter.target == 3 * HF_FRAME); /* it ran dry: a longer delay next time */
}

static void surplus_is_dropped_and_keys_take_no_time(void)
{
    uint8_t more[HF_MORE_CELLS][HF_CELL];
    hf_jitter jitter = {.more = more};
    int sequence = 0, i;
    hf_jitter_reset(&jitter);
    for (i = 0; i < 8; i++)
        put(&jitter, sequence++);
    for (i = 0; i < 2000; i++) {
        put(&jitter, sequence++);
        play(&jitter);
        hf_jitter_adapt(&jitter);
    }
    CHECK(jitter.waiting <= jitter.target && jitter.lost == 0 && jitter.dropped >= 6);
    hf_jitter_reset(&jitter);
    put(&jitter, 1);
    hf_jitter_put(&jitter, 2, NULL, 0, HF_NO_AUDIO);
    put(&jitter, 3);
    CHECK(play(&jitter) == 1 && play(&jitter) == 3);
}

static void new_numbering_is_believed_when_it_goes_on(void)
{
    hf_jitter jitter = {0};
    int i;
    hf_jitter_reset(&jitter);
    put(&jitter, 1);
    put(&jitter, 2);
    put(&jitter, 9000); /* one odd packet changes nothing */
    CHECK(play(&jitter) == 1 && play(&jitter) == 2);
    put(&jitter, 20000);
    put(&jitter, 20001);
    put(&jitter, 20002);
    CHECK(play(&jitter) == (20001 & 0xff));
    for (i = 0; i < 10; i++)
        put(&jitter, 100 + i); /* the sender began anew behind us */
    CHECK(play(&jitter) == 107);
}

/* Delays between 0 and 60 ms, as a line of +-30 ms has them: the modem hears each packet, in
 * its place, and an outage is a gap of its own length. */
static void steady_buffer_keeps_time(void)
{
    hf_jitter jitter = {0};
    int due[400], frame, i, first = -1;
    hf_jitter_steady(&jitter, 1);
    hf_jitter_reset(&jitter);
    for (i = 0; i < 400; i++)
        due[i] = i + (int)(test_random() % 4) + (i >= 200 && i < 203 ? 40 : 0);
    for (frame = 0; frame < 380; frame++) {
        int heard;
        for (i = 0; i < 400; i++)
            if (due[i] == frame)
                put(&jitter, i);
        heard = play(&jitter);
        hf_jitter_adapt(&jitter);
        if (first < 0 && heard >= 0)
            first = frame - heard;
        if (first >= 0)
            CHECK(heard == ((frame - first) & 0xff) ||
                  (frame - first >= 200 && frame - first < 203 && heard == -1));
    }
    CHECK(first >= 4 && first <= 8);
    CHECK(jitter.slips == 0 && jitter.lost == 3 && jitter.late == 3 && jitter.dropped == 0);
    hf_jitter_steady(&jitter, 0);
    for (i = 0; i < 2000; i++) {
        put(&jitter, i);
        play(&jitter);
    }
}

/* A pause of the sender shifts nothing but itself: what comes then is heard whole. */
static void steady_buffer_begins_anew_after_a_pause(void)
{
    hf_jitter jitter = {0};
    int i, next = 0;
    hf_jitter_steady(&jitter, 1);
    hf_jitter_reset(&jitter);
    for (i = 0; i < 20; i++) {
        put(&jitter, i);
        CHECK(play(&jitter) == (i < 4 ? -2 : next++));
    }
    for (; next < 20; next++)
        CHECK(play(&jitter) == next);
    for (i = 0; i < 30; i++)
        CHECK(play(&jitter) == (i < 5 ? -1 : -2));
    CHECK(jitter.lost == 0 && jitter.slips == 1);
    for (i = 20; i < 40; i++) {
        put(&jitter, i);
        CHECK(play(&jitter) == (i < 24 ? -2 : next++));
    }
    CHECK(jitter.lost == 0 && jitter.late == 0 && jitter.slips == 1);
}

static void any_order_keeps_the_buffer_sound(void)
{
    hf_jitter jitter = {0};
    const uint8_t *payload;
    int round, length;
    hf_jitter_reset(&jitter);
    for (round = 0; round < 200000; round++) {
        int far = test_random() % 50 == 0, size = (int)(test_random() % (HF_PAYLOAD + 20));
        uint8_t data[HF_PAYLOAD + 20];
        uint16_t sequence = (uint16_t)(round / 2 + (int)(test_random() % 24) - 4);
        memset(data, 1, sizeof data);
        if (far)
            sequence = (uint16_t)test_random();
        if (round % 1000 == 0)
            hf_jitter_steady(&jitter, round / 1000 % 2);
        hf_jitter_put(&jitter, sequence, data, size, test_random() % 9 ? HF_AUDIO : HF_NO_AUDIO);
        if (hf_jitter_get(&jitter, &payload, &length) == HF_GOT)
            CHECK(length >= 0 && length <= HF_PAYLOAD);
        hf_jitter_adapt(&jitter);
        CHECK(jitter.waiting >= 0 && jitter.waiting <= HF_SLOTS * HF_PAYLOAD);
    }
}

static int key(hf_keys_in *keys, uint32_t timestamp, const char *octets, hf_key out[3])
{
    return hf_keys_in_packet(keys, timestamp, (const uint8_t *)octets, 4, out);
}

static void key_is_told_once(void)
{
    hf_keys_in keys = {0};
    hf_key out[3];
    CHECK(key(&keys, 1000, "\x05\x0a\x00\xa0", out) == 1 && out[0].key == '5' && !out[0].ended);
    CHECK(key(&keys, 1000, "\x05\x0a\x01\x40", out) == 0);
    CHECK(key(&keys, 1000, "\x05\x8a\x03\x20", out) == 1 && out[0].ended);
    CHECK(out[0].samples == 800);
    CHECK(key(&keys, 1000, "\x05\x8a\x03\x20", out) == 0);
    CHECK(key(&keys, 1000, "\x05\x0a\x02\x80", out) == 0); /* late, of the same key */
    CHECK(key(&keys, 2600, "\x05\x0a\x00\xa0", out) == 1); /* the same key again */
    CHECK(key(&keys, 4200, "\x0b\x8a\x00\xa0", out) == 3); /* its end was lost; # in one packet */
    CHECK(out[0].ended && out[0].key == '5' && out[1].key == '#' && out[2].ended);
    CHECK(key(&keys, 9000, "\x10\x8a\x00\xa0", out) == 0); /* a flash is no key */
}

static void lost_end_is_timed_out_and_long_keys_are_one(void)
{
    hf_keys_in keys = {0};
    hf_key out[3];
    uint32_t begun = 0xfffffff0u; /* the timestamp wraps while the key is held */
    int i, ends = 0;
    CHECK(key(&keys, begun, "\x01\x0a\xfe\x00", out) == 1);
    CHECK(key(&keys, begun, "\x01\x0a\xff\xff", out) == 0);
    CHECK(key(&keys, begun + 0xffff, "\x01\x0a\x00\xa0", out) == 0);
    for (i = 0; i < 20; i++)
        ends += hf_keys_in_frame(&keys, out);
    CHECK(ends == 1 && out[0].key == '1' && out[0].samples == 0xffff + 160);
}

static void any_packet_is_safe(void)
{
    hf_keys_in keys = {0};
    hf_key out[3];
    int round, i, length;
    for (round = 0; round < 100000; round++) {
        uint8_t *payload = malloc(8);
        length = (int)(test_random() % 9);
        for (i = 0; i < 8; i++)
            payload[i] = (uint8_t)test_random();
        if (round % 3)
            payload[0] &= 15;
        i = hf_keys_in_packet(&keys, test_random() % 5000, payload, length, out);
        CHECK(i >= 0 && i <= 3);
        hf_keys_in_frame(&keys, out);
        free(payload);
    }
}

/* RFC 4733 with a step of 20 ms and an end at 100 ms, volume -10 dBm0. */
static void key_is_sent_as_the_standard_shows(void)
{
    static const uint8_t wanted[7][4] = {{5, 10, 0, 0xa0}, {5, 10, 1, 0x40}, {5, 10, 1, 0xe0},
                                         {5, 10, 2, 0x80}, {5, 0x8a, 3, 0x20},
                                         {5, 0x8a, 3, 0x20}, {5, 0x8a, 3, 0x20}};
    hf_keys_out keys = {0};
    int frame, packets = 0;
    CHECK(hf_keys_out_add(&keys, "5,x#") == 3);
    for (frame = 0; frame < 9; frame++) {
        hf_key_frame sent = hf_keys_out_frame(&keys, 7000 + 160 * (uint32_t)frame);
        uint8_t payload[4];
        if (sent.step != HF_KEY_PACKET)
            continue;
        hf_key_payload(payload, hf_key_event(sent.key), sent.last, 10, sent.duration);
        CHECK(packets < 7 && memcmp(payload, wanted[packets], 4) == 0);
        CHECK(sent.timestamp == 7000 && sent.first == (packets == 0));
        packets++;
    }
    CHECK(packets == 7);
    for (frame = 0; frame < 25; frame++)
        CHECK(hf_keys_out_frame(&keys, 0).step == HF_KEY_PAUSE);
    CHECK(hf_keys_out_frame(&keys, 0).key == '#');
}

/* A packet of an earlier call, from another port of the same host, comes first: the one who was
 * agreed on is heard and answered at once all the same, and the other no more. */
static void a_left_over_packet_makes_nobody_deaf(void)
{
    hf_engine *engine = hf_engine_new(0, 20);
    peer real = peer_open(), former = peer_open();
    uint8_t packet[2048], loud[160];
    int at, i, size = 0, answered = 0;
    hf_port *port = test_port(engine, 1, HF_ALAW, &real, &at);
    memset(loud, 0xaa, sizeof loud);
    peer_send(&former, at, 8, 1, loud, 160);
    test_frame(engine);
    peer_receive(&former, packet, &size);
    for (i = 0; i < 10; i++) {
        peer_send(&real, at, 8, 2, loud, 160);
        if (i > 0)
            peer_send(&former, at, 8, 1, loud, 160);
        test_frame(engine);
        answered += peer_receive(&real, packet, &size) == 1;
    }
    CHECK(answered == 10 && peer_receive(&former, packet, &size) == 0);
    CHECK(port->counts.packets_in == 11 && port->counts.foreign >= 8 && port->peer_ssrc == 2);
    CHECK(port->heard[80] == 32256);
    test_command(engine, HF_CLOSE_PORT, port, NULL);
    test_frame(engine);
    CHECK(test_free_retired(engine) == 1);
    close(real.fd);
    close(former.fd);
    hf_engine_free(engine);
}

void test_network(void)
{
    a_left_over_packet_makes_nobody_deaf();
    headers_are_read_and_written();
    garbage_is_refused_or_lies_inside();
    packets_play_in_order();
    buffer_waits_until_it_is_deep_enough();
    surplus_is_dropped_and_keys_take_no_time();
    new_numbering_is_believed_when_it_goes_on();
    steady_buffer_keeps_time();
    steady_buffer_begins_anew_after_a_pause();
    any_order_keeps_the_buffer_sound();
    key_is_told_once();
    lost_end_is_timed_out_and_long_keys_are_one();
    any_packet_is_safe();
    key_is_sent_as_the_standard_shows();
}
