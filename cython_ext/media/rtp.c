#include "engine.h"
#include "transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#define LARGEST 2048
#define PACKETS_AT_ONCE 32 /* in one frame; a flood must not hold up the other ports */
#define POLLS_A_ROUND 8    /* every 160 ms a socket is read until it is empty */
#define RELATCH_FRAMES 50  /* 1 s of silence before another source port is believed */
#define COMFORT_NOISE 13   /* RFC 3389 */
#define NOISE_PEAK 56755.8f /* of even noise with the power of 0 dBov, 32768 * sqrt(3) */
#define FIRST_REPORT 200   /* RTCP packet types in the place of marker and payload type */
#define LAST_REPORT 207

int hf_rtp_parse(const uint8_t *data, int size, hf_rtp *out)
{
    int offset, padding = 0;
    if (size < HF_RTP_HEADER || (data[0] & 0xc0) != 0x80)
        return -1;
    offset = HF_RTP_HEADER + 4 * (data[0] & 0x0f);
    if (data[0] & 0x10) {
        if (size < offset + 4)
            return -1;
        offset += 4 + 4 * (data[offset + 2] << 8 | data[offset + 3]);
    }
    if (data[0] & 0x20)
        padding = data[size - 1];
    if ((data[0] & 0x20) && padding == 0)
        return -1;
    if (offset + padding > size)
        return -1;
    out->payload_type = data[1] & 0x7f;
    out->marker = data[1] >> 7;
    out->sequence = (uint16_t)(data[2] << 8 | data[3]);
    out->timestamp = (uint32_t)data[4] << 24 | (uint32_t)data[5] << 16 | (uint32_t)data[6] << 8 |
                     data[7];
    out->ssrc = (uint32_t)data[8] << 24 | (uint32_t)data[9] << 16 | (uint32_t)data[10] << 8 |
                data[11];
    out->payload = data + offset;
    out->length = size - offset - padding;
    return 0;
}

int hf_rtp_header(uint8_t *out, int payload_type, int marker, uint16_t sequence,
                  uint32_t timestamp, uint32_t ssrc)
{
    out[0] = 0x80;
    out[1] = (uint8_t)(payload_type | (marker ? 0x80 : 0));
    out[2] = (uint8_t)(sequence >> 8);
    out[3] = (uint8_t)sequence;
    timestamp = htonl(timestamp);
    ssrc = htonl(ssrc);
    memcpy(out + 4, &timestamp, 4);
    memcpy(out + 8, &ssrc, 4);
    return HF_RTP_HEADER;
}

int hf_address(const char *host, int port, hf_endpoint *out, socklen_t *length)
{
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t)port);
        *length = sizeof *four;
        return 0;
    }
    if (inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons((uint16_t)port);
        *length = sizeof *six;
        return 0;
    }
    return -1;
}

int hf_same_host(const hf_endpoint *a, const hf_endpoint *b)
{
    if (a->family != b->family)
        return 0;
    if (a->family == AF_INET)
        return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)b)->sin_addr.s_addr;
    return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
                  &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

int hf_same_address(const hf_endpoint *a, const hf_endpoint *b)
{
    return hf_same_host(a, b) && ((const struct sockaddr_in *)a)->sin_port ==
                                  ((const struct sockaddr_in *)b)->sin_port;
}

/* What a stream brings becomes the port's, once. */
static void take_coders(hf_coders *own, const hf_coders *given)
{
    if (given->g722)
        own->g722 = given->g722;
    if (given->opus)
        own->opus = given->opus;
}

/* Whose decoder begins anew is silent so far; who heard G.722 heard it later. */
static void begin_smoothly(hf_port *port, const hf_stream *stream)
{
    int begins = !port->connected || !port->stream.send;
    if (!begins && stream->law == port->law)
        return;
    if (begins || stream->law == HF_G722)
        port->last_sent = 0;
    else if (port->law == HF_G722)
        port->last_sent = hf_g722_said(port->coders.g722);
    port->marker |= begins;
    port->changed = 1;
}

