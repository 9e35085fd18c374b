#include "test_engine.h"

#include <stdlib.h>
#include <string.h>

#include "ice.h"

#define PASSWORD "VOkJxbRl1RmTxUk/WvJxBt"

/* RFC 5769 2.1 to 2.3. */
static const uint8_t REQUEST[] =
    "\x00\x01\x00\x58\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae"
    "\x80\x22\x00\x10STUN test client\x00\x24\x00\x04\x6e\x00\x01\xff"
    "\x80\x29\x00\x08\x93\x2f\xf9\xb1\x51\x26\x3b\x36\x00\x06\x00\x09\x65vtj:h6vY   "
    "\x00\x08\x00\x14\x9a\xea\xa7\x0c\xbf\xd8\xcb\x56\x78\x1e\xf2\xb5\xb2\xd3\xf2\x49\xc1\xb5"
    "\x71\xa2\x80\x28\x00\x04\xe5\x7a\x3b\xcf";
static const uint8_t FOUR[] =
    "\x01\x01\x00\x3c\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae"
    "\x80\x22\x00\x0btest vector \x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43"
    "\x00\x08\x00\x14\x2b\x91\xf5\x99\xfd\x9e\x90\xc3\x8c\x74\x89\xf9\x2a\xf9\xba\x53\xf0\x6b"
    "\xe7\xd7\x80\x28\x00\x04\xc0\x7d\x4c\x96";
static const uint8_t SIX[] =
    "\x01\x01\x00\x48\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae"
    "\x80\x22\x00\x0btest vector \x00\x20\x00\x14\x00\x02\xa1\x47\x01\x13\xa9\xfa\xa5\xd3\xf1"
    "\x79\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9\x00\x08\x00\x14\xa3\x82\x95\x4e\x4b\xe6\x7b\xf1\x17"
    "\x84\xc9\x7c\x82\x92\xc2\x75\xbf\xe3\xed\x41\x80\x28\x00\x04\xc8\xfb\x0b\x4c";

static void vectors_of_the_standard_are_understood(void)
{
    hf_stun found;
    CHECK(hf_stun_parse(REQUEST, sizeof REQUEST - 1, &found) == 0);
    CHECK(found.class == HF_STUN_REQUEST && found.method == 1 && found.has_fingerprint);
    CHECK(found.username_length == 9 && memcmp(found.username, "evtj:h6vY", 9) == 0);
    CHECK(found.priority == 0x6e0001ff && found.controlled && !found.use_candidate);
    CHECK(hf_stun_is_sealed(REQUEST, &found, PASSWORD) && found.unknowns == 0);
    CHECK(!hf_stun_is_sealed(REQUEST, &found, "VOkJxbRl1RmTxUk/WvJxBu"));
    CHECK(hf_stun_parse(FOUR, sizeof FOUR - 1, &found) == 0);
    CHECK(found.class == HF_STUN_SUCCESS && hf_stun_is_sealed(FOUR, &found, PASSWORD));
    CHECK(hf_stun_parse(SIX, sizeof SIX - 1, &found) == 0);
    CHECK(found.class == HF_STUN_SUCCESS && hf_stun_is_sealed(SIX, &found, PASSWORD));
}

static hf_endpoint at(const char *host, int port, socklen_t *length)
{
    hf_endpoint made;
    CHECK(hf_address(host, port, &made, length) == 0);
    return made;
}

/* Our answers hold the same mapped addresses, and an integrity that we accept ourselves. */
static void answers_are_those_of_the_standard(void)
{
    socklen_t length;
    hf_endpoint four = at("192.0.2.1", 32853, &length);
    hf_endpoint six = at("2001:db8:1234:5678:11:2233:4455:6677", 32853, &length);
    uint8_t out[HF_STUN_ANSWER];
    hf_stun request, answer;
    int size;
    hf_stun_parse(REQUEST, sizeof REQUEST - 1, &request);
    size = hf_stun_answer(out, &request, HF_STUN_OK, &four, PASSWORD);
    CHECK(size == 20 + 12 + 24 + 8 && memcmp(out + 20, FOUR + 36, 12) == 0);
    CHECK(hf_stun_parse(out, size, &answer) == 0 && answer.has_fingerprint);
    CHECK(answer.class == HF_STUN_SUCCESS && memcmp(answer.transaction, REQUEST + 8, 12) == 0);
    CHECK(hf_stun_is_sealed(out, &answer, PASSWORD));
    size = hf_stun_answer(out, &request, HF_STUN_OK, &six, PASSWORD);
    CHECK(size == 20 + 24 + 24 + 8 && memcmp(out + 20, SIX + 36, 24) == 0);
    CHECK(hf_stun_parse(out, size, &answer) == 0 && hf_stun_is_sealed(out, &answer, PASSWORD));
}

