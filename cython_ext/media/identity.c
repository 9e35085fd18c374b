#include "identity.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_A_DAY (24L * 3600)
#define BEFORE (-SECONDS_A_DAY)         /* clocks differ */
#define AFTER (10 * 365 * SECONDS_A_DAY) /* only the fingerprint is believed, not the dates */

/* Elliptic curves only, with forward secrecy; RFC 8827 6.5 asks for the first of them. */
#define CIPHERS                                                                           \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE-ECDSA-AES128-SHA:"  \
    "ECDHE-RSA-AES128-SHA"
#define PROFILES "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"

/* A name that says nothing of the host, a serial number as RFC 5280 4.1.2.2 wants it. */
static int name(X509 *certificate)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    BIGNUM *serial = BN_new();
    int done = serial && BN_rand(serial, 64, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
               BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate)) &&
               X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                          (const unsigned char *)"media", -1, -1, 0) &&
               X509_set_issuer_name(certificate, subject);
    BN_free(serial);
    return done;
}

static X509 *certify(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    if (certificate && X509_set_version(certificate, 2) && name(certificate) &&
        X509_gmtime_adj(X509_getm_notBefore(certificate), BEFORE) &&
        X509_gmtime_adj(X509_getm_notAfter(certificate), AFTER) &&
        X509_set_pubkey(certificate, key) && X509_sign(certificate, key, EVP_sha256()))
        return certificate;
    X509_free(certificate);
    return NULL;
}

static int print_fingerprint(const X509 *certificate, char out[HF_DTLS_FINGERPRINT])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0, i;
    if (!X509_digest(certificate, EVP_sha256(), digest, &size))
        return 0;
    for (i = 0; i < size; i++)
        snprintf(out + 3 * i, 4, i + 1 < size ? "%02X:" : "%02X", digest[i]);
    return 1;
}

/* The certificate is believed when its digest is one that signalling gave (RFC 8122 5). */
static int is_expected(X509_STORE_CTX *store, void *unused)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    const hf_dtls_setup *setup = hf_dtls_setup_of(ssl);
    X509 *certificate = X509_STORE_CTX_get0_cert(store);
    int i;
    (void)unused;
    for (i = 0; certificate && i < setup->fingerprints; i++) {
        const hf_fingerprint *wanted = &setup->expected[i];
        const EVP_MD *kind = wanted->size == 64   ? EVP_sha512()
                             : wanted->size == 48 ? EVP_sha384()
                                                  : EVP_sha256();
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned size = 0;
        if (X509_digest(certificate, kind, digest, &size) && (int)size == wanted->size &&
            memcmp(digest, wanted->digest, size) == 0)
            return 1;
    }
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return 0;
}

static int configure(hf_identity *identity, EVP_PKEY *key, X509 *certificate)
{
    SSL_CTX *context = identity->context;
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_QUERY_MTU |
                                     SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(context, is_expected, NULL);
    hf_dtls_set_cookies(context);
    return SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) &&
           SSL_CTX_set_max_proto_version(context, DTLS1_2_VERSION) &&
           SSL_CTX_set_cipher_list(context, CIPHERS) &&
           SSL_CTX_use_certificate(context, certificate) &&
           SSL_CTX_use_PrivateKey(context, key) &&
           SSL_CTX_set_tlsext_use_srtp(context, PROFILES) == 0;
}

hf_identity *hf_identity_new(void)
{
    hf_identity *identity = calloc(1, sizeof *identity);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = key ? certify(key) : NULL;
    int done = 0;
    if (identity && certificate) {
        identity->context = SSL_CTX_new(DTLS_method());
        identity->datagrams = hf_dtls_datagrams();
        done = identity->context && identity->datagrams &&
               configure(identity, key, certificate) &&
               print_fingerprint(certificate, identity->fingerprint) &&
               RAND_bytes(identity->secret, sizeof identity->secret) == 1;
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    if (done)
        return identity;
    hf_identity_free(identity);
    return NULL;
}

void hf_identity_free(hf_identity *identity)
{
    if (!identity)
        return;
    SSL_CTX_free(identity->context);
    BIO_meth_free(identity->datagrams);
    free(identity);
}

const char *hf_identity_fingerprint(const hf_identity *identity)
{
    return identity->fingerprint;
}
