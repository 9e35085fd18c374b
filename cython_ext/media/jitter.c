#include "jitter.h"

#include <string.h>

#include "opus.h"

#define FRAME 160
#define START_TARGET (2 * FRAME)
#define LOWEST_TARGET (2 * FRAME)
#define HIGHEST_TARGET (8 * FRAME)
#define STEADY_TARGET (5 * FRAME)
#define STEADY_MOST (STEADY_TARGET + 4 * FRAME) /* clocks apart: what comes faster must go */
#define REFILL_AFTER 5   /* frames without a packet: a pause, build up the delay again */
#define WATCH 100        /* 2 s of surplus before a packet is dropped */
#define CALM 500         /* 10 s without running dry before the target shrinks */
#define LATE_RESYNC 8    /* late packets in a row: the sender began a new numbering */

static uint32_t cells_of(int length)
{
    int count = (length + HF_CELL - 1) / HF_CELL;
    return (1u << count) - 1;
}

/* First of free cells side by side between two cells, -1 when there are none. */
static int find_between(const hf_jitter *jitter, uint32_t wanted, int first, int behind)
{
    for (; wanted << first < 1u << behind; first++)
        if ((jitter->taken & wanted << first) == 0)
            return first;
    return -1;
}

/* The two parts do not lie side by side. */
static int find_cells(const hf_jitter *jitter, int length)
{
    uint32_t wanted = cells_of(length);
    int found = find_between(jitter, wanted, 0, HF_CELLS);
    if (found < 0 && jitter->more)
        found = find_between(jitter, wanted, HF_CELLS, HF_CELLS + HF_MORE_CELLS);
    return found;
}

int hf_jitter_lacks_cells(const hf_jitter *jitter, int length)
{
    return !jitter->more && length <= HF_PAYLOAD && find_cells(jitter, length) < 0;
}

static int samples_of(const hf_jitter *jitter, const uint8_t *payload, int length)
{
    if (jitter->opus)
        return hf_opus_samples(payload, length);
    return jitter->fixed ? jitter->fixed : length >> jitter->shift;
}

static const uint8_t *payload_of(const hf_jitter *jitter, const hf_slot *slot)
{
    return slot->cell < HF_CELLS ? jitter->cells[slot->cell]
                                 : jitter->more[slot->cell - HF_CELLS];
}

/* Whether a packet is one that the buffer is made for. */
static int fits(const hf_jitter *jitter, const uint8_t *payload, int length, enum hf_slot_use use)
{
    int samples;
    if (length < 0 || length > HF_PAYLOAD)
        return 0;
    if (use == HF_NO_AUDIO)
        return 1;
    samples = samples_of(jitter, payload, length);
    return samples <= HF_LONGEST && (samples > 0 || !jitter->opus);
}

static void release(hf_jitter *jitter, hf_slot *slot)
{
    if (slot->use == HF_AUDIO) {
        jitter->taken &= ~(cells_of(slot->length) << slot->cell);
        jitter->waiting -= samples_of(jitter, payload_of(jitter, slot), slot->length);
    }
    slot->use = HF_FREE;
}

static void forget_queue(hf_jitter *jitter)
{
    int i;
    for (i = 0; i < HF_SLOTS; i++) {
        if (jitter->slots[i].use == HF_AUDIO)
            jitter->dropped++;
        jitter->slots[i].use = HF_FREE;
    }
    jitter->taken = jitter->lent;
    jitter->waiting = 0;
}

static void begin_at(hf_jitter *jitter, uint16_t sequence)
{
    forget_queue(jitter);
    jitter->next = sequence;
    jitter->started = 1;
    jitter->filling = 1;
    jitter->has_jump = 0;
    jitter->late_run = 0;
    jitter->empty_run = 0;
    jitter->watched = 0;
}

void hf_jitter_reset(hf_jitter *jitter)
{
    forget_queue(jitter);
    jitter->started = 0;
    jitter->target = jitter->steady ? STEADY_TARGET : START_TARGET;
    jitter->calm = 0;
}

void hf_jitter_steady(hf_jitter *jitter, int steady)
{
    if (jitter->steady == steady)
        return;
    jitter->steady = steady;
    jitter->target = steady ? STEADY_TARGET : START_TARGET;
    jitter->filling |= steady;
    jitter->calm = jitter->watched = 0;
}

/* A sequence number far ahead counts only when its successor comes: one odd packet must
 * not throw away the queue. */
static int confirmed_jump(hf_jitter *jitter, uint16_t sequence)
{
    int confirmed = jitter->has_jump && sequence == (uint16_t)(jitter->jump + 1);
    jitter->has_jump = 1;
    jitter->jump = sequence;
    return confirmed;
}

/* Whether the packet has a place; moves the window when the sender's numbering moved. */
static int placed(hf_jitter *jitter, uint16_t sequence)
{
    int ahead;
    if (!jitter->started)
        begin_at(jitter, sequence);
    ahead = (int16_t)(sequence - jitter->next);
    if (ahead < 0) {
        jitter->late++;
        if (++jitter->late_run < LATE_RESYNC)
            return 0;
        jitter->resyncs++;
        jitter->slips++;
        begin_at(jitter, sequence);
    } else if (ahead >= HF_SLOTS) {
        if (!confirmed_jump(jitter, sequence)) {
            jitter->dropped++;
            return 0;
        }
        jitter->resyncs++;
        jitter->slips++;
        begin_at(jitter, sequence);
    }
    jitter->late_run = 0;
    return 1;
}

