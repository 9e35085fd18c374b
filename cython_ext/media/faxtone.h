/* The tones with which fax machines make themselves known (ITU-T T.30): CNG of the one that
 * calls, 1100 Hz for half a second every 3.5 s, and CED of the one that answers, 2100 Hz. */
#ifndef HF_FAXTONE_H
#define HF_FAXTONE_H

#include <stdint.h>

enum hf_fax_kind { HF_NO_FAX, HF_CNG, HF_CED };

typedef struct {
    int watching, kind, frames, misses;
} hf_faxtone;

void hf_faxtone_watch(hf_faxtone *fax, int on);
/* A frame of 160 samples; the kind once, when its tone has lasted long enough. */
enum hf_fax_kind hf_faxtone_frame(hf_faxtone *fax, const int16_t *samples);

#endif
