/* SHA-1 keyed once and copied for each packet: the EVP interface allocates when it copies,
 * and nothing may be allocated in a frame. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "srtp.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#define HEADER 12
#define RTCP_HEADER 8
#define INDEX 4            /* octets of the SRTCP index with its E bit */
#define GCM_TAG 16
#define GCM_SALT 12
#define CM_SALT 14
#define SHA1_TAG 20
#define RTCP_TAG 10        /* RFC 3711: 80 bits in SRTCP, whatever SRTP has (RFC 4568 6.2.2) */
#define WINDOW 64          /* packets, RFC 3711 3.3.2 */
#define ENCRYPTED 0x80000000u
#define LATE_START 8       /* rollovers tried at first: a stream may be some hours old */

enum { RTP_KEY, RTP_AUTH, RTP_SALT, RTCP_KEY, RTCP_AUTH, RTCP_SALT };

typedef struct {
    SHA_CTX inner, outer;
} keyed_hash;

typedef struct {
    EVP_CIPHER_CTX *cipher;
    keyed_hash hash;
    uint8_t salt[CM_SALT];
    int tag;
} half; /* SRTP or SRTCP */

typedef struct {
    uint32_t ssrc, rollovers;
    uint16_t highest;
    uint64_t seen; /* bit n: the packet n before the highest came */
    int known;
} source;

struct hf_srtp {
    enum hf_suite suite;
    half rtp, rtcp;
    source sender;
    uint32_t rtcp_index, rtcp_highest;
    uint64_t rtcp_seen;
    int rtcp_known;
};

int hf_srtp_key_length(enum hf_suite suite)
{
    if (suite == HF_NO_SUITE)
        return 0;
    return HF_SRTP_KEY + (suite == HF_AES_GCM_128 ? GCM_SALT : CM_SALT);
}

void hf_srtp_derive(enum hf_suite suite, const uint8_t *key_and_salt, int label, uint8_t *out,
                    int length)
{
    static const uint8_t zero[64];
    uint8_t iv[16] = {0};
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int done;
    /* A salt of 96 bits stands at the left of the 112 (RFC 7714 11). */
    memcpy(iv, key_and_salt + HF_SRTP_KEY, (size_t)hf_srtp_key_length(suite) - HF_SRTP_KEY);
    iv[7] ^= (uint8_t)label;
    memset(out, 0, (size_t)length);
    if (cipher && EVP_EncryptInit_ex(cipher, EVP_aes_128_ctr(), NULL, key_and_salt, iv))
        EVP_EncryptUpdate(cipher, out, &done, zero, length);
    EVP_CIPHER_CTX_free(cipher);
}

static void key_hash(keyed_hash *hash, const uint8_t key[SHA1_TAG])
{
    uint8_t block[SHA_CBLOCK];
    int i;
    for (i = 0; i < SHA_CBLOCK; i++)
        block[i] = (uint8_t)((i < SHA1_TAG ? key[i] : 0) ^ 0x36);
    SHA1_Init(&hash->inner);
    SHA1_Update(&hash->inner, block, sizeof block);
    for (i = 0; i < SHA_CBLOCK; i++)
        block[i] ^= 0x36 ^ 0x5c;
    SHA1_Init(&hash->outer);
    SHA1_Update(&hash->outer, block, sizeof block);
    OPENSSL_cleanse(block, sizeof block);
}

/* HMAC-SHA1 (RFC 2104) over data and, when given, four octets more. */
static void sign(const keyed_hash *hash, const uint8_t *data, int size, const uint8_t *more,
                 uint8_t out[SHA1_TAG])
{
    SHA_CTX work = hash->inner;
    SHA1_Update(&work, data, (size_t)size);
    if (more)
        SHA1_Update(&work, more, 4);
    SHA1_Final(out, &work);
    work = hash->outer;
    SHA1_Update(&work, out, SHA1_TAG);
    SHA1_Final(out, &work);
}

static int prepare(half *made, enum hf_suite suite, const uint8_t *master, int first)
{
    uint8_t key[HF_SRTP_KEY], auth[SHA1_TAG];
    const EVP_CIPHER *kind = suite == HF_AES_GCM_128 ? EVP_aes_128_gcm() : EVP_aes_128_ctr();
    int done;
    hf_srtp_derive(suite, master, first, key, sizeof key);
    hf_srtp_derive(suite, master, first + RTP_AUTH, auth, sizeof auth);
    hf_srtp_derive(suite, master, first + RTP_SALT, made->salt, sizeof made->salt);
    key_hash(&made->hash, auth);
    made->tag = suite == HF_AES_GCM_128 ? GCM_TAG : RTCP_TAG;
    if (first == RTP_KEY && suite == HF_AES_CM_32)
        made->tag = 4;
    made->cipher = EVP_CIPHER_CTX_new();
    done = made->cipher && EVP_EncryptInit_ex(made->cipher, kind, NULL, key, NULL);
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(auth, sizeof auth);
    return done;
}

