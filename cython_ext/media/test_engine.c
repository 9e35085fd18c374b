/* Tests of the engine in C: `make check` here builds them with sanitizers and runs them. */
#include "test_engine.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "transport.h"

#include "engine.h"

int checks, failures;

static uint32_t drawn = 1;

uint32_t test_random(void)
{
    drawn ^= drawn << 13;
    drawn ^= drawn >> 17;
    drawn ^= drawn << 5;
    return drawn;
}

void test_seed(uint32_t seed)
{
    drawn = seed;
}

/* Two telephones of different laws: what one says reaches the other, transcoded. */
static void bridge_carries_audio_and_keys(void)
{
    hf_engine *engine = hf_engine_new(0, 20);
    peer a = peer_open(), b = peer_open(), stranger = peer_open();
    int at_a, at_b, i, size = 0, received = 0;
    hf_port *left = test_port(engine, 1, HF_ALAW, &a, &at_a);
    hf_port *right = test_port(engine, 2, HF_ULAW, &b, &at_b);
    hf_room *room = hf_room_new(3, HF_MEMBERS);
    hf_tap *tap = hf_tap_new(1, HF_TAP_NARROW);
    hf_event event = {0};
    uint8_t loud[160], packet[2048] = {0}, quiet[160];
    int16_t heard[160];
    memset(loud, 0xaa, sizeof loud); /* A-law full scale */
    memset(quiet, 0xff, sizeof quiet);
    test_command(engine, HF_JOIN, left, room);
    test_command(engine, HF_JOIN, right, room);
    test_command(engine, HF_OPEN_TAP, left, tap);
    for (i = 0; i < 50; i++) {
        peer_send(&a, at_a, 8, 111, loud, 160);
        peer_send(&stranger, at_a, 8, 222, quiet, 160); /* same host, another port */
        peer_send(&b, at_b, 0, 333, quiet, 160);
        test_frame(engine);
        received += peer_receive(&b, packet, &size);
    }
    CHECK(received == 50 && size == 172 && (packet[1] & 0x7f) == 0);
    hf_g711_decode(HF_ULAW, packet + 12, 160, heard);
    CHECK(heard[0] > 31000 && heard[159] > 31000);
    CHECK(left->counts.packets_in == 50 && left->counts.foreign >= 49);
    CHECK(tap->written == 50 * 160 && memcmp(tap->map, "HFTP", 4) == 0);
    for (i = 0; i < 3; i++)
        peer_send(&a, at_a, 101, 111, (const uint8_t *)"\x07\x8a\x03\x20", 4), a.timestamp -= 160;
    test_frame(engine);
    CHECK(test_events(engine, HF_ON_KEY, &event) == 1 && event.code == '7' && event.value == 100);
    test_command(engine, HF_CLOSE_PORT, left, NULL); /* its peer stays in the room, unharmed */
    for (i = 0; i < 5; i++)
        test_frame(engine);
    CHECK(room->members[0] == NULL && room->members[1] == right);
    CHECK(test_free_retired(engine) == 2); /* port and tap */
    test_command(engine, HF_END_ROOM, NULL, room);
    test_command(engine, HF_CLOSE_PORT, right, NULL);
    test_frame(engine);
    CHECK(test_free_retired(engine) == 2);
    close(a.fd);
    close(b.fd);
    close(stranger.fd);
    hf_engine_free(engine);
}

