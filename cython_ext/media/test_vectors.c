/* RFC 7714 gives session keys, which no caller ever has: this test looks inside srtp.c. */
#define hf_srtp_key_length inside_key_length
#define hf_srtp_derive inside_derive
#define hf_srtp_new inside_new
#define hf_srtp_free inside_free
#define hf_srtp_continue inside_continue
#define hf_srtp_protect inside_protect
#define hf_srtcp_protect inside_rtcp_protect
#define hf_srtp_unprotect inside_unprotect
#define hf_srtcp_unprotect inside_rtcp_unprotect
#include "srtp.c"

#include "test_engine.h"

static const uint8_t KEY[] = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f";
static const uint8_t SALT[] = "Quid pro quo";

static hf_srtp *with_session_key(void)
{
    static const uint8_t any[HF_SRTP_MOST];
    hf_srtp *made = inside_new(HF_AES_GCM_128, any);
    memcpy(made->rtp.salt, SALT, GCM_SALT);
    memcpy(made->rtcp.salt, SALT, GCM_SALT);
    CHECK(EVP_EncryptInit_ex(made->rtp.cipher, EVP_aes_128_gcm(), NULL, KEY, NULL));
    CHECK(EVP_EncryptInit_ex(made->rtcp.cipher, EVP_aes_128_gcm(), NULL, KEY, NULL));
    return made;
}

/* RFC 7714 16.1. */
static void packets_are_those_of_the_standard(void)
{
    static const uint8_t plain[] =
        "\x80\x40\xf1\x7b\x80\x41\xf8\xd3\x55\x01\xa0\xb2Gallia est omnis divisa in partes tres";
    static const uint8_t sealed[] =
        "\x80\x40\xf1\x7b\x80\x41\xf8\xd3\x55\x01\xa0\xb2\xf2\x4d\xe3\xa3\xfb\x34\xde\x6c\xac\xba"
        "\x86\x1c\x9d\x7e\x4b\xca\xbe\x63\x3b\xd5\x0d\x29\x4e\x6f\x42\xa5\xf4\x7a\x51\xc7\xd1\x9b"
        "\x36\xde\x3a\xdf\x88\x33\x89\x9d\x7f\x27\xbe\xb1\x6a\x91\x52\xcf\x76\x5e\xe4\x39\x0c\xce";
    uint8_t packet[128];
    hf_srtp *to = with_session_key(), *from = with_session_key();
    int size = (int)sizeof plain - 1;
    memcpy(packet, plain, sizeof plain);
    CHECK(inside_protect(to, packet, size) == (int)sizeof sealed - 1);
    CHECK(memcmp(packet, sealed, sizeof sealed - 1) == 0);
    CHECK(inside_unprotect(from, packet, (int)sizeof sealed - 1) == size);
    CHECK(memcmp(packet, plain, (size_t)size) == 0);
    inside_free(to);
    inside_free(from);
}

/* RFC 7714 17.1; the index of the report is 0x5d4. */
static void reports_are_those_of_the_standard(void)
{
    static const uint8_t plain[] =
        "\x81\xc8\x00\x0d" "MarsNTP1NTP2RTP \x00\x00\x04\x2a\x00\x00\xe9\x30" "Luna"
        "\xde\xad\xbe\xef\xde\xad\xbe\xef\xde\xad\xbe\xef\xde\xad\xbe\xef\xde\xad\xbe\xef";
    static const uint8_t sealed[] =
        "\x81\xc8\x00\x0d" "Mars\x63\xe9\x48\x85\xdc\xda\xb6\x7c\xa7\x27\xd7\x66\x2f\x6b\x7e\x99"
        "\x7f\xf5\xc0\xf7\x6c\x06\xf3\x2d\xc6\x76\xa5\xf1\x73\x0d\x6f\xda\x4c\xe0\x9b\x46\x86\x30"
        "\x3d\xed\x0b\xb9\x27\x5b\xc8\x4a\xa4\x58\x96\xcf\x4d\x2f\xc5\xab\xf8\x72\x45\xd9\xea\xde"
        "\x80\x00\x05\xd4";
    uint8_t packet[128];
    hf_srtp *to = with_session_key(), *from = with_session_key();
    int size = (int)sizeof plain - 1;
    to->rtcp_index = 0x5d4;
    memcpy(packet, plain, sizeof plain);
    CHECK(inside_rtcp_protect(to, packet, size) == (int)sizeof sealed - 1);
    CHECK(memcmp(packet, sealed, sizeof sealed - 1) == 0);
    CHECK(inside_rtcp_unprotect(from, packet, (int)sizeof sealed - 1) == size);
    CHECK(memcmp(packet, plain, (size_t)size) == 0);
    inside_free(to);
    inside_free(from);
}

void test_vectors(void)
{
    packets_are_those_of_the_standard();
    reports_are_those_of_the_standard();
}
