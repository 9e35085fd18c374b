#include "test_engine.h"

#include <stdlib.h>
#include <string.h>

static int octets(const char *hex, uint8_t *out)
{
    int count = 0;
    unsigned value;
    while (sscanf(hex, " %2x", &value) == 1) {
        out[count++] = (uint8_t)value;
        for (hex += *hex == ' '; *hex == ' '; hex++)
            continue;
        hex += 2;
    }
    return count;
}

static int is(const uint8_t *found, const char *hex)
{
    uint8_t wanted[256];
    return memcmp(found, wanted, (size_t)octets(hex, wanted)) == 0;
}

/* RFC 3711 B.3. */
static void session_keys_are_those_of_the_standard(void)
{
    uint8_t master[HF_SRTP_MOST], found[32];
    CHECK(octets("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6", master) == 30);
    hf_srtp_derive(HF_AES_CM_80, master, 0, found, 16);
    CHECK(is(found, "C61E7A93744F39EE10734AFE3FF7A087"));
    hf_srtp_derive(HF_AES_CM_80, master, 2, found, 14);
    CHECK(is(found, "30CBBC08863D8C85D49DB34A9AE1"));
    hf_srtp_derive(HF_AES_CM_80, master, 1, found, 20);
    CHECK(is(found, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
}

static int make_packet(uint8_t *packet, uint16_t sequence, uint32_t ssrc)
{
    int i, head = hf_rtp_header(packet, 8, 0, sequence, 160u * sequence, ssrc);
    for (i = 0; i < 160; i++)
        packet[head + i] = (uint8_t)(i * 3 + sequence);
    return head + 160;
}

static void packets_come_back_and_nothing_else_does(enum hf_suite suite, int tag)
{
    uint8_t master[HF_SRTP_MOST], other[HF_SRTP_MOST];
    uint8_t plain[256], packet[256], copy[256];
    hf_srtp *to, *from, *stranger;
    int i, n, size;
    for (i = 0; i < HF_SRTP_MOST; i++) {
        master[i] = (uint8_t)(i * 5 + 1);
        other[i] = (uint8_t)(i + 1);
    }
    to = hf_srtp_new(suite, master);
    from = hf_srtp_new(suite, master);
    stranger = hf_srtp_new(suite, other);
    for (i = 0; i < 70000; i++) { /* beyond the first rollover */
        uint16_t sequence = (uint16_t)(65000 + i);
        if (i > 1200 && i < 65800 && i % 16)
            continue;
        size = make_packet(plain, sequence, 77);
        memcpy(packet, plain, sizeof packet);
        CHECK(hf_srtp_protect(to, packet, size) == size + tag);
        memcpy(copy, packet, sizeof copy);
        if (i == 5) {
            CHECK(hf_srtp_unprotect(stranger, copy, size + tag) == HF_SRTP_FORGED);
            for (n = 0; n < size + tag; n++) {
                int fault;
                memcpy(copy, packet, sizeof copy);
                copy[n] ^= 0x10;
                fault = hf_srtp_unprotect(from, copy, size + tag);
                CHECK(fault < 0);
            }
            memcpy(copy, packet, sizeof copy);
        }
        CHECK(hf_srtp_unprotect(from, copy, size + tag) == size);
        CHECK(memcmp(copy, plain, (size_t)size) == 0);
        CHECK(memcmp(packet + 12, plain + 12, 160) != 0);
        CHECK(hf_srtp_unprotect(from, packet, size + tag) == HF_SRTP_REPLAYED);
    }
    for (n = 0; n < 12 + tag; n++) {
        memcpy(copy, packet, sizeof copy);
        CHECK(hf_srtp_unprotect(from, copy, n) == HF_SRTP_SHORT);
    }
    /* Another source with the same key begins anew; a late packet of the window still counts. */
    size = make_packet(plain, 9, 78);
    CHECK(hf_srtp_unprotect(from, plain, hf_srtp_protect(to, plain, size)) == size);
    hf_srtp_free(to);
    hf_srtp_free(from);
    hf_srtp_free(stranger);
}

/* Who comes to an old stream finds out its rollovers; who gets a new keyring for the other
 * direction's sake goes on, also with what was seen. */
static void old_streams_are_found_and_kept(enum hf_suite suite, int tag)
{
    uint8_t master[HF_SRTP_MOST] = {7, 7}, other[HF_SRTP_MOST] = {8};
    uint8_t plain[256], packet[256], copy[256];
    hf_srtp *to = hf_srtp_new(suite, master), *late = hf_srtp_new(suite, master);
    hf_srtp *again, *kept, *changed;
    uint32_t i;
    int size = 0;
    for (i = 0; i < 3 * 65536 + 40; i += 64) {
        size = make_packet(plain, (uint16_t)i, 99);
        memcpy(packet, plain, sizeof packet);
        CHECK(hf_srtp_protect(to, packet, size) == size + tag);
    }
    memcpy(copy, packet, sizeof copy);
    copy[20] ^= 1;
    CHECK(hf_srtp_unprotect(late, copy, size + tag) == HF_SRTP_FORGED);
    memcpy(copy, packet, sizeof copy);
    CHECK(hf_srtp_unprotect(late, copy, size + tag) == size);
    CHECK(memcmp(copy, plain, (size_t)size) == 0);
    kept = hf_srtp_new(suite, master);
    hf_srtp_continue(kept, late);
    memcpy(copy, packet, sizeof copy);
    CHECK(hf_srtp_unprotect(kept, copy, size + tag) == HF_SRTP_REPLAYED);
    changed = hf_srtp_new(suite, other);
    hf_srtp_continue(changed, late);
    CHECK(hf_srtp_unprotect(changed, packet, size + tag) == HF_SRTP_FORGED);
    again = hf_srtp_new(suite, master);
    hf_srtp_continue(again, to);
    size = make_packet(plain, 41, 99);
    memcpy(packet, plain, sizeof packet);
    CHECK(hf_srtp_unprotect(kept, packet, hf_srtp_protect(again, packet, size)) == size);
    CHECK(memcmp(packet, plain, (size_t)size) == 0);
    hf_srtp_free(to);
    hf_srtp_free(late);
    hf_srtp_free(kept);
    hf_srtp_free(changed);
    hf_srtp_free(again);
}

static void late_packets_count_once(void)
{
    static uint8_t packets[80][256];
    uint8_t master[HF_SRTP_MOST] = {9};
    hf_srtp *to = hf_srtp_new(HF_AES_CM_32, master), *from = hf_srtp_new(HF_AES_CM_32, master);
    uint8_t copy[256];
    int i, size = 172;
    for (i = 0; i < 80; i++) {
        make_packet(packets[i], (uint16_t)(65500 + i), 5);
        hf_srtp_protect(to, packets[i], size);
    }
    memcpy(copy, packets[0], sizeof copy);
    CHECK(hf_srtp_unprotect(from, copy, size + 4) == size);
    memcpy(copy, packets[79], sizeof copy);
    CHECK(hf_srtp_unprotect(from, copy, size + 4) == size);
    for (i = 16; i < 79; i++) { /* within 64 of the newest, on both sides of the rollover */
        memcpy(copy, packets[i], sizeof copy);
        CHECK(hf_srtp_unprotect(from, copy, size + 4) == size);
    }
    memcpy(copy, packets[10], sizeof copy);
    CHECK(hf_srtp_unprotect(from, copy, size + 4) == HF_SRTP_REPLAYED);
    hf_srtp_free(to);
    hf_srtp_free(from);
}

static void reports_are_sealed_too(enum hf_suite suite, int more)
{
    uint8_t master[HF_SRTP_MOST] = {3, 1, 4}, plain[256], packet[256], copy[256];
    hf_srtp *to = hf_srtp_new(suite, master), *from = hf_srtp_new(suite, master);
    hf_rtcp rtcp;
    int i, n, size;
    hf_rtcp_reset(&rtcp, 1, 1);
    for (i = 0; i < 100; i++) {
        hf_rtcp_sent(&rtcp, 160);
        size = hf_rtcp_build(&rtcp, plain, 5, 6, 7, 1000000000LL, 0);
        memcpy(packet, plain, sizeof packet);
        CHECK(hf_srtcp_protect(to, packet, size) == size + more);
        for (n = 0; n < size + more; n++) {
            memcpy(copy, packet, sizeof copy);
            copy[n] ^= 1;
            CHECK(hf_srtcp_unprotect(from, copy, size + more) < 0);
        }
        memcpy(copy, packet, sizeof copy);
        CHECK(hf_srtcp_unprotect(from, copy, size + more) == size);
        CHECK(memcmp(copy, plain, (size_t)size) == 0);
        CHECK(hf_srtcp_unprotect(from, packet, size + more) == HF_SRTP_REPLAYED);
        CHECK(hf_srtcp_unprotect(from, packet, 7 + more) == HF_SRTP_SHORT);
    }
    hf_srtp_free(to);
    hf_srtp_free(from);
}

void test_srtp(void)
{
    session_keys_are_those_of_the_standard();
    packets_come_back_and_nothing_else_does(HF_AES_CM_80, 10);
    packets_come_back_and_nothing_else_does(HF_AES_CM_32, 4);
    packets_come_back_and_nothing_else_does(HF_AES_GCM_128, 16);
    late_packets_count_once();
    old_streams_are_found_and_kept(HF_AES_CM_80, 10);
    old_streams_are_found_and_kept(HF_AES_CM_32, 4);
    old_streams_are_found_and_kept(HF_AES_GCM_128, 16);
    reports_are_sealed_too(HF_AES_CM_80, 14);
    reports_are_sealed_too(HF_AES_CM_32, 14);
    reports_are_sealed_too(HF_AES_GCM_128, 20);
}
