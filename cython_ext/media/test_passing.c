#include "test_engine.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <string.h>
#include <unistd.h>

/* Two of one law with nobody listening: octets travel as they are, and stop to when a tap,
 * a gain or a player wants samples. */
static void payload_passes_untouched_until_somebody_listens(void)
{
    hf_engine *engine = hf_engine_new(0, 20);
    peer a = peer_open(), b = peer_open();
    int at_a, at_b, i, size = 0;
    hf_port *left = test_port(engine, 1, HF_ALAW, &a, &at_a);
    hf_port *right = test_port(engine, 2, HF_ALAW, &b, &at_b);
    hf_room *room = hf_room_new(3, HF_MEMBERS);
    uint8_t coded[160], packet[2048] = {0};
    hf_command quieter = {.op = HF_GAIN, .subject = left, .object = room, .third = right};
    for (i = 0; i < 160; i++)
        coded[i] = (uint8_t)(i * 7);
    test_command(engine, HF_JOIN, left, room);
    test_command(engine, HF_JOIN, right, room);
    for (i = 0; i < 10; i++) {
        peer_send(&a, at_a, 8, 111, coded, 160);
        test_frame(engine);
        peer_receive(&b, packet, &size);
    }
    CHECK(size == 172 && memcmp(packet + 12, coded, 160) == 0);
    CHECK(left->raw_length == 160 && !left->decoded);
    test_command(engine, HF_OPEN_TAP, left, hf_tap_new(1, HF_TAP_NARROW));
    peer_send(&a, at_a, 8, 111, coded, 160);
    test_frame(engine);
    CHECK(left->decoded && peer_receive(&b, packet, &size) == 1);
    CHECK(memcmp(packet + 12, coded, 160) == 0);
    quieter.gain = 0.5f;
    CHECK(hf_command_push(engine, &quieter) == 0);
    peer_send(&a, at_a, 8, 111, coded, 160);
    test_frame(engine);
    CHECK(peer_receive(&b, packet, &size) == 1 && memcmp(packet + 12, coded, 160) != 0);
    test_frame(engine); /* the one that the jitter buffer kept */
    CHECK(left->raw_length == 160 && left->concealed == 0);
    test_frame(engine); /* nothing came: the frame before is repeated, more quietly */
    CHECK(left->raw_length == 0 && left->concealed == 1 && right->last_sent != 0);
    test_command(engine, HF_CLOSE_PORT, left, NULL);
    test_command(engine, HF_CLOSE_PORT, right, NULL);
    test_command(engine, HF_END_ROOM, NULL, room);
    test_frame(engine);
    CHECK(test_free_retired(engine) == 4);
    close(a.fd);
    close(b.fd);
    hf_engine_free(engine);
}

/* RFC 4594: telephony is EF, on both families. */
static void packets_ask_for_priority(void)
{
    int port, fd = hf_rtp_bind("127.0.0.1", 0, &port), class = 0;
    socklen_t size = sizeof class;
    CHECK(getsockopt(fd, IPPROTO_IP, IP_TOS, &class, &size) == 0 && class == 46 << 2);
    close(fd);
    fd = hf_rtp_bind("::1", 0, &port);
    if (fd >= 0) { /* a machine may have no IPv6 */
        CHECK(getsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &class, &size) == 0 && class == 46 << 2);
        close(fd);
    }
    CHECK(hf_rtp_bind("nowhere", 0, &port) < 0);
}

void test_passing(void)
{
    packets_ask_for_priority();
    payload_passes_untouched_until_somebody_listens();
}