static void garbage_at_a_port_is_counted(void)
{
    hf_engine *engine = hf_engine_new(0, 1);
    peer a = peer_open();
    hf_event event = {0};
    hf_endpoint address;
    socklen_t size;
    int at_a, i, n;
    hf_port *port = test_port(engine, 1, HF_ALAW, &a, &at_a);
    hf_address("127.0.0.1", at_a, &address, &size);
    for (i = 0; i < 3000; i++) {
        uint8_t data[600];
        size_t length = 1 + test_random() % sizeof data;
        for (n = 0; n < (int)length; n++)
            data[n] = (uint8_t)test_random();
        if (i % 2) {
            data[0] = 0x80;
            data[1] = i % 4 == 1 ? 8 : 101;
        }
        sendto(a.fd, data, length, 0, (struct sockaddr *)&address, size);
        if (i % 3 == 0)
            test_frame(engine);
    }
    for (i = 0; i < 300; i++)
        test_frame(engine);
    CHECK(port->counts.bad > 1000 && port->counts.packets_in + port->counts.bad == 3000);
    CHECK(test_events(engine, HF_ON_SILENCE, &event) >= 1 && event.code >= 1);
    test_command(engine, HF_CLOSE_PORT, port, NULL);
    test_frame(engine);
    test_free_retired(engine);
    close(a.fd);
    hf_engine_free(engine);
}

/* A board on the other side of a socket pair, faster than our clock, that goes away. */
static void device_absorbs_drift_and_tells_its_end(void)
{
    hf_engine *engine = hf_engine_new(0, 20);
    int ends[2], i;
    uint8_t chunk[160];
    hf_event event = {0};
    hf_port *port;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    port = hf_port_new(1, HF_DEVICE, ends[0]);
    port->law = HF_ALAW;
    port->key_source = HF_HARDWARE;
    test_command(engine, HF_ADD_PORT, port, NULL);
    memset(chunk, 0xaa, sizeof chunk);
    for (i = 0; i < 200; i++) {
        CHECK(write(ends[1], chunk, 100) == 100); /* in two pieces */
        CHECK(write(ends[1], chunk, 60) == 60);
        if (i % 10 == 0)
            CHECK(write(ends[1], chunk, 160) == 160);
        test_frame(engine);
        CHECK(read(ends[1], chunk, 160) == 160);
        memset(chunk, 0xaa, sizeof chunk);
    }
    CHECK(port->counts.overruns > 10 && port->counts.underruns == 0);
    CHECK(port->heard[80] == 32256);
    close(ends[1]);
    for (i = 0; i < 20; i++)
        test_frame(engine);
    CHECK(test_events(engine, HF_ON_DEVICE, &event) == 1 && event.code != 0);
    test_command(engine, HF_CLOSE_PORT, port, NULL);
    test_frame(engine);
    test_free_retired(engine);
    hf_engine_free(engine);
}

#define SOME 12

typedef struct {
    hf_object *object;
    uint32_t pushed;
} waiting_object;

/* What the owner does: frees what is retired once every command that names it was read. */
static int collect(hf_engine *engine, waiting_object *waiting, int count, hf_player **players)
{
    hf_object *object = hf_retired_take(engine);
    int i, kept = 0;
    for (; object; object = object->next_retired, count++) {
        waiting[count] = (waiting_object){object, hf_commands_pushed(engine)};
        for (i = 0; i < SOME; i++)
            if (players[i] && &players[i]->head == object)
                players[i] = NULL;
    }
    for (i = 0; i < count; i++) {
        if ((int32_t)(hf_commands_read(engine) - waiting[i].pushed) >= 0)
            hf_object_free(waiting[i].object);
        else
            waiting[kept++] = waiting[i];
    }
    return kept;
}

/* Any part; the agent may be in another room, or closed by a command that waits. */
static void enter(hf_engine *engine, hf_port *port, hf_room *room, hf_port *agent)
{
    hf_command sent = {.op = HF_JOIN, .subject = port, .object = room, .third = agent};
    sent.flag = agent ? (int)(test_random() % 3) : HF_TALKS;
    CHECK(hf_command_push(engine, &sent) == 0);
}

static void change_keys(hf_engine *engine, hf_port *port)
{
    static const uint8_t master[HF_SRTP_MOST] = {1};
    hf_command sent = {.op = HF_CONNECT, .subject = port, .flag = 1};
    sent.stream = port->stream;
    sent.stream.rtcp_fd = -1;
    sent.stream.rtcp_mux = 1;
    sent.stream.send = sent.stream.receive = 1;
    sent.stream.packet_samples = HF_FRAME;
    if (test_random() % 3)
        sent.object = hf_keyring_new(port->head.id, (enum hf_suite)(1 + test_random() % 3),
                                     master, master);
    CHECK(hf_command_push(engine, &sent) == 0);
}

