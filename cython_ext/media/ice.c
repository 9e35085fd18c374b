#include "ice.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include "engine.h"

/* A peer that nominates every check (RFC 5245 "aggressive") is followed to its path of highest
 * priority; one that nominates another path later is followed once the old one is stale. */
#define STALE_NS 5000000000LL

void hf_ice_reset(hf_ice *ice, const hf_credentials *own)
{
    memset(ice, 0, sizeof *ice);
    ice->own = *own;
    ice->selected = -1;
}

void hf_ice_restart(hf_ice *ice, const hf_credentials *own)
{
    int i;
    ice->before = ice->own;
    ice->own = *own;
    ice->peer[0] = 0;
    for (i = 0; i < ice->count; i++)
        ice->paths[i].nominated_at = 0; /* any nomination from now on counts more */
}

static int find(const hf_ice *ice, const hf_endpoint *from)
{
    int i;
    for (i = 0; i < ice->count; i++)
        if (hf_same_address(&ice->paths[i].address, from))
            return i;
    return -1;
}

int hf_ice_is_proven(const hf_ice *ice, const hf_endpoint *from)
{
    return find(ice, from) >= 0;
}

const hf_ice_path *hf_ice_selected(const hf_ice *ice)
{
    return ice->selected < 0 ? NULL : &ice->paths[ice->selected];
}

/* The place of an address that has proved itself; the selected one is never given up. */
static int prove(hf_ice *ice, const hf_endpoint *from, socklen_t length)
{
    int at = find(ice, from);
    if (at >= 0)
        return at;
    if (ice->count < HF_ICE_PATHS) {
        at = ice->count++;
    } else {
        at = ice->next;
        if (at == ice->selected)
            at = (at + 1) % HF_ICE_PATHS;
        ice->next = (at + 1) % HF_ICE_PATHS;
    }
    memset(&ice->paths[at], 0, sizeof ice->paths[at]);
    ice->paths[at].address = *from;
    ice->paths[at].length = length;
    return at;
}

/* Returns 1 when the path becomes the selected one. */
static int nominate(hf_ice *ice, int at, uint32_t priority, int64_t now)
{
    const hf_ice_path *old = hf_ice_selected(ice);
    ice->paths[at].nominated_at = now;
    ice->paths[at].priority = priority;
    if (ice->selected == at)
        return 0;
    if (old && old->nominated_at && now - old->nominated_at < STALE_NS &&
        priority < old->priority)
        return 0;
    ice->selected = at;
    return 1;
}

/* USERNAME is ours, a colon, and the peer's own (RFC 8445 7.2.2). */
static int is_named(const hf_stun *request, const char *own, const char *peer)
{
    size_t ours = strlen(own), whole = (size_t)request->username_length;
    if (!own[0] || whole <= ours || memcmp(request->username, own, ours) != 0 ||
        request->username[ours] != ':')
        return 0;
    return !peer[0] || (whole - ours - 1 == strlen(peer) &&
                        memcmp(request->username + ours + 1, peer, strlen(peer)) == 0);
}

/* The credentials that a request was made with; NULL when it is not authentic. */
static const hf_credentials *authenticate(const hf_ice *ice, const uint8_t *data,
                                          const hf_stun *request)
{
    if (is_named(request, ice->own.ufrag, ice->peer) &&
        hf_stun_is_sealed(data, request, ice->own.password))
        return &ice->own;
    if (is_named(request, ice->before.ufrag, "") &&
        hf_stun_is_sealed(data, request, ice->before.password))
        return &ice->before;
    return NULL;
}

int hf_ice_receive(hf_ice *ice, const uint8_t *data, int size,
                   const hf_endpoint *from, socklen_t length, int64_t now,
                   uint8_t answer[HF_STUN_ANSWER], int *moved)
{
    const hf_credentials *with = NULL;
    enum hf_stun_code code = HF_STUN_OK;
    hf_stun request;
    int at;
    *moved = 0;
    /* RFC 8445 7.1: every message of ICE has a fingerprint. */
    if (hf_stun_parse(data, size, &request) < 0 || !request.has_fingerprint ||
        request.method != 1) {
        ice->malformed++;
        return 0;
    }
    if (request.class != HF_STUN_REQUEST)
        return 0; /* an indication keeps a binding open; we ask nothing, so answers are stray */
    if (!request.integrity || !request.username)
        code = HF_STUN_BAD;
    else if (!(with = authenticate(ice, data, &request)))
        code = HF_STUN_UNAUTHENTIC;
    else if (request.unknowns)
        code = HF_STUN_UNKNOWN_ATTRIBUTE;
    else if (request.controlled) /* a lite agent cannot take the other role */
        code = HF_STUN_ROLE_CONFLICT;
    if (code != HF_STUN_OK) {
        ice->refused++;
        return hf_stun_answer(answer, &request, code, from, with ? with->password : NULL);
    }
    ice->checks++;
    at = prove(ice, from, length);
    if (request.use_candidate && with == &ice->own)
        *moved = nominate(ice, at, request.priority, now);
    return hf_stun_answer(answer, &request, code, from, with->password);
}
