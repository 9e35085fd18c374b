/* The floor below any media engine: threads that do nothing but receive and send.
 *
 * Written apart from the engine on purpose: what measures it shares none of its code. */
#ifndef HF_FLOOR_H
#define HF_FLOOR_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#define HF_FLOOR_PACKET 172 /* RTP header and 20 ms of G.711 */
#define HF_FLOOR_PHASES 4   /* 20 ms in ticks of 5 ms, as the engine does */

typedef struct {
    int fd, port;
    struct sockaddr_in target;
} hf_floor_socket;

typedef struct {
    pthread_t thread;
    _Atomic int running;
    int started, realtime, count;
    _Atomic uint64_t received, sent;
    hf_floor_socket *sockets;
} hf_floor;

/* ``count`` sockets on loopback; NULL when the system refuses. */
hf_floor *hf_floor_new(int count, int realtime);
void hf_floor_aim(hf_floor *floor, int index, int port);
int hf_floor_start(hf_floor *floor);
void hf_floor_stop(hf_floor *floor);
void hf_floor_free(hf_floor *floor);
double hf_floor_cpu(const hf_floor *floor);

/* A thread that does nothing but wake every millisecond, above every engine: what it sees
 * late is the machine's doing. */
typedef struct {
    pthread_t thread;
    _Atomic int running;
    _Atomic uint64_t worst_ns;
    int started;
} hf_witness;

int hf_witness_start(hf_witness *witness);
void hf_witness_stop(hf_witness *witness);

#endif
