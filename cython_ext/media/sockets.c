#include "engine.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <time.h>
#include <unistd.h>

/* Sockets of RTP ports, which the owner opens and, between two ports, lets rest. */

#define QUIET_NS 200000000LL /* longer than the longest packets are apart */
#define MOST 4096            /* waiting datagrams; the kernel keeps fewer than 300 by default */

int hf_rtp_bind(const char *host, int port, int *bound)
{
    hf_endpoint address;
    socklen_t length;
    int fd, error, class = IPTOS_DSCP_EF, priority = 6, on = 1;
    if (hf_address(host, port, &address, &length) < 0)
        return -EINVAL;
    fd = socket(address.family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (bind(fd, (struct sockaddr *)&address, length) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
        error = errno;
        close(fd);
        return -error;
    }
    /* Priority is a wish: a network that ignores it still carries the call. */
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof priority);
    if (address.family == AF_INET)
        setsockopt(fd, IPPROTO_IP, IP_TOS, &class, sizeof class);
    else
        setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &class, sizeof class);
    /* Both families keep the port at the same place. */
    *bound = ntohs(((struct sockaddr_in *)&address)->sin_port);
    return fd;
}

int hf_reports_open(const hf_port *port)
{
    hf_endpoint here;
    socklen_t length = sizeof here;
    int fd, error, on = 1;
    /* Both families keep the port at the same place. */
    struct sockaddr_in *four = (struct sockaddr_in *)&here;
    if (getsockname(port->fd, (struct sockaddr *)&here, &length) < 0)
        return -errno;
    if (ntohs(four->sin_port) == 65535)
        return -EADDRNOTAVAIL;
    four->sin_port = htons((uint16_t)(ntohs(four->sin_port) + 1));
    fd = socket(here.family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (bind(fd, (struct sockaddr *)&here, length) < 0) {
        error = errno;
        close(fd);
        return -error;
    }
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    return fd;
}

int hf_socket_quiet(int fd)
{
    struct timespec now;
    int64_t since;
    int i, quiet = 1;
    clock_gettime(CLOCK_REALTIME, &now);
    since = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - QUIET_NS;
    for (i = 0; i < MOST; i++) {
        char control[64];
        struct msghdr message = {.msg_control = control, .msg_controllen = sizeof control};
        if (recvmsg(fd, &message, 0) < 0)
            return quiet;
        if (hf_arrival(&message, since) >= since)
            quiet = 0;
    }
    return 0;
}
