#include "dtls.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "identity.h"

#define FIRST_TIMER_US 400000u /* RFC 6347 4.2.4.1: less than 1 s where time matters */
#define LAST_TIMER_US 3200000u
#define LIMIT_NS 30000000000LL /* for the whole handshake */
#define LABEL "EXTRACTOR-dtls_srtp" /* RFC 5764 4.2 */
#define COOKIE 32
#define ADDRESS 32             /* octets of an address that a cookie vouches for */

struct hf_dtls {
    SSL *ssl;
    const hf_identity *identity;
    hf_dtls_setup setup;
    enum hf_dtls_state state;
    enum hf_dtls_cause cause;
    int is_listening; /* a server that has not seen a cookie yet */
    int64_t limit, deadline;
    const uint8_t *incoming; /* the datagram that is being read */
    int incoming_size;
    uint8_t from[ADDRESS];
    int from_size;
};

/* A BIO whose reads and writes are whole datagrams, as those of a socket are. */
static int bio_read(BIO *bio, char *out, int room)
{
    hf_dtls *dtls = BIO_get_data(bio);
    int size = dtls->incoming_size;
    BIO_clear_retry_flags(bio);
    if (!dtls->incoming) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size = size < room ? size : room;
    memcpy(out, dtls->incoming, (size_t)size);
    dtls->incoming = NULL;
    return size;
}

static int bio_write(BIO *bio, const char *data, int size)
{
    hf_dtls *dtls = BIO_get_data(bio);
    dtls->setup.send(dtls->setup.context, (const uint8_t *)data, size);
    return size;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_DGRAM_GET_MTU_OVERHEAD)
        return 28;
    return command == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

BIO_METHOD *hf_dtls_datagrams(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "datagrams");
    if (!method)
        return NULL;
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_control);
    BIO_meth_set_create(method, bio_create);
    return method;
}

const hf_dtls_setup *hf_dtls_setup_of(const SSL *ssl)
{
    return &((const hf_dtls *)SSL_get_app_data(ssl))->setup;
}

/* A keyed digest of where the hello came from: nothing is kept of who does not answer it. */
static int cookie(SSL *ssl, uint8_t out[EVP_MAX_MD_SIZE], unsigned *size)
{
    const hf_dtls *dtls = SSL_get_app_data(ssl);
    *size = COOKIE;
    return HMAC(EVP_sha256(), dtls->identity->secret, sizeof dtls->identity->secret, dtls->from,
                (size_t)dtls->from_size, out, size) != NULL;
}

static int make_cookie(SSL *ssl, unsigned char *out, unsigned *size)
{
    return cookie(ssl, out, size);
}

static int check_cookie(SSL *ssl, const unsigned char *got, unsigned size)
{
    uint8_t wanted[EVP_MAX_MD_SIZE];
    unsigned length;
    return cookie(ssl, wanted, &length) && size == length &&
           CRYPTO_memcmp(got, wanted, length) == 0;
}

void hf_dtls_set_cookies(SSL_CTX *context)
{
    SSL_CTX_set_cookie_generate_cb(context, make_cookie);
    SSL_CTX_set_cookie_verify_cb(context, check_cookie);
}

static unsigned next_timer(SSL *ssl, unsigned before)
{
    (void)ssl;
    if (!before)
        return FIRST_TIMER_US;
    return before * 2 < LAST_TIMER_US ? before * 2 : LAST_TIMER_US;
}

static void fail(hf_dtls *dtls, enum hf_dtls_cause cause)
{
    dtls->state = HF_DTLS_FAILED;
    dtls->cause = cause;
    dtls->deadline = 0;
}

/* Which of our causes libssl's error is: an alert of the peer's has a reason above 1000. */
static enum hf_dtls_cause why(const hf_dtls *dtls)
{
    unsigned long error = ERR_peek_error();
    if (SSL_get_verify_result(dtls->ssl) != X509_V_OK)
        return HF_DTLS_WRONG_CERTIFICATE;
    return ERR_GET_REASON(error) > SSL_AD_REASON_OFFSET ? HF_DTLS_ALERT : HF_DTLS_PROTOCOL;
}

static void set_deadline(hf_dtls *dtls, int64_t now)
{
    struct timeval left;
    dtls->deadline = dtls->state == HF_DTLS_SHAKING ? dtls->limit : 0;
    if (dtls->state != HF_DTLS_FAILED && DTLSv1_get_timeout(dtls->ssl, &left)) {
        int64_t timer = now + (int64_t)left.tv_sec * 1000000000 + left.tv_usec * 1000;
        if (!dtls->deadline || timer < dtls->deadline)
            dtls->deadline = timer;
    }
}

/* What comes over an association that is up is none of ours, but libssl must read it: the last
 * flight may have to be sent again, and the peer may say goodbye. */
static void listen(hf_dtls *dtls)
{
    uint8_t unused[HF_DTLS_LARGEST];
    int got, error;
    do
        got = SSL_read(dtls->ssl, unused, sizeof unused);
    while (got > 0);
    error = SSL_get_error(dtls->ssl, got);
    if (SSL_get_shutdown(dtls->ssl) & SSL_RECEIVED_SHUTDOWN)
        dtls->state = HF_DTLS_CLOSED;
    else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        fail(dtls, why(dtls));
}

static int make_ssl(hf_dtls *dtls)
{
    SSL *ssl = SSL_new(dtls->identity->context);
    BIO *bio = ssl ? BIO_new(dtls->identity->datagrams) : NULL;
    if (!bio) {
        SSL_free(ssl);
        return 0;
    }
    BIO_set_data(bio, dtls);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, dtls);
    SSL_set_mtu(ssl, HF_DTLS_MTU);
    DTLS_set_timer_cb(ssl, next_timer);
    dtls->is_listening = dtls->setup.cookies && !dtls->setup.client;
    if (dtls->setup.client)
        SSL_set_connect_state(ssl);
    else
        SSL_set_accept_state(ssl);
    dtls->ssl = ssl;
    return 1;
}

