/* What tests of the engine share: a far end on a socket, commands, frames, events. */
#include "test_engine.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

peer peer_open(void)
{
    peer made = {0};
    made.fd = hf_rtp_bind("127.0.0.1", 0, &made.port);
    CHECK(made.fd >= 0);
    return made;
}

void peer_send(peer *from, int to, int type, uint32_t ssrc, const uint8_t *payload,
                      int length)
{
    hf_endpoint address;
    socklen_t size;
    uint8_t packet[12 + 480];
    hf_address("127.0.0.1", to, &address, &size);
    hf_rtp_header(packet, type, 0, from->sequence++, from->timestamp, ssrc);
    memcpy(packet + 12, payload, (size_t)length);
    CHECK(sendto(from->fd, packet, (size_t)(12 + length), 0, (struct sockaddr *)&address, size) >
          0);
    from->timestamp += 160;
}

/* Packets that wait at a peer; the last of them is kept. */
int peer_receive(peer *at, uint8_t *last, int *size)
{
    uint8_t data[2048];
    int count = 0;
    ssize_t got;
    while ((got = recv(at->fd, data, sizeof data, MSG_DONTWAIT)) >= 0) {
        memcpy(last, data, (size_t)got);
        *size = (int)got;
        count++;
    }
    return count;
}

void test_command(hf_engine *engine, enum hf_op op, void *subject, void *object)
{
    hf_command sent = {.op = op, .subject = subject, .object = object};
    CHECK(hf_command_push(engine, &sent) == 0);
}

hf_port *test_port(hf_engine *engine, uint64_t id, int law, const peer *to, int *bound)
{
    hf_command sent = {.op = HF_CONNECT};
    hf_port *port = hf_port_new(id, HF_RTP, hf_rtp_bind("127.0.0.1", 0, bound));
    test_command(engine, HF_ADD_PORT, port, NULL);
    sent.subject = port;
    sent.stream.law = law;
    sent.stream.payload_type = law == HF_ALAW ? 8 : 0;
    sent.stream.key_payload_type = 101;
    sent.stream.rtcp_fd = -1;
    sent.stream.packet_samples = HF_FRAME;
    sent.stream.send = sent.stream.receive = 1;
    hf_address("127.0.0.1", to->port, &sent.stream.remote, &sent.stream.remote_length);
    CHECK(hf_command_push(engine, &sent) == 0);
    return port;
}

void test_frame(hf_engine *engine)
{
    int phase;
    hf_commands_run(engine);
    for (phase = 0; phase < HF_PHASES; phase++)
        hf_engine_tick(engine, phase);
}

int test_events(hf_engine *engine, enum hf_event_kind kind, hf_event *last)
{
    hf_event event;
    int count = 0;
    while (hf_event_pop(&engine->events, &event))
        if (event.kind == kind) {
            *last = event;
            count++;
        }
    return count;
}

int test_free_retired(hf_engine *engine)
{
    hf_object *object = hf_retired_take(engine);
    int count = 0;
    while (object) {
        hf_object *next = object->next_retired;
        hf_object_free(object);
        object = next;
        count++;
    }
    return count;
}
