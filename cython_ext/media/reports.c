#include "engine.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LARGEST 1500
#define POLL_FRAMES 25   /* a socket of its own is read twice a second */
#define REPORTS_AT_ONCE 8

hf_keyring *hf_keyring_new(uint64_t id, enum hf_suite suite, const uint8_t *in, const uint8_t *out)
{
    hf_keyring *keyring = calloc(1, sizeof *keyring);
    if (!keyring)
        return NULL;
    keyring->head.kind = HF_KEYRING;
    keyring->head.id = id;
    keyring->in = hf_srtp_new(suite, in);
    keyring->out = hf_srtp_new(suite, out);
    if (keyring->in && keyring->out)
        return keyring;
    hf_object_free(&keyring->head);
    return NULL;
}

int64_t hf_arrival(struct msghdr *message, int64_t otherwise)
{
    struct cmsghdr *part;
    struct timespec when;
    for (part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part))
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
            memcpy(&when, CMSG_DATA(part), sizeof when);
            return (int64_t)when.tv_sec * 1000000000 + when.tv_nsec;
        }
    return otherwise;
}

/* Where reports of the far end come from and ours go (RFC 3550 11: the next port up). */
static hf_endpoint far_end(const hf_port *port)
{
    hf_endpoint found = port->target;
    struct sockaddr_in *four = (struct sockaddr_in *)&found;
    if (!port->stream.rtcp_mux)
        four->sin_port = htons((uint16_t)(ntohs(four->sin_port) + 1));
    return found;
}

void hf_reports_read(hf_engine *engine, hf_port *port, uint8_t *data, int size, int64_t wall)
{
    (void)engine;
    if (port->keyring)
        size = hf_srtcp_unprotect(port->keyring->in, data, size);
    if (size == HF_SRTP_REPLAYED)
        atomic_fetch_add_explicit(&port->counts.replayed, 1, memory_order_relaxed);
    else if (size == HF_SRTP_FORGED)
        atomic_fetch_add_explicit(&port->counts.forged, 1, memory_order_relaxed);
    else {
        hf_endpoint from = far_end(port);
        if (port->copies && size > 0)
            hf_copies_put(port->copies, HF_COPY_IN | HF_COPY_REPORT, wall, &from, data, size);
        hf_rtcp_read(&port->rtcp, data, size, port->ssrc, wall);
    }
}

static void receive(hf_engine *engine, hf_port *port)
{
    uint8_t data[LARGEST];
    int i;
    for (i = 0; i < REPORTS_AT_ONCE; i++) {
        hf_endpoint from;
        char control[64];
        struct iovec part = {data, sizeof data};
        struct msghdr message = {&from, sizeof from, &part, 1, control, sizeof control, 0};
        ssize_t size = recvmsg(port->rtcp_fd, &message, 0);
        if (size < 0)
            return;
        if (!port->connected)
            continue;
        if (port->target_length && !hf_same_host(&port->target, &from))
            atomic_fetch_add_explicit(&port->counts.foreign, 1, memory_order_relaxed);
        else
            hf_reports_read(engine, port, data, (int)size, hf_arrival(&message, engine->wall));
    }
}

static void send_report(hf_engine *engine, hf_port *port, int bye)
{
    uint8_t data[HF_RTCP_LARGEST + HF_SRTP_TRAILER];
    hf_endpoint to = far_end(port);
    int fd = port->stream.rtcp_mux ? port->fd : port->rtcp_fd, size;
    if (fd < 0 || !port->connected || !port->target_length || (port->transport && !port->keyring))
        return;
    size = hf_rtcp_build(&port->rtcp, data, port->ssrc,
                         port->timestamp * (uint32_t)hf_codec_clock(port->law), port->peer_ssrc,
                         engine->wall, bye);
    if (port->copies && size > 0)
        hf_copies_put(port->copies, HF_COPY_OUT | HF_COPY_REPORT, 0, &to, data, size);
    if (port->keyring)
        size = hf_srtcp_protect(port->keyring->out, data, size);
    if (size > 0)
        (void)sendto(fd, data, (size_t)size, 0, (struct sockaddr *)&to, port->target_length);
}

void hf_reports_frame(hf_engine *engine, hf_port *port)
{
    if (port->rtcp_fd >= 0 && port->polls % POLL_FRAMES == 0)
        receive(engine, port);
    if (hf_rtcp_due(&port->rtcp))
        send_report(engine, port, 0);
}

void hf_reports_bye(hf_engine *engine, hf_port *port)
{
    if (port->rtcp.packets || port->rtcp.started)
        send_report(engine, port, 1);
}
