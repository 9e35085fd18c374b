/* An IP address with a port, in less room than sockaddr_storage takes: thousands of ports have two. */
#ifndef HF_ENDPOINT_H
#define HF_ENDPOINT_H

#include <netinet/in.h>
#include <sys/socket.h>

typedef union {
    sa_family_t family;
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
} hf_endpoint;

#endif
