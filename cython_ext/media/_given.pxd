"""What players and streams are given, put into the C engine's form."""

from libc.stdint cimport int16_t
from libc.stdlib cimport calloc

from cython_ext.media._engine cimport *


cdef inline int put_clips(hf_player *player, list clips) except -1:
    """Buffers of 16-bit samples, which must live as long as the player; an odd octet is no part."""
    cdef const unsigned char[::1] octets
    for at, clip in enumerate(clips):
        if len(clip) == 0:
            continue
        octets = clip
        player.clips[<int>at].samples = <const int16_t *><const void *>&octets[0]
        player.clips[<int>at].count = <uint32_t>(len(clip) // 2)
    return 0


cdef inline int put_tones(hf_player *player, list steps) except -1:
    """Steps (hz, hz, samples on, samples off)."""
    cdef int at
    for at in range(len(steps)):
        first, second, on, off = steps[at]
        player.tones[at].step_a = hf_phase_step(first)
        player.tones[at].step_b = hf_phase_step(second)
        player.tones[at].on, player.tones[at].off = on, off
    return 0


cdef inline int put_coder(hf_coders *coders, int law) except -1:
    """What a law's coder remembers, -1 for none; MemoryError, also without libopus."""
    if law == HF_G722:
        coders.g722 = <hf_g722 *>calloc(1, sizeof(hf_g722))
    elif law == HF_OPUS:
        coders.opus = hf_opus_new()
    if law >= 0 and coders.g722 == NULL and coders.opus == NULL:
        raise MemoryError
    return 0