/* Every octet counts: a changed one is seen by the fingerprint, or by the integrity. */
static void changed_requests_are_not_believed(void)
{
    int i, bit, size;
    for (i = 0; i < (int)sizeof REQUEST - 1; i++)
        for (bit = 0; bit < 8; bit++) {
            uint8_t *copy = malloc(sizeof REQUEST - 1);
            hf_stun found;
            memcpy(copy, REQUEST, sizeof REQUEST - 1);
            copy[i] ^= (uint8_t)(1 << bit);
            CHECK(hf_stun_parse(copy, sizeof REQUEST - 1, &found) < 0 ||
                  !found.has_fingerprint || !hf_stun_is_sealed(copy, &found, PASSWORD));
            free(copy);
        }
    for (size = 0; size < (int)sizeof REQUEST - 1; size++) {
        uint8_t *copy = malloc((size_t)size + !size);
        hf_stun found;
        memcpy(copy, REQUEST, (size_t)size);
        CHECK(hf_stun_parse(copy, size, &found) < 0);
        free(copy);
    }
}

enum { NOMINATES = 1, IS_CONTROLLED = 2, UNKNOWN = 4, BARE = 8, ANONYMOUS = 16 };

/* A full agent's check. */
int test_check(uint8_t out[256], const char *username, const char *password, uint32_t priority,
               int flags)
{
    int length = (int)strlen(username), end = 20;
    memset(out, 0, 256);
    memcpy(out, "\x00\x01\x00\x00\x21\x12\xa4\x42" "abcdefghijkl", 20);
    if (!(flags & ANONYMOUS)) {
        memcpy(out + end, "\x00\x06\x00", 3);
        out[end + 3] = (uint8_t)length;
        memcpy(out + end + 4, username, (size_t)length);
        end += 4 + ((length + 3) & ~3);
    }
    memcpy(out + end, "\x00\x24\x00\x04", 4);
    out[end + 4] = (uint8_t)(priority >> 24);
    out[end + 5] = (uint8_t)(priority >> 16);
    out[end + 6] = (uint8_t)(priority >> 8);
    out[end + 7] = (uint8_t)priority;
    end += 8;
    memcpy(out + end, "\x80\x2a\x00\x08", 4); /* ICE-CONTROLLING, or the other */
    if (flags & IS_CONTROLLED)
        out[end + 1] = 0x29;
    end += 12;
    if (flags & NOMINATES) {
        memcpy(out + end, "\x00\x25\x00\x00", 4);
        end += 4;
    }
    if (flags & UNKNOWN) {
        memcpy(out + end, "\x00\x77\x00\x00", 4);
        end += 4;
    }
    return hf_stun_end(out, end, flags & BARE ? NULL : password);
}

typedef struct {
    hf_ice ice;
    uint8_t answer[HF_STUN_ANSWER];
    int size, moved;
    hf_stun read;
} lite;

static void check(lite *agent, int port, int64_t now, const char *username, const char *password,
                  uint32_t priority, int flags)
{
    socklen_t length;
    hf_endpoint from = at("192.0.2.9", port, &length);
    uint8_t request[256];
    int size = test_check(request, username, password, priority, flags);
    agent->size = hf_ice_receive(&agent->ice, request, size, &from, length, now, agent->answer,
                                 &agent->moved);
    memset(&agent->read, 0, sizeof agent->read);
    CHECK(agent->size == 0 || hf_stun_parse(agent->answer, agent->size, &agent->read) == 0);
}

/* The error code of the answer, 0 for success. */
static int code(const lite *agent)
{
    if (agent->read.class == HF_STUN_SUCCESS)
        return 0;
    return agent->answer[26] * 100 + agent->answer[27];
}

static int selected_port(const lite *agent)
{
    const hf_ice_path *path = hf_ice_selected(&agent->ice);
    const uint8_t *octets = path ? (const uint8_t *)&path->address : NULL;
    return path ? octets[2] << 8 | octets[3] : 0;
}

static const hf_credentials OWN = {"mine", PASSWORD};