void hf_rtp_connect(hf_port *port, const hf_stream *stream)
{
    int moved = stream->remote_length != port->stream.remote_length ||
                !hf_same_address(&stream->remote, &port->stream.remote);
    if (!port->transport && (!port->connected || moved)) {
        port->target = stream->remote;
        port->target_length = stream->remote_length;
        port->latched = 0;
    }
    take_coders(&port->coders, &stream->coders);
    begin_smoothly(port, stream);
    if (!port->connected || stream->law != port->law || stream->coders.opus) {
        hf_jitter_reset(&port->jitter);
        port->jitter.shift = hf_codec_shift(stream->law);
        port->jitter.fixed = hf_codec_is_opaque(stream->law, &port->coders) ? HF_FRAME : 0;
        port->jitter.opus = stream->law == HF_OPUS && port->coders.opus;
        port->queued = port->raw_length = 0;
        port->noise = 0;
        if (port->coders.g722)
            hf_g722_reset(port->coders.g722);
        if (port->coders.opus)
            port->coders.opus->stale = port->coders.opus->passed = 1;
        hf_wide_reset(port);
    }
    if (!port->connected || stream->key_payload_type != port->stream.key_payload_type) {
        port->key_source = stream->key_payload_type >= 0 ? HF_RFC4733 : HF_INBAND;
        hf_keys_in_reset(&port->keys_in);
        hf_dtmf_reset(&port->dtmf);
    }
    if (stream->rtcp_fd >= 0 && port->rtcp_fd < 0)
        port->rtcp_fd = stream->rtcp_fd;
    port->law = stream->law;
    port->stream = *stream;
    port->stream.packet_samples =
        hf_codec_packet(stream->law, &port->coders, stream->packet_samples, HF_PAYLOAD);
    if (!port->extra)
        port->stream.packet_samples = HF_FRAME;
    port->wire_fill = 0;
    port->silent_frames = 0;
    port->connected = 1;
}

/* Symmetric RTP: answer to where the peer really sends from, but believe only the
 * negotiated host, and another port of it only after a silence; the negotiated port at once, so
 * that a packet left over from an earlier call does not make this one deaf. */
static int from_peer(hf_port *port, const hf_endpoint *from, socklen_t length)
{
    if (port->transport)
        return 1; /* is_believable has seen to it */
    if (port->stream.remote_length && !hf_same_host(&port->stream.remote, from))
        return 0;
    if (port->latched && hf_same_address(&port->target, from))
        return 1;
    if (port->latched && !hf_same_address(&port->stream.remote, from) &&
        (!hf_same_host(&port->target, from) || port->silent_frames < RELATCH_FRAMES))
        return 0;
    port->target = *from;
    port->target_length = length;
    port->latched = 1;
    return 1;
}

/* A new SSRC is a new stream, once two packets of it came in order (RFC 3550 A.1). */
static int known_source(hf_port *port, const hf_rtp *packet)
{
    if (!port->has_peer) {
        port->has_peer = 1;
        port->peer_ssrc = packet->ssrc;
        return 1;
    }
    if (packet->ssrc == port->peer_ssrc)
        return 1;
    if (packet->ssrc != port->new_ssrc ||
        packet->sequence != (uint16_t)(port->new_ssrc_sequence + 1)) {
        port->new_ssrc = packet->ssrc;
        port->new_ssrc_sequence = packet->sequence;
        return 0;
    }
    port->peer_ssrc = packet->ssrc;
    hf_rtcp_new_source(&port->rtcp);
    hf_jitter_reset(&port->jitter);
    hf_keys_in_reset(&port->keys_in);
    atomic_fetch_add_explicit(&port->counts.ssrc_changes, 1, memory_order_relaxed);
    return 1;
}

static void take(hf_engine *engine, hf_port *port, const hf_rtp *packet)
{
    hf_key keys[3];
    int count, i;
    if (packet->payload_type == port->stream.payload_type) {
        port->noise = 0;
        if (hf_jitter_lacks_cells(&port->jitter, packet->length))
            hf_extra_take(engine, port);
        hf_jitter_put(&port->jitter, packet->sequence, packet->payload, packet->length,
                      packet->length ? HF_AUDIO : HF_NO_AUDIO);
        return;
    }
    /* Keys and comfort noise share the numbering of the audio: keep their places. */
    hf_jitter_put(&port->jitter, packet->sequence, NULL, 0, HF_NO_AUDIO);
    if (packet->payload_type == COMFORT_NOISE && packet->length > 0)
        port->noise = NOISE_PEAK * powf(10.0f, (float)-(packet->payload[0] & 0x7f) / 20.0f);
    if (packet->payload_type != port->stream.key_payload_type)
        return;
    count = hf_keys_in_packet(&port->keys_in, packet->timestamp, packet->payload, packet->length,
                              keys);
    if (packet->length >= 4 && packet->payload[0] > 15)
        atomic_fetch_add_explicit(&port->counts.other_keys, 1, memory_order_relaxed);
    for (i = 0; i < count; i++)
        hf_port_key(engine, port, &keys[i]);
}