/* RFC 6347 4.2.1: until a hello brings the cookie of its address nothing is kept of it. A wrong
 * cookie is answered like none, so that a stranger ends nothing that others begin. */
static int is_invited(hf_dtls *dtls)
{
    BIO_ADDR *unused = BIO_ADDR_new();
    int invited = unused && DTLSv1_listen(dtls->ssl, unused) > 0;
    BIO_ADDR_free(unused);
    dtls->is_listening = !invited;
    return invited;
}

static void go_on(hf_dtls *dtls, int64_t now)
{
    int done, error;
    ERR_clear_error(); /* the queue belongs to the thread, not to this association */
    if (dtls->state == HF_DTLS_SHAKING && (!dtls->is_listening || is_invited(dtls))) {
        done = SSL_do_handshake(dtls->ssl);
        error = SSL_get_error(dtls->ssl, done);
        if (done == 1)
            dtls->state = HF_DTLS_DONE;
        else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
            fail(dtls, why(dtls));
        if (done == 1 && !SSL_get_selected_srtp_profile(dtls->ssl))
            fail(dtls, HF_DTLS_NO_PROFILE);
    }
    if (dtls->state == HF_DTLS_DONE) {
        listen(dtls);
        SSL_free_buffers(dtls->ssl); /* more than 30 KB that are hardly needed any more */
    }
    ERR_clear_error();
    set_deadline(dtls, now);
}

hf_dtls *hf_dtls_new(const hf_identity *identity, const hf_dtls_setup *setup, int64_t now)
{
    hf_dtls *dtls = calloc(1, sizeof *dtls);
    if (!dtls)
        return NULL;
    dtls->identity = identity;
    dtls->setup = *setup;
    dtls->limit = now + LIMIT_NS;
    if (!make_ssl(dtls)) {
        free(dtls);
        return NULL;
    }
    go_on(dtls, now);
    return dtls;
}

void hf_dtls_free(hf_dtls *dtls)
{
    if (!dtls)
        return;
    if (dtls->state == HF_DTLS_DONE && SSL_alloc_buffers(dtls->ssl))
        SSL_shutdown(dtls->ssl);
    ERR_clear_error();
    SSL_free(dtls->ssl);
    free(dtls);
}

void hf_dtls_receive(hf_dtls *dtls, const uint8_t *data, int size, const void *from,
                     int from_size, int64_t now)
{
    if (dtls->state == HF_DTLS_FAILED || dtls->state == HF_DTLS_CLOSED ||
        !SSL_alloc_buffers(dtls->ssl))
        return;
    dtls->incoming = data;
    dtls->incoming_size = size;
    dtls->from_size = from_size < ADDRESS ? from_size : ADDRESS;
    memcpy(dtls->from, from, (size_t)dtls->from_size);
    go_on(dtls, now);
    dtls->incoming = NULL;
}

void hf_dtls_wake(hf_dtls *dtls, int64_t now)
{
    if (!dtls->deadline || now < dtls->deadline)
        return;
    if (dtls->state == HF_DTLS_SHAKING && now >= dtls->limit) {
        fail(dtls, HF_DTLS_TIMEOUT);
        return;
    }
    ERR_clear_error();
    if (DTLSv1_handle_timeout(dtls->ssl) < 0)
        fail(dtls, HF_DTLS_TIMEOUT);
    ERR_clear_error();
    set_deadline(dtls, now);
}

int64_t hf_dtls_deadline(const hf_dtls *dtls)
{
    return dtls->deadline;
}

enum hf_dtls_state hf_dtls_state(const hf_dtls *dtls)
{
    return dtls->state;
}

int hf_dtls_is_invited(const hf_dtls *dtls)
{
    return dtls->setup.cookies && !dtls->setup.client && !dtls->is_listening;
}

enum hf_dtls_cause hf_dtls_cause(const hf_dtls *dtls)
{
    return dtls->cause;
}

/* RFC 5764 4.2: both keys, then both salts, the client's first. */
enum hf_suite hf_dtls_keys(const hf_dtls *dtls, uint8_t in[HF_SRTP_MOST],
                           uint8_t out[HF_SRTP_MOST])
{
    const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(dtls->ssl);
    uint8_t material[2 * HF_SRTP_MOST], *client = dtls->setup.client ? out : in;
    uint8_t *server = dtls->setup.client ? in : out;
    enum hf_suite suite;
    size_t salt;
    if (dtls->state != HF_DTLS_DONE || !profile)
        return HF_NO_SUITE;
    suite = profile->id == SRTP_AEAD_AES_128_GCM ? HF_AES_GCM_128 : HF_AES_CM_80;
    salt = (size_t)hf_srtp_key_length(suite) - HF_SRTP_KEY;
    if (SSL_export_keying_material(dtls->ssl, material, 2 * (HF_SRTP_KEY + salt), LABEL,
                                   strlen(LABEL), NULL, 0, 0) != 1)
        return HF_NO_SUITE;
    memcpy(client, material, HF_SRTP_KEY);
    memcpy(server, material + HF_SRTP_KEY, HF_SRTP_KEY);
    memcpy(client + HF_SRTP_KEY, material + 2 * HF_SRTP_KEY, salt);
    memcpy(server + HF_SRTP_KEY, material + 2 * HF_SRTP_KEY + salt, salt);
    OPENSSL_cleanse(material, sizeof material);
    return suite;
}
