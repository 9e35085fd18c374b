/* What identity.c and dtls.c know of each other; others see dtls.h. */
#ifndef HF_IDENTITY_H
#define HF_IDENTITY_H

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "dtls.h"

struct hf_identity {
    SSL_CTX *context;
    BIO_METHOD *datagrams;
    uint8_t secret[32]; /* of the cookies */
    char fingerprint[HF_DTLS_FINGERPRINT];
};

BIO_METHOD *hf_dtls_datagrams(void); /* NULL: no memory */
void hf_dtls_set_cookies(SSL_CTX *context);
const hf_dtls_setup *hf_dtls_setup_of(const SSL *ssl);

#endif