hf_srtp *hf_srtp_new(enum hf_suite suite, const uint8_t *key_and_salt)
{
    hf_srtp *made = suite == HF_NO_SUITE ? NULL : calloc(1, sizeof *made);
    if (!made)
        return NULL;
    made->suite = suite;
    if (prepare(&made->rtp, suite, key_and_salt, RTP_KEY) &&
        prepare(&made->rtcp, suite, key_and_salt, RTCP_KEY))
        return made;
    hf_srtp_free(made);
    return NULL;
}

void hf_srtp_free(hf_srtp *srtp)
{
    if (!srtp)
        return;
    EVP_CIPHER_CTX_free(srtp->rtp.cipher);
    EVP_CIPHER_CTX_free(srtp->rtcp.cipher);
    OPENSSL_cleanse(srtp, sizeof *srtp);
    free(srtp);
}

void hf_srtp_continue(hf_srtp *made, const hf_srtp *before)
{
    if (made->suite != before->suite || memcmp(made->rtp.salt, before->rtp.salt, CM_SALT) ||
        memcmp(&made->rtp.hash, &before->rtp.hash, sizeof made->rtp.hash))
        return;
    made->sender = before->sender;
    made->rtcp_index = before->rtcp_index, made->rtcp_highest = before->rtcp_highest;
    made->rtcp_seen = before->rtcp_seen, made->rtcp_known = before->rtcp_known;
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

/* The salt with SSRC and index in it: RFC 3711 4.1.1 counter, RFC 7714 8.1 and 9.1 nonce. */
static void make_iv(enum hf_suite suite, const half *with, uint32_t ssrc, uint64_t index,
                    uint8_t iv[16])
{
    int at = suite == HF_AES_GCM_128 ? 2 : 4, i;
    memset(iv, 0, 16);
    memcpy(iv, with->salt, suite == HF_AES_GCM_128 ? GCM_SALT : CM_SALT);
    for (i = 0; i < 4; i++)
        iv[at + i] ^= (uint8_t)(ssrc >> (24 - 8 * i));
    for (i = 0; i < 6; i++)
        iv[at + 4 + i] ^= (uint8_t)(index >> (40 - 8 * i));
}

static int crypt_ctr(const half *with, const uint8_t iv[16], uint8_t *data, int size)
{
    int done;
    return EVP_EncryptInit_ex(with->cipher, NULL, NULL, NULL, iv) &&
           EVP_EncryptUpdate(with->cipher, data, &done, data, size);
}

/* Payload in place, tag behind it; ``more`` is authenticated too (the SRTCP index). */
static int seal(const half *with, const uint8_t iv[16], const uint8_t *head, int head_size,
                const uint8_t *more, uint8_t *data, int size)
{
    EVP_CIPHER_CTX *cipher = with->cipher;
    int done;
    return EVP_CipherInit_ex(cipher, NULL, NULL, NULL, iv, 1) &&
           EVP_EncryptUpdate(cipher, NULL, &done, head, head_size) &&
           (!more || EVP_EncryptUpdate(cipher, NULL, &done, more, INDEX)) &&
           EVP_EncryptUpdate(cipher, data, &done, data, size) &&
           EVP_EncryptFinal_ex(cipher, data + size, &done) &&
           EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, GCM_TAG, data + size);
}

static int unseal(const half *with, const uint8_t iv[16], const uint8_t *head, int head_size,
                  const uint8_t *more, uint8_t *data, int size)
{
    EVP_CIPHER_CTX *cipher = with->cipher;
    int done;
    return EVP_CipherInit_ex(cipher, NULL, NULL, NULL, iv, 0) &&
           EVP_DecryptUpdate(cipher, NULL, &done, head, head_size) &&
           (!more || EVP_DecryptUpdate(cipher, NULL, &done, more, INDEX)) &&
           EVP_DecryptUpdate(cipher, data, &done, data, size) &&
           EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, GCM_TAG, data + size) &&
           EVP_DecryptFinal_ex(cipher, data + size, &done) > 0;
}