/* A port has at most one transport; its owner knows. */
static void secure(hf_engine *engine, hf_port *port)
{
    static const hf_credentials own = {"mine", "abcdefghijklmnopqrstuv"};
    hf_transport *transport;
    if (port->transport || hf_handshakes_open(engine))
        return;
    hf_commands_run(engine); /* it may be waiting in the ring */
    if (port->transport)
        return;
    transport = hf_transport_new(engine, port, &own);
    test_command(engine, HF_SECURE, port, transport);
    if (test_random() % 2)
        CHECK(hf_transport_restart(transport, &own) == 0);
}

static void handshakes(hf_engine *engine)
{
    if (atomic_load(&engine->handshakes))
        hf_handshakes_round(atomic_load(&engine->handshakes), 1);
    hf_transports_tick(engine);
}

static void open_tap(hf_engine *engine, hf_port *port)
{
    static const enum hf_tap_rate rates[] = {[HF_OF_WIDE_SAMPLES] = HF_TAP_WIDE};
    hf_command sent = {.op = HF_CLOSE_TAP, .subject = port};
    sent.flag = test_random() % 2 ? HF_OF_WIDE_SAMPLES : HF_OF_SAMPLES;
    if (test_random() % 2) {
        sent.op = HF_OPEN_TAP;
        sent.object = hf_tap_new(port->head.id, rates[sent.flag]);
    }
    CHECK(hf_command_push(engine, &sent) == 0);
}

static void steer(hf_engine *engine, hf_player *player)
{
    hf_command sent = {.op = HF_STEER, .object = player};
    sent.flag = (int)(test_random() % 4);
    sent.gain = (float)(test_random() % 2000) / (sent.flag == HF_SPEED ? 700.0f : 10.0f);
    if (player)
        CHECK(hf_command_push(engine, &sent) == 0);
}

/* Ports come and go under players, rooms and taps in any order: nothing may dangle. */
static void any_order_of_commands_is_safe(void)
{
    static waiting_object waiting[20000];
    static const int16_t samples[400];
    hf_engine *engine = hf_engine_new(0, 20);
    hf_port *ports[SOME] = {0};
    hf_room *rooms[SOME] = {0};
    hf_player *players[SOME] = {0};
    peer far = peer_open();
    hf_event event;
    hf_room *larger;
    int round, count = 0, bound;
    for (round = 0; round < 20000; round++) {
        uint32_t pick = test_random() % SOME, other = test_random() % SOME;
        if (!ports[pick]) {
            ports[pick] = test_port(engine, pick, HF_ALAW, &far, &bound);
            continue;
        }
        switch (test_random() % 12) { /* what a port has may have ended by itself */
        case 0:
            test_command(engine, HF_CLOSE_PORT, ports[pick], NULL);
            ports[pick] = NULL;
            break;
        case 1:
            if (!rooms[other])
                rooms[other] = hf_room_new(other, HF_MEMBERS);
            enter(engine, ports[pick], rooms[other], ports[other]);
            break;
        case 2:
            if (rooms[other])
                test_command(engine, HF_END_ROOM, NULL, rooms[other]);
            rooms[other] = NULL;
            break;
        case 3:
            if (players[other])
                break;
            players[other] = hf_player_new(other, 1, 0);
            players[other]->clips[0] = (hf_clip){samples, 400};
            players[other]->repeat = 1;
            test_command(engine, HF_PLAY, ports[pick], players[other]);
            break;
        case 4:
            if (players[other])
                test_command(engine, HF_STOP_PLAY, NULL, players[other]);
            break;
        case 5:
            open_tap(engine, ports[pick]);
            break;
        case 6:
            steer(engine, players[other]);
            break;
        case 7:
            test_command(engine, HF_HEAR_CALLER, ports[pick],
                         test_random() % 3 ? hf_caller_id_new(pick) : NULL);
            break;
        case 8:
            change_keys(engine, ports[pick]);
            break;
        case 9:
            if (!rooms[other] || rooms[other]->capacity == HF_MOST_MEMBERS)
                break;
            larger = hf_room_new(other, HF_MOST_MEMBERS);
            test_command(engine, HF_GROW, larger, rooms[other]);
            rooms[other] = larger;
            break;
        case 10:
            secure(engine, ports[pick]);
            break;
        default:
            if (test_random() % 2)
                test_frame(engine);
            if (test_random() % 2)
                handshakes(engine);
            if (test_random() % 2)
                count = collect(engine, waiting, count, players);
        }
        while (hf_event_pop(&engine->events, &event))
            continue;
    }
    for (round = 0; round < SOME; round++) {
        if (ports[round])
            test_command(engine, HF_CLOSE_PORT, ports[round], NULL);
        if (rooms[round])
            test_command(engine, HF_END_ROOM, NULL, rooms[round]);
    }
    test_frame(engine);
    handshakes(engine);
    CHECK(collect(engine, waiting, count, players) == 0);
    CHECK(engine->counts.ports == 0);
    close(far.fd);
    hf_engine_free(engine);
}

