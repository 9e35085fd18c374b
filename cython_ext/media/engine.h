/* The media engine: one thread moves 20 ms frames of 8 kHz audio between ports.
 *
 * Who owns what. The owner (one Python thread) makes and frees every object. It hands an
 * object over with a command and never touches it again until the engine has retired it.
 * The engine thread neither allocates, frees, locks nor waits in a frame; files belong to
 * a second thread. An object that is retired may still be named by a command that waits in
 * the ring, so the owner frees it only when the engine has read beyond (hf_commands_read).
 */
#ifndef HF_ENGINE_H
#define HF_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "chain.h"
#include "codec.h"
#include "dtmf.h"
#include "endpoint.h"
#include "faxtone.h"
#include "fsk.h"
#include "g711.h"
#include "jitter.h"
#include "keys.h"
#include "level.h"
#include "object.h"
#include "player.h"
#include "rtcp.h"
#include "srtp.h"
#include "tap.h"
#include "vad.h"

#define HF_PHASES 4       /* a port is served every fourth tick of 5 ms */
#define HF_TICK_NS 5000000L
#define HF_PHASE_PORTS 1024
#define HF_MEMBERS 4      /* ports in a usual room: two parties, a supervisor, a trainee */
#define HF_MOST_MEMBERS 64 /* and in the largest */
#define HF_SMOOTH 40      /* samples in which a step at a joint is let go */
#define HF_RAW 320        /* octets of a coded frame that may pass through as it is */
#define HF_WIRE (HF_PAYLOAD + HF_FRAME * 2)
#define HF_QUEUE (HF_FRAME * 4) /* samples decoded and not yet heard, the most there can be */
#define HF_EXTRAS 32 /* that wait for ports that turn out to need one */
#define HF_LATE_STEPS 64  /* of the histogram of lateness, 0.25 ms each */
#define HF_PORT_RECORDERS 2
#define HF_COMMANDS 4096  /* ring sizes are powers of two */
#define HF_EVENTS 8192

/* Rooms: who hears whom, as a matrix of gains. */
typedef struct {
    hf_object head;
    int capacity;
    hf_port **members; /* they and the gains lie behind the room */
    float *gain; /* [heard * capacity + by] */
} hf_room;

/* What others hear of a member: all of it, nothing, or only one of them. */
enum hf_part { HF_TALKS, HF_LISTENS, HF_WHISPERS };

/* Recorders: the engine fills a ring, the file thread empties it. */
typedef struct hf_recorder {
    hf_object head;
    hf_port *port;
    struct hf_recorder *next; /* list of the file thread */
    int fd, chain_fd, channels, law, paused; /* chain_fd -1: no chain is kept */
    int was_paused;
    int16_t last[2]; /* sample of each side */
    int16_t *ring;
    uint32_t size; /* samples, power of two */
    _Atomic uint64_t written, taken, gap; /* gap: samples that found no room */
    uint64_t gap_written;
    uint32_t frames, max_frames, quiet, quiet_frames;
    uint32_t tone_every, tone_at; /* frames from consent tone to consent tone; 0: none */
    _Atomic int ended; /* 1 + enum hf_end when the engine is done with it */
    _Atomic int failed; /* errno of the file thread */
    _Atomic uint32_t paused_frames;
    uint64_t bytes, bytes_in_header;
    hf_chain chain;
} hf_recorder;

/* Keyrings: the SRTP keys of a port, one context a direction; both or none are set. */
typedef struct {
    hf_object head;
    hf_srtp *in, *out;
} hf_keyring;

/* A receiver of caller identity, while a port waits for one. */
typedef struct {
    hf_object head;
    hf_fsk fsk;
} hf_caller_id;

/* What a port needs beside when its packets are no frames of 20 ms, or when many wait. */
typedef struct hf_extra {
    struct hf_extra *next; /* of those that wait */
    uint8_t cells[HF_MORE_CELLS][HF_CELL]; /* of the jitter buffer; the first for a device's chunk */
    int16_t queue[HF_QUEUE];
    uint8_t wire[HF_WIRE]; /* shorter than a packet so far */
} hf_extra;

/* How the stream of an RTP port is set. */
typedef struct {
    hf_endpoint remote;
    socklen_t remote_length; /* 0: learn the address from the first packet */
    int law, payload_type, key_payload_type; /* key_payload_type -1: keys are tones */
    int packet_samples, send, receive;
    int rtcp_mux; /* RFC 5761: reports share the socket */
    int rtcp_fd;  /* -1: as before; the port takes it over */
    hf_coders coders; /* those not NULL the port takes over */
    hf_extra *extra;  /* the same; needed once a port, for Opus and packets that are no frames */
} hf_stream;

