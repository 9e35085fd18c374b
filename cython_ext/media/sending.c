#include "engine.h"

#include <string.h>

/* What a port sends: frames as packets of the length that was agreed on. */

#define KEY_VOLUME 10 /* -10 dBm0 */

static void emit(hf_port *port, int type, int marker, uint32_t timestamp, const uint8_t *payload,
                 int length)
{
    uint8_t data[HF_RTP_HEADER + HF_PAYLOAD + HF_SRTP_TRAILER];
    int size = HF_RTP_HEADER + length;
    /* Counted in 8 kHz inside; multiplying goes well with wrapping. */
    timestamp *= (uint32_t)hf_codec_clock(port->law);
    hf_rtp_header(data, type, marker, port->sequence++, timestamp, port->ssrc);
    memcpy(data + HF_RTP_HEADER, payload, (size_t)length);
    hf_rtcp_sent(&port->rtcp, length);
    if (port->copies)
        hf_copies_put(port->copies, HF_COPY_OUT, 0, &port->target, data, size);
    if (port->keyring)
        size = hf_srtp_protect(port->keyring->out, data, size);
    if (size < 0 ||
        sendto(port->fd, data, (size_t)size, 0, (struct sockaddr *)&port->target,
               port->target_length) < 0)
        atomic_fetch_add_explicit(&port->counts.not_sent, 1, memory_order_relaxed);
    else
        atomic_fetch_add_explicit(&port->counts.packets_out, 1, memory_order_relaxed);
}

/* Samples are gathered to a packet, for octets of Opus cannot be cut. */
static void send_opus(hf_port *port)
{
    int whole = port->stream.packet_samples * (int)sizeof(int16_t), octets;
    uint8_t *wire = port->extra->wire;
    memcpy(wire + port->wire_fill, port->sent, HF_FRAME * sizeof *port->sent);
    port->wire_fill += HF_FRAME * (int)sizeof *port->sent;
    while (port->wire_fill >= whole) {
        uint32_t first = port->timestamp + HF_FRAME - (uint32_t)port->wire_fill / 2;
        int16_t samples[HF_LONGEST];
        uint8_t coded[HF_PAYLOAD];
        memcpy(samples, wire, (size_t)whole);
        octets = hf_opus_encode(port->coders.opus, samples, port->stream.packet_samples, coded,
                                sizeof coded);
        if (octets > 0)
            emit(port, port->stream.payload_type, port->marker, first, coded, octets);
        port->marker = 0;
        port->wire_fill -= whole;
        memmove(wire, wire + whole, (size_t)port->wire_fill);
    }
}

static void send_audio(hf_port *port)
{
    int shift = hf_codec_shift(port->law), size = port->stream.packet_samples << shift;
    if (hf_codec_is_opaque(port->law, &port->coders))
        return; /* nothing to pass, and nothing can be made */
    if (port->law == HF_OPUS) {
        if (port->extra)
            send_opus(port);
        return;
    }
    if (port->stream.packet_samples == HF_FRAME && !port->wire_fill) {
        uint8_t coded[HF_FRAME * 2];
        size = hf_codec_encode(port->law, &port->coders, port->sent, HF_FRAME, coded);
        emit(port, port->stream.payload_type, port->marker, port->timestamp, coded, size);
        port->marker = 0;
        return;
    }
    port->wire_fill += hf_codec_encode(port->law, &port->coders, port->sent, HF_FRAME,
                                       port->extra->wire + port->wire_fill);
    while (port->wire_fill >= size) {
        uint32_t first = port->timestamp + HF_FRAME - (uint32_t)(port->wire_fill >> shift);
        emit(port, port->stream.payload_type, port->marker, first, port->extra->wire, size);
        port->marker = 0;
        port->wire_fill -= size;
        memmove(port->extra->wire, port->extra->wire + size, (size_t)port->wire_fill);
    }
}

void hf_rtp_send(hf_port *port, const hf_key_frame *key, const uint8_t *raw, int length)
{
    if (port->connected && port->stream.send && port->target_length &&
        (port->keyring || !port->transport)) {
        if (key->step == HF_KEY_PACKET && port->key_source == HF_RFC4733) {
            uint8_t payload[4];
            hf_key_payload(payload, hf_key_event(key->key), key->last, KEY_VOLUME,
                           key->duration * (uint32_t)hf_codec_clock(port->law));
            port->wire_fill = 0;
            emit(port, port->stream.key_payload_type, key->first, key->timestamp, payload, 4);
        } else if (raw) {
            if (port->law == HF_OPUS && port->coders.opus)
                port->coders.opus->passed = 1;
            emit(port, port->stream.payload_type, port->marker, port->timestamp, raw, length);
            port->marker = 0;
        } else {
            send_audio(port);
        }
    }
    port->timestamp += HF_FRAME;
}

void hf_rtp_skip(hf_port *port, int lost)
{
    /* What was lost on its way here is missing there, so that it can be recovered there. */
    port->sequence = (uint16_t)(port->sequence + (lost && port->connected && port->stream.send));
    port->timestamp += HF_FRAME;
}
