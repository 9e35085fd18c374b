#include "engine.h"
#include "transport.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void add_port(hf_engine *engine, hf_port *port)
{
    int phase = 0, i;
    for (i = 1; i < HF_PHASES; i++)
        if (engine->count[i] < engine->count[phase])
            phase = i;
    port->phase = phase;
    port->index = engine->count[phase]++; /* the owner opens no more than there is room for */
    engine->ports[phase][port->index] = port;
    atomic_fetch_add_explicit(&engine->counts.ports, 1, memory_order_relaxed);
}

static void remove_port(hf_engine *engine, hf_port *port)
{
    int last = --engine->count[port->phase];
    hf_port *moved = engine->ports[port->phase][last];
    engine->ports[port->phase][port->index] = moved;
    moved->index = port->index;
    engine->ports[port->phase][last] = NULL;
    atomic_fetch_sub_explicit(&engine->counts.ports, 1, memory_order_relaxed);
}

static void hear_caller(hf_engine *engine, hf_port *port, hf_caller_id *with);
static void set_copies(hf_engine *engine, hf_port *port, hf_tap *to);
static void set_tap(hf_engine *engine, hf_port *port, enum hf_tap_rate rate, hf_tap *to);

/* Takes everything off a port and retires it: nothing refers to it afterwards. */
void hf_port_detach(hf_engine *engine, hf_port *port)
{
    int i;
    hf_room_leave(port);
    if (port->player)
        hf_player_end(engine, port->player, HF_CLOSED);
    for (i = 0; i < HF_PORT_RECORDERS; i++)
        if (port->recorders[i])
            hf_recorder_end(port->recorders[i], HF_CLOSED);
    for (i = 0; i < HF_TAP_RATES; i++)
        set_tap(engine, port, (enum hf_tap_rate)i, NULL);
    hear_caller(engine, port, NULL);
    if (port->kind == HF_RTP)
        hf_reports_bye(engine, port);
    set_copies(engine, port, NULL);
    if (port->transport)
        hf_transport_detach(engine, port);
    if (port->keyring)
        hf_retire(engine, &port->keyring->head);
    port->keyring = NULL;
    remove_port(engine, port);
    hf_retire(engine, &port->head);
}

/* With the flag the keyring of the command replaces the one before, also by none. */
static void connect_port(hf_engine *engine, hf_port *port, const hf_command *command)
{
    hf_keyring *before = port->keyring;
    if (command->flag) {
        port->keyring = command->object;
        if (before && port->keyring) {
            hf_srtp_continue(port->keyring->in, before->in);
            hf_srtp_continue(port->keyring->out, before->out);
        }
        if (before)
            hf_retire(engine, &before->head);
    }
    hf_extra_give(engine, port, command->stream.extra);
    hf_rtp_connect(port, &command->stream);
}

static void play(hf_engine *engine, hf_port *port, hf_player *player)
{
    if (port->player)
        hf_player_end(engine, port->player, HF_REPLACED);
    player->port = port;
    port->player = player;
    if (player->in_step)
        hf_player_seek(player, (int64_t)(engine->frames * HF_FRAME));
    port->ducked = 0;
    port->changed = 1;
    hf_vad_prompt(&port->vad);
}

static void record(hf_port *port, hf_recorder *recorder)
{
    int i;
    recorder->port = port;
    for (i = 0; i < HF_PORT_RECORDERS; i++)
        if (!port->recorders[i]) {
            port->recorders[i] = recorder;
            return;
        }
    hf_recorder_end(recorder, HF_ERROR);
}

static void end_room(hf_engine *engine, hf_room *room)
{
    int i;
    for (i = 0; i < room->capacity; i++)
        if (room->members[i])
            hf_room_leave(room->members[i]);
    hf_retire(engine, &room->head);
}

hf_caller_id *hf_caller_id_new(uint64_t id)
{
    hf_caller_id *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    made->head.kind = HF_CALLER_ID;
    made->head.id = id;
    hf_fsk_reset(&made->fsk, 1);
    return made;
}

/* NULL: no longer. */
static void hear_caller(hf_engine *engine, hf_port *port, hf_caller_id *with)
{
    if (port->caller_id)
        hf_retire(engine, &port->caller_id->head);
    port->caller_id = with;
}

/* NULL: no longer. */
static void set_copies(hf_engine *engine, hf_port *port, hf_tap *to)
{
    if (port->copies)
        hf_copies_end(engine, port->copies);
    port->copies = to;
}

/* NULL: no longer. */
static void set_tap(hf_engine *engine, hf_port *port, enum hf_tap_rate rate, hf_tap *to)
{
    if (port->taps[rate])
        hf_tap_end(engine, port->taps[rate]);
    port->taps[rate] = to;
}