enum hf_port_kind { HF_RTP, HF_DEVICE };
enum hf_key_source { HF_RFC4733, HF_INBAND, HF_HARDWARE };

typedef struct {
    _Atomic uint64_t packets_in, packets_out, bad, foreign, ssrc_changes, other_keys;
    _Atomic uint64_t not_sent, underruns, overruns, forged, replayed;
} hf_port_counts;

struct hf_port {
    hf_object head;
    enum hf_port_kind kind;
    int fd, law, phase, index, connected;
    enum hf_key_source key_source;
    hf_stream stream;
    /* sending */
    hf_endpoint target;
    socklen_t target_length;
    int latched, marker;
    uint16_t sequence;
    uint32_t timestamp, ssrc;
    int wire_fill;
    /* receiving */
    uint32_t peer_ssrc, new_ssrc;
    hf_coders coders;
    int whole, hole; /* packets are frames; one of them is missing now */
    float noise;         /* amplitude of comfort noise, 0: none is asked for */
    uint32_t noise_seed;
    hf_keyring *keyring; /* NULL: plain RTP */
    struct hf_transport *transport; /* NULL: neither ICE nor DTLS */
    int handed;          /* datagrams for it in this frame */
    int rtcp_fd;         /* -1: none, or shared with the audio */
    hf_rtcp rtcp;
    int has_peer, silent_frames, concealed, primed, dead, polls;
    uint16_t new_ssrc_sequence;
    hf_jitter jitter;
    hf_extra *extra;  /* NULL: packets are frames, and few of them wait */
    int queued;       /* samples in the queue */
    int partial_fill; /* device: octets of a chunk that is not whole */
    /* keys, analysis */
    hf_keys_in keys_in;
    hf_keys_out keys_out;
    hf_dtmf dtmf;
    hf_vad vad;
    hf_faxtone fax;
    hf_level level;
    /* one frame; what is heard stays coded until somebody wants its samples */
    const uint8_t *raw; /* in the jitter buffer, until the next is got */
    int raw_length; /* 0: only ``heard`` counts */
    int decoded;    /* with raw_length: whether ``heard`` holds the same */
    int16_t heard[HF_FRAME];
    int16_t *sent;  /* the engine's, for as long as the port speaks */
    /* what is attached */
    hf_room *room;
    int member;
    enum hf_part part;
    int changed;         /* what is sent begins with something new */
    int16_t last_sent;   /* sample */
    hf_player *player;
    int ducked;          /* frames for which the player stays below who barged in */
    hf_caller_id *caller_id;
    hf_recorder *recorders[HF_PORT_RECORDERS];
    int consent;         /* frame of a consent tone, from 1; 0: none sounds */
    hf_tap *taps[HF_TAP_RATES], *copies; /* NULL: nobody listens; nobody captures */
    hf_port_counts counts;
};

enum hf_op {
    HF_ADD_PORT, HF_CONNECT, HF_CLOSE_PORT, HF_KEYS, HF_PLAY, HF_STOP_PLAY, HF_JOIN, HF_LEAVE,
    HF_GAIN, HF_END_ROOM, HF_GROW, HF_STEER /* flag: enum hf_steer */, HF_PAUSE_RECORD, HF_HEAR_CALLER, HF_RECORD, HF_STOP_RECORD, HF_OPEN_TAP, HF_CLOSE_TAP /* flag: enum hf_tapped */, HF_ARM,
    HF_SECURE, HF_ATTEND /* flag: enum hf_attention */
};

enum hf_tapped { HF_OF_SAMPLES, HF_OF_PACKETS, HF_OF_WIDE_SAMPLES };

#define HF_ARM_FAX 2 /* flag of HF_ARM: for fax tones, not for speech; 1: on */

typedef struct {
    enum hf_op op;
    void *subject, *object, *third;
    int flag;
    float gain;
    union { /* of HF_KEYS, of HF_CONNECT */
        char keys[32];
        hf_stream stream;
    };
} hf_command;

enum hf_event_kind { HF_ON_KEY, HF_ON_PLAY, HF_ON_RECORD, HF_ON_SPEECH, HF_ON_SILENCE,
                     HF_ON_DEVICE, HF_ON_CALLER, HF_ON_TRANSPORT, HF_ON_SPEAKER };

typedef struct {
    enum hf_event_kind kind;
    uint64_t id, port; /* id of HF_ON_CALLER: up to 8 octets, the first uppermost; of
                          HF_ON_SPEAKER: the room, 0 without one */
    int code;       /* key, enum hf_end, seconds, enum hf_fax_kind (0: speech), or errno of a device (0: event pending); enum hf_speaker */
    uint32_t value; /* ms, or enum hf_key_source */
    int source;
} hf_event;