/* With its threads: a recording is complete when the engine stops in mid-call. */
static void recording_is_whole_when_the_engine_stops(void)
{
    struct timespec moment = {.tv_nsec = 300000000};
    char path[] = "/tmp/hookflash-engine-XXXXXX";
    hf_engine *engine = hf_engine_new(1, 20);
    peer a = peer_open();
    uint8_t header[44], wanted[HF_WAV_HEADER];
    int at_a, fd = mkstemp(path);
    hf_recorder *recorder = hf_recorder_new(9, dup(fd), 1, 0, 0);
    hf_event event = {0};
    off_t size;
    CHECK(hf_engine_start(engine) == 0);
    test_command(engine, HF_RECORD, test_port(engine, 1, HF_ALAW, &a, &at_a), recorder);
    hf_files_add(engine, recorder);
    nanosleep(&moment, NULL);
    hf_engine_stop(engine);
    CHECK(hf_event_pop(&engine->file_events, &event) && event.kind == HF_ON_RECORD);
    CHECK(event.code == HF_CLOSED && event.value >= 20);
    size = lseek(fd, 0, SEEK_END);
    hf_wav_header(wanted, 2, HF_S16, (uint32_t)size - 44);
    CHECK(pread(fd, header, 44, 0) == 44 && memcmp(header, wanted, 44) == 0);
    CHECK((size - 44) % 640 == 0 && (uint32_t)(size - 44) / 32 == event.value);
    CHECK(test_free_retired(engine) == 2);
    close(fd);
    close(a.fd);
    unlink(path);
    hf_engine_free(engine);
}

void test_bridge(void)
{
    bridge_carries_audio_and_keys();
    garbage_at_a_port_is_counted();
    device_absorbs_drift_and_tells_its_end();
    any_order_of_commands_is_safe();
    recording_is_whole_when_the_engine_stops();
}

int main(int count, char **arguments)
{
    static void (*const usual[])(void) = {
        test_codecs, test_network, test_signals, test_bridge, test_playing, test_passing,
        test_extras, test_copies, test_fsk, test_long, test_hour, test_rooms, test_levels, test_consent,
        test_chain, test_srtp, test_vectors, test_ice, test_dtls, test_transports, test_reports,
        test_opus, test_steering, test_pairs, test_wide, test_bands,
        test_clicks};
    static void (*const day[])(void) = {test_day};
    int whole_day = count > 1 && strcmp(arguments[1], "day") == 0;
    void (*const *groups)(void) = whole_day ? day : usual;
    size_t i, most = whole_day ? 1 : sizeof usual / sizeof usual[0];
    signal(SIGPIPE, SIG_IGN);
    hf_g711_init();
    hf_dtmf_init();
    for (i = 0; i < most; i++) {
        test_seed(20261121); /* what a group draws does not depend on those before it */
        groups[i]();
    }
    printf("media engine: %d checks, %d failed\n", checks, failures);
    return failures != 0;
}
