#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "test_engine.h"

/* G.711 as a formula: the level of a code word, in 16 bits (A-law: table 1a, mu-law: 2a). */
static int alaw_level(int code)
{
    int bits = code ^ 0x55, sign = bits & 0x80 ? 1 : -1;
    int segment = bits >> 4 & 7, step = bits & 15;
    if (segment == 0)
        return sign * (2 * step + 1) * 8;
    return sign * (2 * step + 33) * (8 << (segment - 1));
}

static int ulaw_level(int code)
{
    int bits = ~code & 0xff, sign = bits & 0x80 ? -1 : 1;
    int segment = bits >> 4 & 7, step = bits & 15;
    return sign * (((2 * step + 33) << segment) - 33) * 4;
}

static int level_of(int law, int code)
{
    return law == HF_ALAW ? alaw_level(code) : ulaw_level(code);
}

static void levels_are_those_of_the_formula(int law)
{
    int code;
    for (code = 0; code < 256; code++) {
        uint8_t octet = (uint8_t)code, back;
        int16_t sample;
        hf_g711_decode(law, &octet, 1, &sample);
        CHECK(sample == level_of(law, code));
        hf_g711_encode(law, &sample, 1, &back);
        /* mu-law has two zeros and sends the positive one. */
        CHECK(back == octet || (law == HF_ULAW && octet == 0x7f && back == 0xff));
    }
}

static int half_step(int law, int code)
{
    int segment = ((law == HF_ALAW ? code ^ 0x55 : ~code) >> 4) & 7;
    if (law == HF_ALAW)
        return segment == 0 ? 8 : 8 << (segment - 1);
    return 4 << segment;
}

/* Every sample lies in the step of its code word; the coder sees 12 (A) or 14 (mu) bits. */
static void samples_lie_in_their_step(int law)
{
    int slack = law == HF_ALAW ? 0 : 4, highest = law == HF_ALAW ? 32767 : 32635, value;
    for (value = -highest; value <= highest; value++) {
        int16_t sample = (int16_t)value;
        uint8_t octet;
        hf_g711_encode(law, &sample, 1, &octet);
        CHECK(abs(level_of(law, octet) - value) <= half_step(law, octet) + slack);
    }
}

static void known_code_words(void)
{
    static const uint8_t alaw[4] = {0xd5, 0x55, 0xaa, 0x2a}, ulaw[4] = {0xff, 0x7f, 0x80, 0x00};
    static const int16_t alaw_values[4] = {8, -8, 32256, -32256}, ulaw_values[4] = {0, 0, 32124,
                                                                                   -32124};
    int16_t out[4];
    hf_g711_decode(HF_ALAW, alaw, 4, out);
    CHECK(memcmp(out, alaw_values, sizeof out) == 0);
    hf_g711_decode(HF_ULAW, ulaw, 4, out);
    CHECK(memcmp(out, ulaw_values, sizeof out) == 0);
}

static void wav_header(void)
{
    static const uint8_t wanted[44] = {
        'R', 'I', 'F', 'F', 0x24, 0x7d, 0, 0, 'W', 'A', 'V', 'E', 'f', 'm', 't', ' ',
        16, 0, 0, 0, 1, 0, 2, 0, 0x40, 0x1f, 0, 0, 0x00, 0x7d, 0, 0,
        4, 0, 16, 0, 'd', 'a', 't', 'a', 0x00, 0x7d, 0, 0};
    uint8_t header[HF_WAV_HEADER];
    CHECK(hf_wav_header(header, 2, HF_S16, 32000) == 44);
    CHECK(memcmp(header, wanted, sizeof wanted) == 0);
    CHECK(hf_wav_header(header, 1, HF_ULAW, 800) == 58 && header[20] == 7 && header[34] == 8);
    CHECK(memcmp(header + 38, "fact\4\0\0\0\x20\3\0\0data\x20\3\0\0", 20) == 0);
}

static void fill(int16_t *samples, int value)
{
    int i;
    for (i = 0; i < HF_FRAME; i++)
        samples[i] = (int16_t)value;
}

