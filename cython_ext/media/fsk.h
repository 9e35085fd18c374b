/* Caller identity in the audio: 1200 baud FSK of Bell 202 and ITU-T V.23 (GR-30, EN 300 659).
 * The receiver reads both: their carriers lie near enough for one pair of filters. */
#ifndef HF_FSK_H
#define HF_FSK_H

#include <stdint.h>

#define HF_FSK_MOST 258  /* octets of a message: type, length, 255, checksum */
#define HF_FSK_BIT 7     /* samples of the windows that compare the carriers */

enum hf_fsk_kind { HF_BELL_202, HF_V23 };

typedef struct {
    int listening;
    /* mark and space, in phase and in quadrature, over the last bit */
    uint32_t phase_mark, phase_space;
    float window[HF_FSK_BIT][4], sum[4], lead; /* lead: of mark over space, -1 to 1 */
    int at;
    /* bits */
    int last, octet, bits, marks;
    float soft;  /* lead, summed over the middle of a bit */
    float clock; /* of bits since the start bit began; below 0: none has */
    /* message */
    uint8_t message[HF_FSK_MOST];
    int count, wanted;
    uint32_t bad; /* messages with a wrong checksum */
} hf_fsk;

void hf_fsk_reset(hf_fsk *fsk, int listening);
/* 1 when a message is whole and its checksum right; it stays until the next call. */
int hf_fsk_listen(hf_fsk *fsk, const int16_t *samples, int count);

/* Samples of a transmission: 300 bits of seizure, 180 of mark, the octets, a little mark. */
int hf_fsk_length(int octets);
void hf_fsk_send(enum hf_fsk_kind kind, const uint8_t *octets, int count, float amplitude,
                 int16_t *out);

#endif