typedef struct {
    hf_event slots[HF_EVENTS];
    _Atomic uint32_t head, tail;
    _Atomic uint64_t overflow;
} hf_event_ring;

typedef struct {
    _Atomic uint64_t ticks, late_ticks, skipped_ticks, worst_late_ns, busy_ns, worst_phase_ns;
    _Atomic uint64_t phase_ns[HF_PHASES], phase_worst_ns[HF_PHASES], phase_ticks[HF_PHASES];
    _Atomic uint64_t ports, load_ppm;
    _Atomic uint64_t late[HF_LATE_STEPS]; /* ticks that began so late; the last: or later */
} hf_engine_counts;

typedef struct hf_engine {
    pthread_t thread, file_thread;
    int64_t wall; /* ns since 1970 when the tick began */
    uint64_t frames; /* that every port has had, for what is in step */
    int started, realtime, silence_seconds, wake;
    int urgent, retirements, waited; /* for the owner: events; retired objects, and since how many ticks */
    _Atomic int running, files_running, woken;
    char scheduling[96];
    hf_command commands[HF_COMMANDS];
    _Atomic uint32_t command_head, command_tail;
    hf_event_ring events, file_events, transport_events;
    _Atomic(hf_object *) retired;
    _Atomic(struct hf_handshakes *) handshakes; /* NULL: no port ever had a transport */
    _Atomic(struct hf_transport *) answered, finished;
    hf_port *ports[HF_PHASES][HF_PHASE_PORTS];
    int count[HF_PHASES];
    int16_t sent[HF_FRAME]; /* of the port that speaks */
    _Atomic(hf_extra *) extras;
    _Atomic int extra_count;
    hf_engine_counts counts;
    pthread_mutex_t files_lock;
    pthread_cond_t files_wake;
    hf_recorder *recorders;
} hf_engine;

/* engine.c */
hf_engine *hf_engine_new(int realtime, int silence_seconds);
int hf_engine_start(hf_engine *engine);
void hf_engine_stop(hf_engine *engine); /* every object is retired afterwards */
void hf_engine_free(hf_engine *engine);
void hf_engine_tick(hf_engine *engine, int phase);
double hf_engine_cpu(const hf_engine *engine); /* seconds the engine thread has computed */
double hf_engine_files_cpu(const hf_engine *engine); /* and the file thread */

/* rings.c */
int hf_command_push(hf_engine *engine, const hf_command *command); /* -1: full */
int hf_command_pop(hf_engine *engine, hf_command *command);
uint32_t hf_commands_pushed(const hf_engine *engine);
uint32_t hf_commands_read(const hf_engine *engine);
void hf_event_push(hf_engine *engine, hf_event_ring *ring, const hf_event *event);
int hf_event_pop(hf_event_ring *ring, hf_event *event);
void hf_retire(hf_engine *engine, hf_object *object);
hf_object *hf_retired_take(hf_engine *engine);
void hf_wake(hf_engine *engine);
void hf_tell(hf_engine *engine); /* at a tick's end */
void hf_look(hf_engine *engine); /* the owner, before he takes anything: what comes later wakes him */

/* commands.c */
void hf_commands_run(hf_engine *engine);
hf_caller_id *hf_caller_id_new(uint64_t id);
void hf_port_detach(hf_engine *engine, hf_port *port);
void hf_object_free(hf_object *object);

/* port.c: the frame of a port */
hf_port *hf_port_new(uint64_t id, enum hf_port_kind kind, int fd);
void hf_port_hear(hf_engine *engine, hf_port *port);
void hf_port_speak(hf_engine *engine, hf_port *port);
void hf_port_key(hf_engine *engine, hf_port *port, const hf_key *key);
const int16_t *hf_port_samples(hf_port *port); /* of the frame heard last, decoded if need be */
int hf_queue_pull(hf_port *port); /* 20 ms of the queue to heard; 0 when it ran dry */

/* hearing.c */
void hf_port_pull(hf_engine *engine, hf_port *port); /* of an RTP port: the next 20 ms to ``raw`` or ``heard`` */

/* extras.c */
hf_extra *hf_extra_new(void);
void hf_extras_fill(hf_engine *engine); /* by the owner */
/* By the engine thread. 1 when the port has one; none is left only until the owner has looked. */
int hf_extra_take(hf_engine *engine, hf_port *port);
/* What a command brings becomes the port's, or waits for another. */
void hf_extra_give(hf_engine *engine, hf_port *port, hf_extra *extra);