static void tap(hf_engine *engine, hf_port *port, int tapped, hf_tap *to)
{
    if (tapped == HF_OF_PACKETS)
        set_copies(engine, port, to);
    else
        set_tap(engine, port, tapped == HF_OF_WIDE_SAMPLES ? HF_TAP_WIDE : HF_TAP_NARROW, to);
}

static void run(hf_engine *engine, hf_command *command)
{
    hf_port *port = command->subject;
    switch (command->op) {
    case HF_ADD_PORT:
        add_port(engine, port);
        break;
    case HF_CONNECT:
        connect_port(engine, port, command);
        break;
    case HF_CLOSE_PORT:
        hf_port_detach(engine, port);
        break;
    case HF_KEYS:
        hf_keys_out_add(&port->keys_out, command->keys);
        break;
    case HF_PLAY:
        play(engine, port, command->object);
        break;
    case HF_STOP_PLAY:
        hf_player_end(engine, command->object, HF_STOPPED);
        break;
    case HF_JOIN:
        hf_room_join(command->object, port, (enum hf_part)command->flag, command->third);
        break;
    case HF_LEAVE:
        hf_room_leave(port);
        break;
    case HF_GAIN:
        hf_room_gain(command->object, port, command->third, command->gain);
        break;
    case HF_GROW: /* the subject is the room with more places */
        hf_room_move(command->object, command->subject);
        hf_retire(engine, command->object);
        break;
    case HF_END_ROOM:
        end_room(engine, command->object);
        break;
    case HF_RECORD:
        record(port, command->object);
        break;
    case HF_STOP_RECORD:
        hf_recorder_end(command->object, HF_STOPPED);
        break;
    case HF_PAUSE_RECORD:
        ((hf_recorder *)command->object)->paused = command->flag;
        break;
    case HF_HEAR_CALLER:
        hear_caller(engine, port, command->object);
        break;
    case HF_OPEN_TAP:
        tap(engine, port, command->flag, command->object);
        break;
    case HF_CLOSE_TAP:
        tap(engine, port, command->flag, NULL);
        break;
    case HF_STEER:
        hf_player_steer(command->object, (enum hf_steer)command->flag, command->gain);
        /* Whoever steers what plays has settled what the key meant: it need not step back. */
        port = ((hf_player *)command->object)->port;
        if (port && port->player == command->object) {
            port->changed |= port->ducked > 0;
            port->ducked = 0;
        }
        break;
    case HF_SECURE: /* once a port; it is the transport's keys from now on */
        hf_transport_attach(port, command->object);
        break;
    case HF_ATTEND:
        hf_level_attend(&port->level, command->flag);
        break;
    case HF_ARM:
        if (command->flag & HF_ARM_FAX)
            hf_faxtone_watch(&port->fax, command->flag & 1);
        else
            hf_vad_arm(&port->vad, command->flag);
        break;
    }
}

void hf_commands_run(hf_engine *engine)
{
    hf_command command;
    while (hf_command_pop(engine, &command)) {
        run(engine, &command);
        atomic_fetch_add_explicit(&engine->command_head, 1, memory_order_release);
    }
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

void hf_object_free(hf_object *object)
{
    if (!object)
        return;
    if (object->kind == HF_PORT) {
        close_fd(((hf_port *)object)->fd);
        close_fd(((hf_port *)object)->rtcp_fd);
        free(((hf_port *)object)->extra);
        free(((hf_port *)object)->coders.g722);
        free(((hf_port *)object)->coders.opus);
    } else if (object->kind == HF_KEYRING) {
        hf_srtp_free(((hf_keyring *)object)->in);
        hf_srtp_free(((hf_keyring *)object)->out);
    } else if (object->kind == HF_TRANSPORT) {
        hf_transport_free((hf_transport *)object);
    } else if (object->kind == HF_PLAYER) {
        free(((hf_player *)object)->clips);
        free(((hf_player *)object)->tones);
    } else if (object->kind == HF_RECORDER) {
        close_fd(((hf_recorder *)object)->fd);
        close_fd(((hf_recorder *)object)->chain_fd);
        free(((hf_recorder *)object)->ring);
    } else if (object->kind == HF_TAP) {
        hf_tap *tap = (hf_tap *)object;
        hf_wide_free(tap->wide);
        if (tap->map != MAP_FAILED)
            munmap(tap->map, HF_TAP_HEADER + HF_TAP_SAMPLES * 2);
        close_fd(tap->memfd);
        close_fd(tap->eventfd);
    }
    free(object);
}