static int is_known_type(const hf_port *port, int type)
{
    return type == port->stream.payload_type || type == port->stream.key_payload_type ||
           type == COMFORT_NOISE;
}

/* Opens what is sealed, takes reports out; 0 when nothing of audio is left. */
static int unwrap(hf_engine *engine, hf_port *port, uint8_t *data, int size, int64_t wall,
                  hf_rtp *packet)
{
    hf_port_counts *counts = &port->counts;
    if (port->stream.rtcp_mux && size > 8 && data[1] >= FIRST_REPORT && data[1] <= LAST_REPORT) {
        hf_reports_read(engine, port, data, size, wall);
        return 0;
    }
    if (port->keyring) {
        size = hf_srtp_unprotect(port->keyring->in, data, size);
        if (size == HF_SRTP_FORGED)
            atomic_fetch_add_explicit(&counts->forged, 1, memory_order_relaxed);
        if (size == HF_SRTP_REPLAYED)
            atomic_fetch_add_explicit(&counts->replayed, 1, memory_order_relaxed);
        if (size == HF_SRTP_FORGED || size == HF_SRTP_REPLAYED)
            return 0;
    }
    if (hf_rtp_parse(data, size, packet) == 0 && is_known_type(port, packet->payload_type))
        return 1;
    atomic_fetch_add_explicit(&counts->bad, 1, memory_order_relaxed);
    return 0;
}

/* With ICE or DTLS only where the peer has proved to be, and nothing before there are keys. */
static int is_believable(hf_port *port, const hf_endpoint *from)
{
    if (port->transport)
        return port->keyring && hf_same_address(&port->target, from);
    return !port->stream.remote_length || hf_same_host(&port->stream.remote, from);
}

void hf_rtp_receive(hf_engine *engine, hf_port *port)
{
    uint8_t data[LARGEST];
    int drain = ++port->polls % POLLS_A_ROUND == 0 || port->jitter.filling, i;
    port->handed = 0;
    for (i = 0; i < PACKETS_AT_ONCE; i++) {
        hf_endpoint from;
        char control[64];
        struct iovec part = {data, sizeof data};
        struct msghdr message = {&from, sizeof from, &part, 1, control, sizeof control, 0};
        ssize_t size = recvmsg(port->fd, &message, 0);
        int64_t wall;
        hf_rtp packet;
        if (size < 0)
            return;
        if (port->transport && size > 0 && data[0] < HF_FIRST_RTP) {
            hf_transport_hand(engine, port, data, (int)size, &from, message.msg_namelen);
            continue;
        }
        if (!port->connected || !port->stream.receive)
            continue;
        wall = hf_arrival(&message, engine->wall);
        /* A stranger's packet costs no cryptography and moves no replay window. */
        if ((port->keyring || port->transport) && !is_believable(port, &from)) {
            atomic_fetch_add_explicit(&port->counts.foreign, 1, memory_order_relaxed);
            continue;
        }
        if (!unwrap(engine, port, data, (int)size, wall, &packet))
            continue;
        if (!from_peer(port, &from, message.msg_namelen)) {
            atomic_fetch_add_explicit(&port->counts.foreign, 1, memory_order_relaxed);
            continue;
        }
        if (port->copies) {
            data[0] &= (uint8_t)~0x20; /* padding is left out */
            hf_copies_put(port->copies, HF_COPY_IN, wall, &from, data,
                          (int)(packet.payload - data) + packet.length);
        }
        atomic_fetch_add_explicit(&port->counts.packets_in, 1, memory_order_relaxed);
        port->silent_frames = 0;
        if (!known_source(port, &packet))
            continue;
        /* Packets of one key have one timestamp, so they tell nothing of jitter. */
        if (packet.payload_type == port->stream.payload_type)
            hf_rtcp_heard(&port->rtcp, packet.sequence, packet.timestamp, wall,
                          hf_codec_clock(port->law));
        else
            hf_rtcp_counted(&port->rtcp, packet.sequence);
        take(engine, port, &packet);
        /* The usual packet is alone, and asking for another costs a system call. A burst
         * is noticed by a buffer that would run dry, by keys, or at the next full round. */
        if (!drain && port->jitter.waiting >= HF_FRAME &&
            packet.payload_type == port->stream.payload_type)
            return;
    }
}