static void room_is_a_matrix_of_gains(void)
{
    enum { PLACES = 8 };
    hf_room *room = hf_room_new(1, PLACES);
    hf_port *ports[PLACES + 1];
    int16_t out[HF_FRAME];
    int i;
    for (i = 0; i <= PLACES; i++) {
        ports[i] = hf_port_new((uint64_t)i, HF_RTP, -1);
        fill(ports[i]->heard, 100 * (i + 1));
        CHECK(hf_room_join(room, ports[i], HF_TALKS, NULL) == (i < PLACES ? 0 : -1));
    }
    memset(out, 0, sizeof out);
    hf_room_mix(room, 0, 1.0f, out);
    CHECK(out[0] == 3500 && out[159] == 3500); /* 200 + ... + 800, not its own 100 */
    hf_room_gain(room, ports[1], ports[0], 0.0f); /* a whisper that 0 must not hear */
    memset(out, 0, sizeof out);
    hf_room_mix(room, 0, 0.5f, out);
    CHECK(out[0] == 1650);
    fill(ports[2]->heard, 32000);
    fill(ports[3]->heard, 32000);
    memset(out, 0, sizeof out);
    hf_room_mix(room, 0, 1.0f, out);
    CHECK(out[0] == 32767);
    hf_room_leave(ports[2]);
    CHECK(ports[2]->room == NULL && room->members[2] == NULL);
    CHECK(hf_room_join(room, ports[PLACES], HF_TALKS, NULL) == 0 && ports[PLACES]->member == 2);
    for (i = 0; i <= PLACES; i++) {
        hf_room_leave(ports[i]);
        hf_object_free(&ports[i]->head);
    }
    hf_object_free(&room->head);
}

static void clips_play_in_turn(void)
{
    static const int16_t first[200] = {1}, second[100] = {2};
    hf_player *player = hf_player_new(1, 3, 0);
    int16_t out[HF_FRAME];
    player->clips[0] = (hf_clip){first, 200};
    player->clips[1] = (hf_clip){second, 0}; /* an empty file is passed over */
    player->clips[2] = (hf_clip){second, 100};
    player->repeat = 2;
    memset(out, 0, sizeof out);
    CHECK(hf_player_mix(player, 1.0f, out) == 0 && out[0] == 1);
    memset(out, 0, sizeof out);
    CHECK(hf_player_mix(player, 1.0f, out) == 0 && out[40] == 2 && out[140] == 1);
    memset(out, 0, sizeof out);
    CHECK(hf_player_mix(player, 1.0f, out) == 0); /* samples 320 to 480 of 600 */
    memset(out, 0, sizeof out);
    CHECK(hf_player_mix(player, 1.0f, out) == 1 && out[20] == 2);
    hf_object_free(&player->head);
}

static void only_empty_clips_end_at_once(void)
{
    static const int16_t none[1];
    hf_player *player = hf_player_new(1, 2, 0);
    int16_t out[HF_FRAME] = {0};
    player->clips[0] = player->clips[1] = (hf_clip){none, 0};
    player->repeat = 0;
    CHECK(hf_player_mix(player, 1.0f, out) == 1);
    hf_object_free(&player->head);
}

static double level(const int16_t *samples, int count)
{
    double sum = 0;
    int i;
    for (i = 0; i < count; i++)
        sum += (double)samples[i] * samples[i];
    return sqrt(sum / count);
}

static void tones_keep_their_cadence(void)
{
    hf_player *player = hf_player_new(1, 1, 1);
    int16_t out[HF_FRAME * 4];
    int i;
    player->tones[0] = (hf_tone){hf_phase_step(425), 0, 240, 240};
    player->gain = 1000;
    player->repeat = 1;
    memset(out, 0, sizeof out);
    for (i = 0; i < 2; i++)
        CHECK(hf_player_mix(player, 1.0f, out + i * HF_FRAME) == 0);
    CHECK(hf_player_mix(player, 1.0f, out + 2 * HF_FRAME) == 1);
    CHECK(fabs(level(out, 240) - 707) < 20);
    CHECK(level(out + 240, 240) == 0);
    hf_object_free(&player->head);
}

static void tone_for_ever(void)
{
    hf_player *player = hf_player_new(1, 1, 1);
    int16_t out[HF_FRAME];
    int i;
    player->tones[0] = (hf_tone){hf_phase_step(350), hf_phase_step(440), 0, 0};
    player->gain = 1000;
    for (i = 0; i < 500; i++) {
        memset(out, 0, sizeof out);
        CHECK(hf_player_mix(player, 1.0f, out) == 0);
    }
    CHECK(level(out, HF_FRAME) > 300);
    hf_object_free(&player->head);
}

void test_codecs(void)
{
    int law;
    for (law = HF_ALAW; law <= HF_ULAW; law++) {
        levels_are_those_of_the_formula(law);
        samples_lie_in_their_step(law);
    }
    known_code_words();
    wav_header();
    room_is_a_matrix_of_gains();
    clips_play_in_turn();
    only_empty_clips_end_at_once();
    tones_keep_their_cadence();
    tone_for_ever();
}
