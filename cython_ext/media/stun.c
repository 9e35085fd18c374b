#include "stun.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define HEADER 20
#define COOKIE 0x2112a442u
#define DIGEST 20              /* octets of HMAC-SHA1 */
#define FINGERPRINT_XOR 0x5354554eu
#define BINDING 1

enum { /* RFC 8489 18.3, RFC 8445 16.1; below 0x8000 the reader must understand */
    MAPPED_ADDRESS = 0x0001, USERNAME = 0x0006, INTEGRITY = 0x0008, ERROR_CODE = 0x0009,
    UNKNOWN_ATTRIBUTES = 0x000a, XOR_MAPPED_ADDRESS = 0x0020, PRIORITY = 0x0024,
    USE_CANDIDATE = 0x0025, OPTIONAL = 0x8000, FINGERPRINT = 0x8028, CONTROLLED = 0x8029,
};

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int get16(const uint8_t *at)
{
    return at[0] << 8 | at[1];
}

static void put16(uint8_t *at, int value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, (int)(value >> 16));
    put16(at + 2, (int)(value & 0xffff));
}

/* CRC-32 of ITU-T V.42, as RFC 8489 14.7 asks. */
static uint32_t crc32(const uint8_t *data, int size)
{
    uint32_t crc = 0xffffffffu;
    int i, bit;
    for (i = 0; i < size; i++) {
        crc ^= data[i];
        for (bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

int hf_stun_claimed(const uint8_t *data, int size)
{
    return size >= HEADER && data[0] < 4 && get32(data + 4) == COOKIE;
}

/* One attribute before the integrity; what comes behind it is not protected and not read. */
static int take(hf_stun *out, int type, const uint8_t *value, int length)
{
    switch (type) {
    case USERNAME:
        out->username = value;
        out->username_length = length;
        return 0;
    case INTEGRITY:
        out->integrity = value - 4;
        return length == DIGEST ? 0 : -1;
    case PRIORITY:
        out->priority = length == 4 ? get32(value) : 0;
        return length == 4 ? 0 : -1;
    case USE_CANDIDATE:
        out->use_candidate = 1;
        return length == 0 ? 0 : -1;
    case CONTROLLED:
        out->controlled = 1;
        return length == 8 ? 0 : -1;
    case MAPPED_ADDRESS:
    case XOR_MAPPED_ADDRESS:
    case ERROR_CODE:
    case UNKNOWN_ATTRIBUTES:
        return 0; /* known, and of no use in a request */
    default:
        if (type < OPTIONAL && out->unknowns < HF_STUN_UNKNOWN)
            out->unknown[out->unknowns++] = (uint16_t)type;
        return 0;
    }
}

int hf_stun_parse(const uint8_t *data, int size, hf_stun *out)
{
    int at = HEADER, type;
    memset(out, 0, sizeof *out);
    if (!hf_stun_claimed(data, size) || size > HF_STUN_LARGEST || size % 4 ||
        get16(data + 2) != size - HEADER)
        return -1;
    type = get16(data); /* RFC 8489 5: the two bits of the class lie between those of the method */
    out->class = (enum hf_stun_class)((type >> 4 & 1) | (type >> 7 & 2));
    out->method = (type & 0xf) | (type >> 1 & 0x70) | (type >> 2 & 0xf80);
    out->transaction = data + 8;
    while (at < size) {
        int length = get16(data + at + 2), padded = (length + 3) & ~3;
        type = get16(data + at);
        if (out->has_fingerprint || at + 4 + padded > size)
            return -1; /* the fingerprint is the last attribute */
        if (type == FINGERPRINT) {
            if (length != 4 || get32(data + at + 4) != (crc32(data, at) ^ FINGERPRINT_XOR))
                return -1;
            out->has_fingerprint = 1;
        } else if (!out->integrity && take(out, type, data + at + 4, length) < 0) {
            return -1;
        }
        at += 4 + padded;
    }
    return 0;
}

/* HMAC-SHA1 over a message that ends before ``at``, its length as if the integrity ended it. */
static int seal(const uint8_t *data, int at, const char *password, uint8_t digest[DIGEST])
{
    uint8_t copy[HF_STUN_LARGEST];
    unsigned length = DIGEST;
    if (at > (int)sizeof copy)
        return -1;
    memcpy(copy, data, (size_t)at);
    put16(copy + 2, at + 4 + DIGEST - HEADER);
    return HMAC(EVP_sha1(), password, (int)strlen(password), copy, (size_t)at, digest, &length)
               ? 0
               : -1;
}

int hf_stun_is_sealed(const uint8_t *data, const hf_stun *message, const char *password)
{
    uint8_t digest[DIGEST];
    if (!message->integrity ||
        seal(data, (int)(message->integrity - data), password, digest) < 0)
        return 0;
    return CRYPTO_memcmp(digest, message->integrity + 4, DIGEST) == 0;
}

static int attribute(uint8_t *out, int at, int type, int length)
{
    put16(out + at, type);
    put16(out + at + 2, length);
    return at + 4;
}

static int put_address(uint8_t *out, int at, const hf_stun *request,
                       const hf_endpoint *to)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)to;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)to;
    int is_six = to->family == AF_INET6, octets = is_six ? 16 : 4, i;
    uint8_t mask[16];
    put32(mask, COOKIE);
    memcpy(mask + 4, request->transaction, 12);
    at = attribute(out, at, XOR_MAPPED_ADDRESS, 4 + octets);
    out[at] = 0;
    out[at + 1] = is_six ? 2 : 1;
    /* Both families keep the port at the same place. */
    put16(out + at + 2, ntohs(four->sin_port) ^ (int)(COOKIE >> 16));
    memcpy(out + at + 4, is_six ? (const void *)&six->sin6_addr : (const void *)&four->sin_addr,
           (size_t)octets);
    for (i = 0; i < octets; i++)
        out[at + 4 + i] ^= mask[i];
    return at + 4 + octets;
}

static int put_error(uint8_t *out, int at, const hf_stun *request, enum hf_stun_code code)
{
    int i, padded = (request->unknowns + 1) & ~1;
    at = attribute(out, at, ERROR_CODE, 4);
    put32(out + at, (uint32_t)code / 100 << 8 | (uint32_t)code % 100);
    at += 4;
    if (code != HF_STUN_UNKNOWN_ATTRIBUTE)
        return at;
    at = attribute(out, at, UNKNOWN_ATTRIBUTES, request->unknowns * 2);
    memset(out + at, 0, (size_t)padded * 2);
    for (i = 0; i < request->unknowns; i++)
        put16(out + at + 2 * i, request->unknown[i]);
    return at + padded * 2;
}

int hf_stun_end(uint8_t *out, int at, const char *password)
{
    if (password && seal(out, at, password, out + at + 4) == 0) {
        attribute(out, at, INTEGRITY, DIGEST);
        at += 4 + DIGEST;
    }
    put16(out + 2, at + 8 - HEADER);
    put32(out + at + 4, crc32(out, at) ^ FINGERPRINT_XOR);
    attribute(out, at, FINGERPRINT, 4);
    return at + 8;
}

int hf_stun_answer(uint8_t out[HF_STUN_ANSWER], const hf_stun *request, enum hf_stun_code code,
                   const hf_endpoint *to, const char *password)
{
    int at = HEADER;
    put16(out, BINDING | (code == HF_STUN_OK ? 0x0100 : 0x0110));
    put32(out + 4, COOKIE);
    memcpy(out + 8, request->transaction, 12);
    at = code == HF_STUN_OK ? put_address(out, at, request, to)
                            : put_error(out, at, request, code);
    return hf_stun_end(out, at, password);
}
