/* Counts the keys that the DTMF detector hears in speech, where there are none: 16-bit mono
 * audio of 8 kHz on standard input, heard through A-law and through mu-law. */
#include <stdio.h>

#include "engine.h"

int main(void)
{
    static const char *const NAMES[2] = {"alaw", "ulaw"};
    hf_dtmf dtmf[2];
    int16_t in[HF_FRAME], heard[HF_FRAME];
    uint8_t coded[HF_FRAME];
    long frames = 0, keys[2] = {0};
    int law, i;
    hf_g711_init();
    hf_dtmf_init();
    hf_dtmf_reset(&dtmf[0]);
    hf_dtmf_reset(&dtmf[1]);
    while (fread(in, sizeof in, 1, stdin) == 1) {
        frames++;
        for (law = 0; law < 2; law++) {
            hf_key found[4];
            int count;
            hf_g711_encode(law, in, HF_FRAME, coded);
            hf_g711_decode(law, coded, HF_FRAME, heard);
            count = hf_dtmf_listen(&dtmf[law], heard, HF_FRAME, found, 4);
            for (i = 0; i < count; i++)
                if (!found[i].ended) {
                    keys[law]++;
                    printf("%s: %c at %.2f s\n", NAMES[law], found[i].key, (double)frames / 50);
                }
        }
    }
    printf("minutes %.1f alaw %ld ulaw %ld\n", (double)frames / 3000, keys[0], keys[1]);
    return 0;
}
