#define _GNU_SOURCE
#include "engine.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* Copies of a port's packets for a capture, in a ring of shared memory, little-endian:
 * 0 "HFPC", 4 u32 version 1, 8 u32 octets of the ring, 12 u32 closed, 16 u64 octets written in
 * total, 24 u64 octets read (the reader's), 32 u64 packets that found no room, 64 the ring.
 * A packet is 32 octets and its own, filled up to 8: 0 u32 length, 4 u16 flags, 6 u16 port of
 * the far end, 8 s64 ns since 1970, 16 its address. Sealed packets are copied open.
 * The reader is slow at its own cost: the engine never waits, and drops what has no room. */
#define RING (HF_TAP_SAMPLES * 2)
#define RECORD 32
#define SIX 4 /* flag: the address is one of IPv6 */

static _Atomic uint64_t *counter(const hf_tap *copies, int at)
{
    return (_Atomic uint64_t *)(void *)(copies->map + at);
}

hf_tap *hf_copies_new(uint64_t id)
{
    hf_tap *copies = hf_tap_new(id, HF_TAP_NARROW);
    uint32_t head[3] = {1, RING, 0};
    if (!copies)
        return NULL;
    memcpy(copies->map, "HFPC", 4);
    memcpy(copies->map + 4, head, sizeof head);
    return copies;
}

static void put(hf_tap *copies, const void *data, size_t size)
{
    size_t at = copies->written % RING, first = RING - at < size ? RING - at : size;
    uint8_t *ring = copies->map + HF_TAP_HEADER;
    memcpy(ring + at, data, first);
    memcpy(ring, (const uint8_t *)data + first, size - first);
    copies->written += size;
}

void hf_copies_put(hf_tap *copies, int flags, int64_t wall, const hf_endpoint *far,
                   const uint8_t *data, int size)
{
    uint8_t head[RECORD] = {0};
    uint32_t length = (uint32_t)size, whole = (RECORD + length + 7) & ~7u;
    const struct sockaddr_in *four = (const struct sockaddr_in *)far;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)far;
    uint16_t words[2] = {(uint16_t)flags, ntohs(four->sin_port)};
    uint64_t read = atomic_load_explicit(counter(copies, 24), memory_order_acquire);
    struct timespec now;
    /* A count that cannot be is a reader's fault, and leaves no room either. */
    if (copies->written - read > RING - whole) {
        atomic_fetch_add_explicit(counter(copies, 32), 1, memory_order_relaxed);
        return;
    }
    if (!wall) {
        clock_gettime(CLOCK_REALTIME, &now);
        wall = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    }
    if (far->family == AF_INET6) {
        words[0] |= SIX;
        memcpy(head + 16, &six->sin6_addr, 16);
    } else {
        memcpy(head + 16, &four->sin_addr, 4);
    }
    memcpy(head, &length, 4);
    memcpy(head + 4, words, 4);
    memcpy(head + 8, &wall, 8);
    put(copies, head, RECORD);
    put(copies, data, length);
    copies->written += whole - RECORD - length;
    atomic_store_explicit(counter(copies, 16), copies->written, memory_order_release);
}

void hf_copies_end(hf_engine *engine, hf_tap *copies)
{
    atomic_store_explicit((_Atomic uint32_t *)(void *)(copies->map + 12), 1, memory_order_release);
    hf_retire(engine, &copies->head);
}
