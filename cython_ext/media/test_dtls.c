#include "test_engine.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "identity.h"

#define MS 1000000LL
#define SECOND (1000 * MS)
#define MOST 64 /* datagrams on their way */
#define LEAST_FIRST (390 * MS) /* the first timer, less libssl's tolerance */

/* libssl reads its timers from here: in these tests time passes only when they say so. */
static int64_t frozen;

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = frozen ? frozen / SECOND : now.tv_sec;
    out->tv_usec = frozen ? frozen % SECOND / 1000 : now.tv_nsec / 1000;
    return 0;
}

typedef struct {
    uint8_t data[MOST][HF_DTLS_LARGEST];
    int size[MOST];
    int count, sent, largest, octets;
} wire;

typedef struct {
    hf_dtls *dtls;
    wire out;
} end;

typedef struct {
    end client, server;
} pair;

static hf_identity *ours, *theirs;

static void put(void *context, const uint8_t *data, int size)
{
    wire *out = context;
    CHECK(size <= HF_DTLS_LARGEST && out->count < MOST);
    memcpy(out->data[out->count], data, (size_t)size);
    out->size[out->count++] = size;
    out->largest = size > out->largest ? size : out->largest;
    out->octets += size;
    out->sent++;
}

static hf_fingerprint fingerprint_of(const hf_identity *identity, const EVP_MD *kind)
{
    hf_fingerprint made = {0};
    unsigned size;
    X509_digest(SSL_CTX_get0_certificate(identity->context), kind, made.digest, &size);
    made.size = (int)size;
    return made;
}

static void begin(end *at, const hf_identity *own, hf_fingerprint expected, int client,
                  int cookies)
{
    hf_dtls_setup setup = {.client = client, .cookies = cookies, .fingerprints = 1, .send = put};
    memset(&at->out, 0, sizeof at->out);
    setup.expected[0] = expected;
    setup.context = &at->out;
    at->dtls = hf_dtls_new(own, &setup, frozen);
    CHECK(at->dtls != NULL);
}

static pair *begin_pair(int cookies)
{
    pair *made = calloc(1, sizeof *made);
    begin(&made->server, ours, fingerprint_of(theirs, EVP_sha384()), 0, cookies);
    begin(&made->client, theirs, fingerprint_of(ours, EVP_sha256()), 1, 0);
    return made;
}

static void end_pair(pair *both)
{
    hf_dtls_free(both->client.dtls);
    hf_dtls_free(both->server.dtls);
    free(both);
}

/* Carries everything over once; ``lose`` says which of them never arrive. */
static int carry(end *from, end *to, const char *address, int (*lose)(int), int *number)
{
    wire now = from->out;
    int i;
    from->out.count = 0;
    for (i = 0; i < now.count; i++)
        if (!lose || !lose((*number)++))
            hf_dtls_receive(to->dtls, now.data[i], now.size[i], address, (int)strlen(address),
                            frozen);
    return now.count;
}

static int settled(const pair *both)
{
    return hf_dtls_state(both->client.dtls) != HF_DTLS_SHAKING &&
           hf_dtls_state(both->server.dtls) != HF_DTLS_SHAKING && !both->client.out.count &&
           !both->server.out.count;
}

/* Until both know how it ended. When nothing is on its way, time goes to the next deadline. */
static void shake(pair *both, int (*lose)(int))
{
    int number = 0, rounds;
    for (rounds = 0; rounds < 400 && !settled(both); rounds++) {
        int64_t first = hf_dtls_deadline(both->client.dtls);
        int64_t second = hf_dtls_deadline(both->server.dtls);
        if (carry(&both->client, &both->server, "client", lose, &number) +
            carry(&both->server, &both->client, "server", lose, &number))
            continue;
        if (second && (!first || second < first))
            first = second;
        CHECK(first > 0);
        frozen = first > frozen ? first : frozen;
        hf_dtls_wake(both->client.dtls, frozen);
        hf_dtls_wake(both->server.dtls, frozen);
    }
    CHECK(settled(both));
}