/* Octets of the RTP header with sources and extension, 0 when it does not fit. */
static int head_of(const uint8_t *packet, int size)
{
    int head = HEADER + 4 * (packet[0] & 0x0f);
    if (size < HEADER || (packet[0] & 0xc0) != 0x80 || head > size)
        return 0;
    if (!(packet[0] & 0x10))
        return head;
    if (head + 4 > size)
        return 0;
    head += 4 + 4 * (packet[head + 2] << 8 | packet[head + 3]);
    return head <= size ? head : 0;
}

int hf_srtp_protect(hf_srtp *srtp, uint8_t *packet, int size)
{
    source *own = &srtp->sender;
    int head = head_of(packet, size);
    uint16_t sequence;
    uint32_t ssrc;
    uint8_t iv[16], tag[SHA1_TAG], rollovers[4];
    if (!head)
        return HF_SRTP_SHORT;
    sequence = (uint16_t)(packet[2] << 8 | packet[3]);
    ssrc = get32(packet + 8);
    if (!own->known || own->ssrc != ssrc)
        *own = (source){.ssrc = ssrc, .highest = sequence, .known = 1};
    if (sequence < own->highest && own->highest - sequence > 0x8000)
        own->rollovers++;
    own->highest = sequence;
    make_iv(srtp->suite, &srtp->rtp, ssrc, (uint64_t)own->rollovers << 16 | sequence, iv);
    if (srtp->suite == HF_AES_GCM_128)
        return seal(&srtp->rtp, iv, packet, head, NULL, packet + head, size - head)
                   ? size + GCM_TAG
                   : HF_SRTP_FORGED;
    if (!crypt_ctr(&srtp->rtp, iv, packet + head, size - head))
        return HF_SRTP_FORGED;
    put32(rollovers, own->rollovers);
    sign(&srtp->rtp.hash, packet, size, rollovers, tag);
    memcpy(packet + size, tag, (size_t)srtp->rtp.tag);
    return size + srtp->rtp.tag;
}

/* RFC 3711 appendix A: the rollover count that puts the packet nearest to the highest. */
static uint32_t guess(const source *from, uint16_t sequence)
{
    if (from->highest < 0x8000)
        return sequence - from->highest > 0x8000 && from->rollovers ? from->rollovers - 1
                                                                    : from->rollovers;
    return from->highest - 0x8000 > sequence ? from->rollovers + 1 : from->rollovers;
}

static int was_seen(uint64_t highest, uint64_t index, uint64_t seen)
{
    if (index > highest)
        return 0;
    return highest - index >= WINDOW || (seen >> (highest - index) & 1);
}

static uint64_t mark_seen(uint64_t highest, uint64_t index, uint64_t seen)
{
    if (index <= highest)
        return seen | 1ull << (highest - index);
    return (index - highest >= WINDOW ? 0 : seen << (index - highest)) | 1;
}

static int open_rtp(hf_srtp *srtp, uint8_t *packet, int size, int head, uint32_t ssrc,
                    uint64_t index)
{
    int body = size - srtp->rtp.tag;
    uint8_t iv[16], tag[SHA1_TAG], rollovers[4];
    make_iv(srtp->suite, &srtp->rtp, ssrc, index, iv);
    if (srtp->suite == HF_AES_GCM_128)
        return unseal(&srtp->rtp, iv, packet, head, NULL, packet + head, body - head);
    put32(rollovers, (uint32_t)(index >> 16));
    sign(&srtp->rtp.hash, packet, body, rollovers, tag);
    return CRYPTO_memcmp(tag, packet + body, (size_t)srtp->rtp.tag) == 0 &&
           crypt_ctr(&srtp->rtp, iv, packet + head, body - head);
}

/* The index that fits. The first packet of a context does not say how often its stream has
 * rolled over. GCM deciphers before it judges; the same once more gives the packet back. */
static uint64_t open_near(hf_srtp *srtp, uint8_t *packet, int size, int head, uint32_t ssrc,
                          uint64_t index)
{
    int tries = srtp->sender.known ? 1 : LATE_START;
    for (; tries > 0; tries--, index += 0x10000) {
        if (open_rtp(srtp, packet, size, head, ssrc, index))
            return index;
        if (srtp->suite == HF_AES_GCM_128)
            open_rtp(srtp, packet, size, head, ssrc, index);
    }
    return UINT64_MAX;
}

