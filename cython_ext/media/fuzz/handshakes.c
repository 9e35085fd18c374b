/* Changed STUN messages and changed DTLS records, for everything that reads them before a
 * packet is known to be the peer's. */
#include "handshakes.h"

#include <openssl/ssl.h>
#include <string.h>

#include "identity.h"
#include "transport.h"

#define MOST 16    /* datagrams on their way */
#define ROUNDS 8   /* of a handshake that is disturbed */
#define PASSWORD "abcdefghijklmnopqrstuv"

typedef struct {
    uint8_t data[MOST][HF_DTLS_LARGEST];
    int size[MOST], count;
} wire;

static hf_identity *identity;

static void put(void *context, const uint8_t *data, int size)
{
    wire *out = context;
    if (out->count == MOST || size > HF_DTLS_LARGEST)
        return;
    memcpy(out->data[out->count], data, (size_t)size);
    out->size[out->count++] = size;
}

void fuzz_handshakes_open(void)
{
    identity = hf_identity_new();
}

void fuzz_handshakes_close(void)
{
    hf_identity_free(identity);
}

int fuzz_check(uint8_t *data, uint32_t random)
{
    int at = 20;
    memset(data, 0, 128);
    memcpy(data, "\x00\x01\x00\x00\x21\x12\xa4\x42" "abcdefghijkl", at);
    memcpy(data + at, "\x00\x06\x00\x09mine:peer", 13);
    at += 16;
    memcpy(data + at, random & 1 ? "\x80\x2a\x00\x08" : "\x80\x29\x00\x08", 4);
    at += 12;
    memcpy(data + at, random & 2 ? "\x00\x25\x00\x00" : "\x00\x99\x00\x00", 4);
    at += 4;
    return hf_stun_end(data, at, PASSWORD);
}

void fuzz_stun(const uint8_t *data, int size, uint32_t random)
{
    static const hf_credentials own = {"mine", PASSWORD};
    static hf_ice ice;
    hf_endpoint from = {.family = random & 1 ? AF_INET : AF_INET6};
    uint8_t copy[1500], answer[HF_STUN_ANSWER];
    int moved;
    if (!ice.own.ufrag[0] || random % 1000 == 0)
        hf_ice_reset(&ice, &own);
    hf_ice_receive(&ice, data, size, &from, sizeof from, random, answer, &moved);
    if (size < 20 || size > 1400)
        return;
    /* And with an integrity and a fingerprint that are right, so that attributes are read. */
    memcpy(copy, data, (size_t)size);
    memcpy(copy + 4, "\x21\x12\xa4\x42", 4);
    size = hf_stun_end(copy, size & ~3, PASSWORD);
    hf_ice_receive(&ice, copy, size, &from, sizeof from, random, answer, &moved);
}

static hf_dtls *begin(int client, int cookies, wire *out)
{
    hf_dtls_setup setup = {.client = client, .cookies = cookies, .fingerprints = 1, .send = put};
    unsigned size;
    setup.context = out;
    setup.expected[0].size = 32;
    X509_digest(SSL_CTX_get0_certificate(identity->context), EVP_sha256(),
                setup.expected[0].digest, &size);
    return hf_dtls_new(identity, &setup, 1);
}

static void carry(wire *from, hf_dtls *to, int (*mutate)(uint8_t *, int), uint32_t (*draw)(void))
{
    static wire now;
    int i;
    now = *from;
    from->count = 0;
    for (i = 0; i < now.count; i++) {
        if (draw() % 8 == 0) /* beside the true one, before or instead of it */
            now.size[i] = mutate(now.data[i], now.size[i]);
        hf_dtls_receive(to, now.data[i], now.size[i], "address", 7, 2);
    }
}

void fuzz_dtls(int (*mutate)(uint8_t *, int), uint32_t (*draw)(void))
{
    static wire to_server, to_client;
    uint8_t in[HF_SRTP_MOST], out[HF_SRTP_MOST];
    hf_dtls *client, *server;
    int i;
    to_server.count = to_client.count = 0;
    server = begin(0, (int)(draw() % 2), &to_client);
    client = begin(1, 0, &to_server);
    for (i = 0; i < ROUNDS; i++) {
        carry(&to_server, server, mutate, draw);
        carry(&to_client, client, mutate, draw);
        if (draw() % 4 == 0)
            hf_dtls_wake(draw() % 2 ? client : server, 3);
    }
    hf_dtls_keys(server, in, out);
    hf_dtls_free(server);
    hf_dtls_free(client);
}