static void only_authentic_checks_move_anything(void)
{
    lite agent;
    hf_ice_reset(&agent.ice, &OWN);
    memcpy(agent.ice.peer, "peer", 5);
    check(&agent, 1, 1, "mine:peer", "wrong", 9, NOMINATES);
    CHECK(code(&agent) == 401 && !agent.moved && agent.read.integrity == NULL);
    check(&agent, 1, 1, "mine:other", PASSWORD, 9, NOMINATES);
    CHECK(code(&agent) == 401);
    check(&agent, 1, 1, "min:peer", PASSWORD, 9, NOMINATES);
    CHECK(code(&agent) == 401);
    check(&agent, 1, 1, "mine", PASSWORD, 9, NOMINATES);
    CHECK(code(&agent) == 401);
    check(&agent, 1, 1, "mine:peer", PASSWORD, 9, NOMINATES | BARE);
    CHECK(code(&agent) == 400);
    check(&agent, 1, 1, "mine:peer", PASSWORD, 9, NOMINATES | ANONYMOUS);
    CHECK(code(&agent) == 400);
    check(&agent, 1, 1, "mine:peer", PASSWORD, 9, NOMINATES | UNKNOWN);
    CHECK(code(&agent) == 420 && hf_stun_is_sealed(agent.answer, &agent.read, PASSWORD));
    CHECK(memcmp(agent.answer + 28, "\x00\x0a\x00\x02\x00\x77", 6) == 0);
    check(&agent, 1, 1, "mine:peer", PASSWORD, 9, NOMINATES | IS_CONTROLLED);
    CHECK(code(&agent) == 487 && hf_stun_is_sealed(agent.answer, &agent.read, PASSWORD));
    CHECK(agent.ice.refused == 8 && agent.ice.count == 0 && agent.ice.checks == 0);
    check(&agent, 1, 1, "mine:peer", PASSWORD, 9, 0);
    CHECK(code(&agent) == 0 && !agent.moved && agent.ice.count == 1 && selected_port(&agent) == 0);
    check(&agent, 1, 1, "mine:peer", PASSWORD, 9, NOMINATES);
    CHECK(code(&agent) == 0 && agent.moved && selected_port(&agent) == 1);
    CHECK(hf_stun_is_sealed(agent.answer, &agent.read, PASSWORD));
}

static void the_best_nominated_path_is_followed(void)
{
    const int64_t second = 1000000000;
    hf_credentials again = {"new", "abcdefghijklmnopqrstuv"};
    lite agent;
    int i;
    hf_ice_reset(&agent.ice, &OWN); /* the peer's description is not here yet: any name */
    check(&agent, 1, second, "mine:whoever", PASSWORD, 50, NOMINATES);
    CHECK(agent.moved && selected_port(&agent) == 1);
    check(&agent, 2, second, "mine:whoever", PASSWORD, 40, NOMINATES);
    CHECK(!agent.moved && selected_port(&agent) == 1);
    check(&agent, 3, second, "mine:whoever", PASSWORD, 60, NOMINATES);
    CHECK(agent.moved && selected_port(&agent) == 3);
    check(&agent, 2, 7 * second, "mine:whoever", PASSWORD, 40, NOMINATES); /* the old is stale */
    CHECK(agent.moved && selected_port(&agent) == 2);
    for (i = 0; i < 30; i++) /* more addresses than there is room for: the selected one stays */
        check(&agent, 100 + i, 8 * second, "mine:whoever", PASSWORD, 1, 0);
    CHECK(agent.ice.count == HF_ICE_PATHS && selected_port(&agent) == 2);
    hf_ice_restart(&agent.ice, &again);
    check(&agent, 2, 8 * second, "mine:whoever", PASSWORD, 99, NOMINATES);
    CHECK(code(&agent) == 0 && !agent.moved); /* still answered, but nominates no more */
    check(&agent, 4, 8 * second, "new:another", again.password, 1, NOMINATES);
    CHECK(agent.moved && selected_port(&agent) == 4);
}

static void whendis_no_request_is_not_answered(void)
{
    socklen_t length;
    hf_endpoint from = at("192.0.2.9", 5, &length);
    uint8_t out[HF_STUN_ANSWER], data[256];
    hf_ice ice;
    int moved, size = test_check(data, "mine:peer", PASSWORD, 1, 0);
    hf_ice_reset(&ice, &OWN);
    CHECK(hf_ice_receive(&ice, FOUR, sizeof FOUR - 1, &from, length, 1, out, &moved) == 0);
    CHECK(ice.malformed == 0); /* an answer that we did not ask for is harmless */
    CHECK(hf_ice_receive(&ice, data, size - 8, &from, length, 1, out, &moved) == 0);
    data[3] = (uint8_t)(size - 20 - 8); /* whole, but without a fingerprint */
    CHECK(hf_ice_receive(&ice, data, size - 8, &from, length, 1, out, &moved) == 0);
    CHECK(ice.malformed == 2 && ice.count == 0);
}

void test_ice(void)
{
    vectors_of_the_standard_are_understood();
    answers_are_those_of_the_standard();
    changed_requests_are_not_believed();
    only_authentic_checks_move_anything();
    the_best_nominated_path_is_followed();
    whendis_no_request_is_not_answered();
}