void hf_jitter_put(hf_jitter *jitter, uint16_t sequence, const uint8_t *payload, int length,
                   enum hf_slot_use use)
{
    hf_slot *slot = &jitter->slots[sequence % HF_SLOTS];
    jitter->received++;
    if (!fits(jitter, payload, length, use) || !placed(jitter, sequence))
        return;
    if (slot->use != HF_FREE) {
        jitter->duplicate++;
        return;
    }
    if (use == HF_AUDIO) {
        int cell = find_cells(jitter, length);
        if (cell < 0) {
            jitter->dropped++;
            jitter->filling = 0; /* it cannot be fuller */
            return;
        }
        memcpy(cell < HF_CELLS ? jitter->cells[cell] : jitter->more[cell - HF_CELLS], payload,
               (size_t)length);
        jitter->taken |= cells_of(length) << cell;
        jitter->waiting += samples_of(jitter, payload, length);
        slot->cell = (uint8_t)cell;
    }
    slot->use = (uint8_t)use;
    slot->length = (uint16_t)length;
}

static int anything_waits(const hf_jitter *jitter)
{
    int i;
    for (i = 0; i < HF_SLOTS; i++)
        if (jitter->slots[i].use != HF_FREE)
            return 1;
    return 0;
}

static void skip_places_without_audio(hf_jitter *jitter)
{
    while (jitter->slots[jitter->next % HF_SLOTS].use == HF_NO_AUDIO) {
        jitter->slots[jitter->next % HF_SLOTS].use = HF_FREE;
        jitter->next++;
    }
}

/* A gap as long as what is missing; after a pause it begins anew with what comes then. */
static enum hf_jitter_result ran_dry_steadily(hf_jitter *jitter)
{
    if (++jitter->empty_run <= REFILL_AFTER) {
        jitter->lost++;
        jitter->next++;
        return HF_MISSING;
    }
    jitter->lost -= REFILL_AFTER; /* nothing was sent, or it comes yet */
    jitter->slips++;
    jitter->started = 0;
    return HF_EMPTY;
}

static enum hf_jitter_result ran_dry(hf_jitter *jitter)
{
    if (jitter->steady)
        return ran_dry_steadily(jitter);
    jitter->slips++;
    if (++jitter->empty_run == 1 && jitter->target < HIGHEST_TARGET)
        jitter->target += FRAME;
    jitter->calm = 0;
    if (jitter->empty_run >= REFILL_AFTER) {
        jitter->filling = 1;
        /* A pause is no jitter: take back what it added. */
        if (jitter->empty_run == REFILL_AFTER && jitter->target > LOWEST_TARGET)
            jitter->target -= FRAME;
    }
    return HF_EMPTY;
}

enum hf_jitter_result hf_jitter_get(hf_jitter *jitter, const uint8_t **payload, int *length)
{
    hf_slot *slot;
    jitter->taken &= ~jitter->lent;
    jitter->lent = 0;
    if (!jitter->started)
        return HF_EMPTY;
    skip_places_without_audio(jitter);
    if (jitter->filling) {
        if (jitter->waiting < jitter->target)
            return HF_EMPTY;
        jitter->filling = 0;
    }
    slot = &jitter->slots[jitter->next % HF_SLOTS];
    if (slot->use == HF_AUDIO) {
        jitter->empty_run = 0;
        jitter->next++;
        *payload = payload_of(jitter, slot);
        *length = slot->length;
        release(jitter, slot);
        jitter->lent = cells_of(*length) << slot->cell;
        jitter->taken |= jitter->lent;
        return HF_GOT;
    }
    if (!anything_waits(jitter))
        return ran_dry(jitter);
    jitter->lost++;
    jitter->next++;
    return HF_MISSING;
}

int hf_jitter_peek(const hf_jitter *jitter, const uint8_t **payload, int *length)
{
    const hf_slot *slot = &jitter->slots[jitter->next % HF_SLOTS];
    if (slot->use != HF_AUDIO)
        return 0;
    *payload = payload_of(jitter, slot);
    *length = slot->length;
    return 1;
}

static void drop_one(hf_jitter *jitter)
{
    hf_slot *slot;
    skip_places_without_audio(jitter);
    slot = &jitter->slots[jitter->next % HF_SLOTS];
    if (slot->use != HF_AUDIO)
        return;
    release(jitter, slot);
    jitter->next++;
    jitter->dropped++;
    jitter->slips++;
}

void hf_jitter_adapt(hf_jitter *jitter)
{
    if (!jitter->started || jitter->filling)
        return;
    if (!jitter->steady && ++jitter->calm >= CALM) {
        jitter->calm = 0;
        if (jitter->target > LOWEST_TARGET)
            jitter->target -= FRAME;
    }
    if (jitter->watched == 0 || jitter->waiting < jitter->lowest)
        jitter->lowest = jitter->waiting;
    if (++jitter->watched < WATCH)
        return;
    if (jitter->lowest >= (jitter->steady ? STEADY_MOST : jitter->target))
        drop_one(jitter);
    jitter->watched = 0;
}
