/* What travels between the threads of the engine, and the names of who they are. */
#ifndef HF_OBJECT_H
#define HF_OBJECT_H

#include <stdint.h>

#define HF_FRAME 160 /* samples in 20 ms */

enum hf_kind { HF_PORT, HF_PLAYER, HF_ROOM, HF_RECORDER, HF_TAP, HF_KEYRING, HF_CALLER_ID,
               HF_TRANSPORT, HF_PATH };

/* Head of everything that travels between the threads. */
typedef struct hf_object {
    enum hf_kind kind;
    uint64_t id;
    struct hf_object *next_retired;
    void *owned; /* what the owner knows it by; the engine does not look at it */
} hf_object;

typedef struct hf_port hf_port;
typedef struct hf_engine hf_engine;

enum hf_end { HF_FINISHED, HF_STOPPED, HF_BY_KEY, HF_REPLACED, HF_CLOSED, HF_MAX, HF_SILENCE,
              HF_ERROR, HF_DISK_FULL };

#endif