static void keys_agree(pair *both, enum hf_suite suite)
{
    uint8_t a_in[HF_SRTP_MOST] = {0}, a_out[HF_SRTP_MOST] = {0};
    uint8_t b_in[HF_SRTP_MOST] = {0}, b_out[HF_SRTP_MOST] = {0};
    CHECK(hf_dtls_state(both->client.dtls) == HF_DTLS_DONE);
    CHECK(hf_dtls_state(both->server.dtls) == HF_DTLS_DONE);
    CHECK(hf_dtls_keys(both->client.dtls, a_in, a_out) == suite);
    CHECK(hf_dtls_keys(both->server.dtls, b_in, b_out) == suite);
    CHECK(memcmp(a_in, b_out, sizeof a_in) == 0 && memcmp(a_out, b_in, sizeof a_in) == 0);
    CHECK(memcmp(a_in, a_out, sizeof a_in) != 0);
}

static void both_get_the_same_keys_at_once(void)
{
    pair *both = begin_pair(0);
    int64_t began = frozen;
    shake(both, NULL);
    keys_agree(both, HF_AES_GCM_128);
    CHECK(frozen == began); /* no timer had to end */
    CHECK(both->server.out.largest <= HF_DTLS_MTU && both->client.out.largest <= HF_DTLS_MTU);
    CHECK(hf_dtls_deadline(both->client.dtls) == 0 && hf_dtls_deadline(both->server.dtls) == 0);
    end_pair(both);
}

static int lost;

static int is_lost(int number)
{
    return number == lost;
}

static int a_third(int number)
{
    (void)number;
    return test_random() % 3 == 0;
}

static void any_datagram_may_be_lost(void)
{
    int i;
    for (lost = 0; lost < 10; lost++) {
        pair *both = begin_pair(lost % 2);
        int64_t began = frozen;
        shake(both, is_lost);
        keys_agree(both, HF_AES_GCM_128);
        CHECK(frozen == began || frozen - began >= LEAST_FIRST);
        CHECK(frozen - began < SECOND);
        end_pair(both);
    }
    for (i = 0; i < 100; i++) {
        pair *both = begin_pair(i % 2);
        shake(both, a_third);
        if (hf_dtls_state(both->client.dtls) == HF_DTLS_DONE &&
            hf_dtls_state(both->server.dtls) == HF_DTLS_DONE)
            keys_agree(both, HF_AES_GCM_128);
        else /* with so much loss the patience may end; never otherwise */
            CHECK(hf_dtls_cause(both->client.dtls) == HF_DTLS_TIMEOUT ||
                  hf_dtls_cause(both->server.dtls) == HF_DTLS_TIMEOUT);
        end_pair(both);
    }
}

static void another_certificate_is_refused(int client_knows)
{
    pair *both = calloc(1, sizeof *both);
    hf_fingerprint wrong = {.size = 32, .digest = {1, 2, 3}};
    uint8_t in[HF_SRTP_MOST], out[HF_SRTP_MOST];
    end *refuses = client_knows ? &both->server : &both->client;
    end *refused = client_knows ? &both->client : &both->server;
    begin(&both->server, ours, client_knows ? wrong : fingerprint_of(theirs, EVP_sha512()), 0, 0);
    begin(&both->client, theirs, client_knows ? fingerprint_of(ours, EVP_sha512()) : wrong, 1, 0);
    shake(both, NULL);
    CHECK(hf_dtls_state(refuses->dtls) == HF_DTLS_FAILED);
    CHECK(hf_dtls_cause(refuses->dtls) == HF_DTLS_WRONG_CERTIFICATE);
    CHECK(hf_dtls_state(refused->dtls) == HF_DTLS_FAILED);
    CHECK(hf_dtls_cause(refused->dtls) == HF_DTLS_ALERT);
    CHECK(hf_dtls_keys(refuses->dtls, in, out) == HF_NO_SUITE);
    CHECK(hf_dtls_keys(refused->dtls, in, out) == HF_NO_SUITE);
    end_pair(both);
}

/* RFC 6347 4.2.1: who does not answer from its address gets less than it sent, and no state. */
static void a_cookie_comes_before_any_certificate(void)
{
    pair *both = begin_pair(1);
    wire first, second;
    int number = 0;
    first = both->client.out;
    CHECK(first.count == 1);
    carry(&both->client, &both->server, "client", NULL, &number);
    CHECK(both->server.out.count == 1 && both->server.out.octets < first.size[0]);
    carry(&both->server, &both->client, "server", NULL, &number);
    second = both->client.out;
    CHECK(second.count == 1);
    both->server.out.octets = 0;
    hf_dtls_receive(both->server.dtls, second.data[0], second.size[0], "thief", 5, frozen);
    CHECK(both->server.out.octets < second.size[0]);
    both->server.out.count = 0;
    shake(both, NULL); /* the true client is not disturbed by the thief */
    keys_agree(both, HF_AES_GCM_128);
    end_pair(both);
}

