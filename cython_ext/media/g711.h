/* G.711 A-law and mu-law: 16-bit samples to octets and back by table. */
#ifndef HF_G711_H
#define HF_G711_H

#include <stdint.h>

enum hf_law { HF_ALAW, HF_ULAW, HF_S16, HF_L16, HF_G722, HF_OPUS }; /* the rest: codec.c */

void hf_g711_init(void); /* fills the tables; harmless twice */
void hf_g711_decode(int law, const uint8_t *in, int count, int16_t *out);
void hf_g711_encode(int law, const int16_t *in, int count, uint8_t *out);

#endif