/* rtp.c */
#define HF_RTP_HEADER 12
typedef struct {
    int payload_type, marker, length;
    uint16_t sequence;
    uint32_t timestamp, ssrc;
    const uint8_t *payload;
} hf_rtp;
int hf_rtp_parse(const uint8_t *data, int size, hf_rtp *out); /* -1: no RTP */
int hf_rtp_header(uint8_t *out, int payload_type, int marker, uint16_t sequence,
                  uint32_t timestamp, uint32_t ssrc);
int hf_address(const char *host, int port, hf_endpoint *out, socklen_t *length);
void hf_rtp_connect(hf_port *port, const hf_stream *stream);
int hf_same_host(const hf_endpoint *a, const hf_endpoint *b);
int hf_same_address(const hf_endpoint *a, const hf_endpoint *b);
void hf_rtp_receive(hf_engine *engine, hf_port *port);
/* Sends ``sent``, or ``raw`` octets of our codec when given. */
void hf_rtp_send(hf_port *port, const hf_key_frame *key, const uint8_t *raw, int length);
void hf_rtp_skip(hf_port *port, int lost); /* a frame for which nothing is sent */

/* sockets.c: by the owner */
int hf_rtp_bind(const char *host, int port, int *bound); /* descriptor or -errno */
int hf_reports_open(const hf_port *port); /* the socket beside ours, or -errno */
int hf_socket_quiet(int fd); /* drops what waits; 0 when any of it came just now */

/* reports.c: RTCP on a port's sockets */
void hf_reports_frame(hf_engine *engine, hf_port *port);
void hf_reports_read(hf_engine *engine, hf_port *port, uint8_t *data, int size, int64_t wall);
void hf_reports_bye(hf_engine *engine, hf_port *port);
int64_t hf_arrival(struct msghdr *message, int64_t otherwise); /* the kernel's timestamp, ns */
hf_keyring *hf_keyring_new(uint64_t id, enum hf_suite suite, const uint8_t *in,
                           const uint8_t *out);

/* device.c */
void hf_device_receive(hf_engine *engine, hf_port *port);
void hf_device_send(hf_engine *engine, hf_port *port);

/* room.c */
hf_room *hf_room_new(uint64_t id, int capacity);
/* Joins, or changes the part of a member; ``agent``: who hears a whisper. -1: no place. */
int hf_room_join(hf_room *room, hf_port *port, enum hf_part part, const hf_port *agent);
void hf_room_gain(hf_room *room, const hf_port *heard, hf_port *by, float gain);
void hf_room_move(hf_room *from, hf_room *to); /* to one with more places */
void hf_smooth(int16_t *samples, int16_t before);
void hf_room_leave(hf_port *port);
int hf_room_is_empty(const hf_room *room);
void hf_room_mix(const hf_room *room, int member, float gain, int16_t *out);
/* The only one that a member hears, at its full level; NULL when there is more to it. */
hf_port *hf_room_only_other(const hf_room *room, int member);
static inline int16_t hf_clip16(float value)
{
    value = value > 32767.0f ? 32767.0f : value;
    value = value < -32768.0f ? -32768.0f : value;
    return (int16_t)(value < 0 ? value - 0.5f : value + 0.5f);
}

/* recorder.c, files.c */
hf_recorder *hf_recorder_new(uint64_t id, int fd, int stereo, double max_s, double silence_s);
int hf_recorder_second(const hf_recorder *recorder); /* octets of one second in the file */
void hf_recorder_frame(hf_port *port);
void hf_recorder_end(hf_recorder *recorder, enum hf_end why);
void hf_consent_frame(hf_port *port); /* before anybody speaks */
void hf_consent_mix(int frame, int16_t *out);
#define HF_WAV_HEADER 58 /* octets at most */
int hf_wav_header(uint8_t out[HF_WAV_HEADER], int channels, int law, uint32_t data_bytes);
void hf_files_add(hf_engine *engine, hf_recorder *recorder);
int hf_files_start(hf_engine *engine);
void hf_files_stop(hf_engine *engine);

/* copies.c: a tap of packets in the place of samples; HF_OPEN_TAP and HF_CLOSE_TAP with
 * HF_OF_PACKETS */
enum hf_copy { HF_COPY_IN, HF_COPY_OUT, HF_COPY_REPORT };
hf_tap *hf_copies_new(uint64_t id);
void hf_copies_put(hf_tap *copies, int flags, int64_t wall, const hf_endpoint *far,
                   const uint8_t *data, int size); /* wall 0: now */
void hf_copies_end(hf_engine *engine, hf_tap *copies);

#endif