static void silence_ends_in_a_timeout(void)
{
    pair *both = begin_pair(0);
    int64_t began = frozen;
    while (hf_dtls_state(both->client.dtls) == HF_DTLS_SHAKING) {
        both->client.out.count = 0;
        CHECK(hf_dtls_deadline(both->client.dtls) > 0);
        frozen = hf_dtls_deadline(both->client.dtls);
        hf_dtls_wake(both->client.dtls, frozen);
    }
    CHECK(hf_dtls_cause(both->client.dtls) == HF_DTLS_TIMEOUT);
    CHECK(frozen - began >= 25 * SECOND && frozen - began <= 31 * SECOND);
    CHECK(both->client.out.sent >= 8 && both->client.out.sent <= 14);
    end_pair(both);
}

static void a_goodbye_is_noticed(void)
{
    pair *both = begin_pair(0);
    wire last;
    shake(both, NULL);
    last = both->server.out;
    hf_dtls_free(both->server.dtls);
    both->server.dtls = NULL;
    CHECK(both->server.out.count == last.count + 1);
    hf_dtls_receive(both->client.dtls, both->server.out.data[0], both->server.out.size[0], "s", 1,
                    frozen);
    CHECK(hf_dtls_state(both->client.dtls) == HF_DTLS_CLOSED);
    end_pair(both);
}

/* Peers that know less: the older suite, and none of ours. */
static void the_suite_is_what_both_know(void)
{
    pair *both;
    SSL_CTX_set_tlsext_use_srtp(theirs->context, "SRTP_AES128_CM_SHA1_80");
    both = begin_pair(0);
    shake(both, NULL);
    keys_agree(both, HF_AES_CM_80);
    end_pair(both);
    SSL_CTX_set_tlsext_use_srtp(theirs->context, "SRTP_AES128_CM_SHA1_32");
    both = begin_pair(0);
    shake(both, NULL);
    CHECK(hf_dtls_cause(both->server.dtls) == HF_DTLS_NO_PROFILE);
    CHECK(hf_dtls_cause(both->client.dtls) == HF_DTLS_NO_PROFILE);
    end_pair(both);
    SSL_CTX_set_tlsext_use_srtp(theirs->context,
                                "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM");
    both = begin_pair(0); /* as server we prefer GCM, whatever comes first */
    shake(both, NULL);
    keys_agree(both, HF_AES_GCM_128);
    end_pair(both);
}

/* Garbage and changed records between the true ones: dropped, and the handshake goes on. */
static void garbage_stops_nothing(void)
{
    pair *both = begin_pair(0);
    uint8_t noise[200];
    int i, n, number = 0;
    for (i = 0; i < 20 && !settled(both); i++) {
        for (n = 0; n < (int)sizeof noise; n++)
            noise[n] = (uint8_t)test_random();
        memcpy(noise, "\x16\xfe\xfd\x00\x01", 5); /* of an epoch that has no keys yet */
        noise[11] = 0;
        noise[12] = 180;
        hf_dtls_receive(both->server.dtls, noise, sizeof noise, "client", 6, frozen);
        hf_dtls_receive(both->client.dtls, noise, 1 + (int)(test_random() % 13), "server", 6,
                        frozen);
        carry(&both->client, &both->server, "client", NULL, &number);
        carry(&both->server, &both->client, "server", NULL, &number);
    }
    keys_agree(both, HF_AES_GCM_128);
    end_pair(both);
}

void test_dtls(void)
{
    frozen = 1800000000LL * SECOND;
    ours = hf_identity_new();
    theirs = hf_identity_new();
    CHECK(strlen(hf_identity_fingerprint(ours)) == 95);
    CHECK(strcmp(hf_identity_fingerprint(ours), hf_identity_fingerprint(theirs)) != 0);
    both_get_the_same_keys_at_once();
    any_datagram_may_be_lost();
    another_certificate_is_refused(0);
    another_certificate_is_refused(1);
    a_cookie_comes_before_any_certificate();
    silence_ends_in_a_timeout();
    a_goodbye_is_noticed();
    garbage_stops_nothing();
    the_suite_is_what_both_know();
    hf_identity_free(ours);
    hf_identity_free(theirs);
    frozen = 0;
}