int hf_srtp_unprotect(hf_srtp *srtp, uint8_t *packet, int size)
{
    source from = srtp->sender;
    int head = size > srtp->rtp.tag ? head_of(packet, size - srtp->rtp.tag) : 0;
    uint16_t sequence;
    uint64_t index, highest;
    uint32_t ssrc;
    if (!head)
        return HF_SRTP_SHORT;
    sequence = (uint16_t)(packet[2] << 8 | packet[3]);
    ssrc = get32(packet + 8);
    /* Another source begins without rollovers, and is believed once it is authentic. */
    if (!from.known || from.ssrc != ssrc)
        from = (source){.ssrc = ssrc, .highest = sequence, .known = 1};
    index = (uint64_t)guess(&from, sequence) << 16 | sequence;
    highest = (uint64_t)from.rollovers << 16 | from.highest;
    if (was_seen(highest, index, from.seen))
        return HF_SRTP_REPLAYED;
    index = open_near(srtp, packet, size, head, ssrc, index);
    if (index == UINT64_MAX)
        return HF_SRTP_FORGED;
    from.seen = mark_seen(highest, index, from.seen);
    if (index > highest) {
        from.rollovers = (uint32_t)(index >> 16);
        from.highest = sequence;
    }
    srtp->sender = from;
    return size - srtp->rtp.tag;
}

int hf_srtcp_protect(hf_srtp *srtp, uint8_t *packet, int size)
{
    uint32_t index = srtp->rtcp_index++ & ~ENCRYPTED;
    uint8_t iv[16], tag[SHA1_TAG], word[INDEX];
    if (size < RTCP_HEADER)
        return HF_SRTP_SHORT;
    put32(word, index | ENCRYPTED);
    make_iv(srtp->suite, &srtp->rtcp, get32(packet + 4), index, iv);
    if (srtp->suite == HF_AES_GCM_128) {
        if (!seal(&srtp->rtcp, iv, packet, RTCP_HEADER, word, packet + RTCP_HEADER,
                  size - RTCP_HEADER))
            return HF_SRTP_FORGED;
        memcpy(packet + size + GCM_TAG, word, INDEX);
        return size + GCM_TAG + INDEX;
    }
    if (!crypt_ctr(&srtp->rtcp, iv, packet + RTCP_HEADER, size - RTCP_HEADER))
        return HF_SRTP_FORGED;
    memcpy(packet + size, word, INDEX);
    sign(&srtp->rtcp.hash, packet, size + INDEX, NULL, tag);
    memcpy(packet + size + INDEX, tag, RTCP_TAG);
    return size + INDEX + RTCP_TAG;
}

static int open_rtcp(hf_srtp *srtp, uint8_t *packet, int body, const uint8_t *word)
{
    uint32_t index = get32(word);
    uint8_t iv[16], tag[SHA1_TAG];
    make_iv(srtp->suite, &srtp->rtcp, get32(packet + 4), index & ~ENCRYPTED, iv);
    if (srtp->suite == HF_AES_GCM_128)
        return (index & ENCRYPTED) && unseal(&srtp->rtcp, iv, packet, RTCP_HEADER, word,
                                             packet + RTCP_HEADER, body - RTCP_HEADER);
    sign(&srtp->rtcp.hash, packet, body + INDEX, NULL, tag);
    if (CRYPTO_memcmp(tag, packet + body + INDEX, RTCP_TAG) != 0)
        return 0;
    return !(index & ENCRYPTED) ||
           crypt_ctr(&srtp->rtcp, iv, packet + RTCP_HEADER, body - RTCP_HEADER);
}

int hf_srtcp_unprotect(hf_srtp *srtp, uint8_t *packet, int size)
{
    int body = size - srtp->rtcp.tag - INDEX;
    const uint8_t *word;
    uint32_t index, highest = srtp->rtcp_known ? srtp->rtcp_highest : 0;
    if (body < RTCP_HEADER)
        return HF_SRTP_SHORT;
    word = packet + (srtp->suite == HF_AES_GCM_128 ? size - INDEX : body);
    index = get32(word) & ~ENCRYPTED;
    if (srtp->rtcp_known && was_seen(highest, index, srtp->rtcp_seen))
        return HF_SRTP_REPLAYED;
    if (!open_rtcp(srtp, packet, body, word))
        return HF_SRTP_FORGED;
    srtp->rtcp_seen = srtp->rtcp_known ? mark_seen(highest, index, srtp->rtcp_seen) : 1;
    if (!srtp->rtcp_known || index > highest)
        srtp->rtcp_highest = index;
    srtp->rtcp_known = 1;
    return body;
}
