/* Jitter buffer: 16 packets in order of their sequence number, depth follows the network.
 * Payloads lie in cells of 160 octets, a long one in cells side by side. A buffer has eight, 160 ms
 * of G.711, which is all that most calls ever need; its owner can lend it more. */
#ifndef HF_JITTER_H
#define HF_JITTER_H

#include <stdint.h>

#define HF_SLOTS 16
#define HF_PAYLOAD 640 /* octets of the largest packet: 60 ms of G.711, 40 ms of L16 */
#define HF_LONGEST 480 /* samples of the longest packet, 60 ms */
#define HF_CELL 160
#define HF_CELLS 8
#define HF_MORE_CELLS 16 /* of a buffer that was lent more */

enum hf_slot_use { HF_FREE, HF_AUDIO, HF_NO_AUDIO };
enum hf_jitter_result { HF_GOT, HF_MISSING, HF_EMPTY };

typedef struct {
    uint8_t use, cell;
    uint16_t length;
} hf_slot;

typedef struct {
    hf_slot slots[HF_SLOTS];
    uint8_t cells[HF_CELLS][HF_CELL];
    uint8_t (*more)[HF_CELL]; /* HF_MORE_CELLS, somebody else's; NULL: there are no more */
    uint32_t taken, lent;   /* a bit a cell, first the buffer's own; lent: of the packet got last */
    int shift, fixed, opus; /* samples of a packet: octets >> shift, or always ``fixed``,
                               or with ``opus`` what the packet itself says */
    uint16_t next, jump;    /* next to play; a far sequence number that came once */
    int started, filling, has_jump, late_run, empty_run;
    int waiting;            /* samples in the slots */
    int target;             /* samples wanted before playing starts */
    int lowest, watched;    /* lowest level of the last frames, and how many */
    int calm;               /* frames since the last time it ran dry */
    int steady;             /* the delay stays as it is: a modem listens */
    uint64_t received, lost, late, duplicate, dropped, resyncs;
    uint64_t slips;         /* times that what is heard went on sooner or later than it was sent */
} hf_jitter;

void hf_jitter_reset(hf_jitter *jitter);
/* use HF_NO_AUDIO keeps the place of a packet that carries no audio (RFC 4733). */
void hf_jitter_put(hf_jitter *jitter, uint16_t sequence, const uint8_t *payload, int length,
                   enum hf_slot_use use);
/* Whether a packet of so many octets finds no place, and would with more cells. */
int hf_jitter_lacks_cells(const hf_jitter *jitter, int length);
/* The octets stay where they are until the next get. */
enum hf_jitter_result hf_jitter_get(hf_jitter *jitter, const uint8_t **payload, int *length);
/* The packet that would come next, where it lies; 0 when it is not there. */
int hf_jitter_peek(const hf_jitter *jitter, const uint8_t **payload, int *length);
/* A modem listens, or does no longer: a delay of 100 ms that the network's jitter does not
 * change. What comes too late is a gap as long as it was, so that time goes on evenly. */
void hf_jitter_steady(hf_jitter *jitter, int steady);
/* Once a frame: shortens or lengthens the delay. */
void hf_jitter_adapt(hf_jitter *jitter);

#endif
