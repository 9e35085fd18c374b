from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t


cdef extern from "endpoint.h":
    ctypedef unsigned int socklen_t
    struct in_addr:
        pass
    struct in6_addr:
        pass
    struct sockaddr_in:
        unsigned short sin_port
        in_addr sin_addr
    struct sockaddr_in6:
        in6_addr sin6_addr
    ctypedef union hf_endpoint:
        unsigned short family
        sockaddr_in four
        sockaddr_in6 six


cdef extern from "engine.h":
    enum: HF_MEMBERS, HF_MOST_MEMBERS, HF_LATE_STEPS, HF_TAP_SAMPLES, HF_PHASES, HF_PHASE_PORTS, HF_COMMANDS, HF_FRAME, HF_PORT_RECORDERS
    enum: HF_PORT, HF_PLAYER, HF_ROOM, HF_RECORDER, HF_TAP, HF_KEYRING
    enum: HF_RTP, HF_DEVICE, HF_INBAND, HF_HARDWARE
    enum: HF_ALAW, HF_ULAW, HF_S16, HF_L16, HF_G722, HF_OPUS
    enum: HF_ON_KEY, HF_ON_PLAY, HF_ON_RECORD, HF_ON_SPEECH, HF_ON_SILENCE, HF_ON_DEVICE, HF_ON_CALLER
    enum: HF_ON_SPEAKER, HF_SEEK_TO, HF_SEEK_BY, HF_SPEED, HF_REPEAT
    enum: HF_OF_SAMPLES, HF_OF_PACKETS, HF_OF_WIDE_SAMPLES
    enum hf_op:
        HF_ADD_PORT, HF_CONNECT, HF_CLOSE_PORT, HF_KEYS, HF_PLAY, HF_STOP_PLAY, HF_JOIN
        HF_LEAVE, HF_GAIN, HF_END_ROOM, HF_RECORD, HF_STOP_RECORD, HF_OPEN_TAP
        HF_CLOSE_TAP, HF_ARM, HF_GROW, HF_PAUSE_RECORD, HF_HEAR_CALLER, HF_ATTEND, HF_STEER
    enum hf_kind:
        pass
    enum hf_port_kind:
        pass
    enum hf_key_source:
        pass

    ctypedef struct hf_object:
        hf_kind kind
        uint64_t id
        hf_object *next_retired
        void *owned

    ctypedef struct hf_clip:
        const int16_t *samples
        uint32_t count

    ctypedef struct hf_tone:
        uint32_t step_a, step_b, on, off

    ctypedef struct hf_room:
        hf_object head
        int capacity

    ctypedef struct hf_player:
        hf_object head
        uint32_t repeat
        int stop_on_key, in_step
        float gain, speed
        hf_clip *clips
        hf_tone *tones

    ctypedef struct hf_chain:
        uint8_t link[32]

    ctypedef struct hf_recorder:
        hf_object head
        int law, chain_fd, channels
        uint64_t gap
        uint32_t paused_frames, tone_every
        hf_chain chain

    ctypedef struct hf_tap:
        hf_object head
        int memfd, eventfd

    ctypedef struct hf_g722:
        pass

    ctypedef struct hf_opus:
        pass

    ctypedef struct hf_coders:
        hf_g722 *g722
        hf_opus *opus

    enum hf_suite:
        HF_AES_CM_80, HF_AES_CM_32, HF_AES_GCM_128

    ctypedef struct hf_keyring:
        hf_object head

    ctypedef struct hf_extra:
        pass

    ctypedef struct hf_stream:
        hf_endpoint remote
        socklen_t remote_length
        int law, payload_type, key_payload_type, packet_samples, send, receive
        int rtcp_mux, rtcp_fd
        hf_coders coders
        hf_extra *extra

    ctypedef struct hf_port_counts:
        uint64_t packets_in, packets_out, bad, foreign, ssrc_changes, other_keys
        uint64_t not_sent, underruns, overruns, forged, replayed

    ctypedef struct hf_jitter:
        uint64_t received, lost, late, duplicate, dropped, resyncs, slips
        int target

    ctypedef struct hf_rtcp:
        uint32_t jitter, far_jitter, round_trip_us, far_lost
        int has_far, has_round_trip
        uint64_t reports_in, reports_out, bad

    ctypedef struct hf_port:
        hf_object head
        hf_port_kind kind
        int fd, rtcp_fd, law
        hf_key_source key_source
        hf_jitter jitter
        hf_rtcp rtcp
        hf_port_counts counts

    ctypedef struct hf_command:
        hf_op op
        void *subject
        void *object
        void *third
        int flag
        float gain
        char keys[32]
        hf_stream stream

    ctypedef struct hf_event:
        int kind
        uint64_t id, port
        int code
        uint32_t value
        int source

    ctypedef struct hf_event_ring:
        uint64_t overflow

    ctypedef struct hf_engine_counts:
        uint64_t ticks, late_ticks, skipped_ticks, worst_late_ns, busy_ns, worst_phase_ns
        uint64_t phase_ns[4]
        uint64_t phase_worst_ns[4]
        uint64_t phase_ticks[4]
        uint64_t ports, load_ppm
        uint64_t late[64]

    ctypedef struct hf_engine:
        int wake, started
        char scheduling[96]
        hf_event_ring events, file_events, transport_events
        hf_engine_counts counts

    hf_engine *hf_engine_new(int realtime, int silence_seconds)
    int hf_engine_start(hf_engine *engine)
    double hf_engine_cpu(const hf_engine *engine)
    double hf_engine_files_cpu(const hf_engine *engine)
    void hf_engine_stop(hf_engine *engine) nogil
    void hf_engine_free(hf_engine *engine) nogil
    int hf_command_push(hf_engine *engine, const hf_command *command)
    uint32_t hf_commands_pushed(const hf_engine *engine)
    uint32_t hf_commands_read(const hf_engine *engine)
    int hf_event_pop(hf_event_ring *ring, hf_event *event)
    void hf_look(hf_engine *engine)
    hf_extra *hf_extra_new()
    void hf_extras_fill(hf_engine *engine)
    hf_object *hf_retired_take(hf_engine *engine)
    void hf_object_free(hf_object *object)
    hf_port *hf_port_new(uint64_t id, hf_port_kind kind, int fd)
    int hf_rtp_bind(const char *host, int port, int *bound)
    int hf_address(const char *host, int port, hf_endpoint *out, socklen_t *length)
    hf_player *hf_player_new(uint64_t id, uint32_t items, int tones)
    void hf_player_seek(hf_player *player, int64_t sample)
    uint32_t hf_phase_step(double hz)
    int hf_opus_load()
    hf_opus *hf_opus_new()
    hf_room *hf_room_new(uint64_t id, int capacity)
    hf_recorder *hf_recorder_new(uint64_t id, int fd, int stereo, double max_s, double silence_s)
    void hf_files_add(hf_engine *engine, hf_recorder *recorder)
    enum hf_tap_rate:
        HF_TAP_NARROW, HF_TAP_WIDE
    hf_tap *hf_tap_new(uint64_t id, hf_tap_rate rate)
    hf_tap *hf_copies_new(uint64_t id)
    int hf_reports_open(const hf_port *port)
    int hf_socket_quiet(int fd)
    int hf_srtp_key_length(hf_suite suite)
    hf_keyring *hf_keyring_new(uint64_t id, hf_suite suite, const uint8_t *inward,
                               const uint8_t *outward)
    uint32_t hf_rtcp_expected(const hf_rtcp *rtcp)
    int32_t hf_rtcp_lost(const hf_rtcp *rtcp)
    int hf_codec_clock(int law)
    enum hf_fsk_kind:
        pass
    ctypedef struct hf_caller_id:
        hf_object head
    hf_caller_id *hf_caller_id_new(uint64_t id)
    int hf_fsk_length(int octets)
    void hf_fsk_send(hf_fsk_kind kind, const uint8_t *octets, int count, float amplitude,
                     int16_t *out)
