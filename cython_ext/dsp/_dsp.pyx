"""Signal processing, compiled; the same answers as ``oracle.py``, which explains each.

Audio is bytes of 16-bit little-endian samples; they are read byte by byte, so neither the
machine's byte order nor alignment matters.
"""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.math cimport cos, floor, log10, pow, sin, sqrt
from libc.string cimport memcpy, memmove

from cython_ext.dsp import figures as f

DEF MOST_TONES = 8
DEF PI = 3.141592653589793

cdef double FULL_POWER = 32767.0 * 32767.0 / 2
cdef double FULL_SCALE = f.FULL_SCALE_DBM0
cdef double SILENCE = f.SILENCE_DBM0
cdef enum:
    WINDOW = 102
    STEP = 51
    FRAME = 80
cdef int HITS = f.DTMF_HITS
cdef int MISSES = f.DTMF_MISSES
cdef double LEVEL = FULL_POWER * pow(10.0, (f.DTMF_LEVEL_DBM0 - FULL_SCALE) / 10)
cdef double TWIST = pow(10.0, f.DTMF_TWIST_DB / 10)
cdef double REVERSE = pow(10.0, f.DTMF_REVERSE_TWIST_DB / 10)
cdef double PEAK = pow(10.0, f.DTMF_PEAK_DB / 10)
cdef double PURITY = f.DTMF_PURITY
cdef double ABOVE_NOISE = f.VAD_ABOVE_NOISE_DB
cdef double NOISE_RISE = f.VAD_NOISE_RISE_DB
cdef int ON_FRAMES = f.VAD_ON_FRAMES
cdef int OFF_FRAMES = f.VAD_OFF_FRAMES
assert (WINDOW, STEP, FRAME) == (f.DTMF_WINDOW, f.DTMF_STEP, f.VAD_FRAME)


cdef inline int sample(const unsigned char *p, Py_ssize_t n) noexcept nogil:
    return <short>(p[2 * n] | p[2 * n + 1] << 8)


cdef inline void store(unsigned char *p, Py_ssize_t n, int value) noexcept nogil:
    if value > 32767:
        value = 32767
    elif value < -32768:
        value = -32768
    p[2 * n] = value & 0xFF
    p[2 * n + 1] = (value >> 8) & 0xFF


cdef Py_ssize_t count_of(bytes pcm) except -1:
    if len(pcm) % 2:
        raise ValueError("bytes length not a multiple of item size")
    return len(pcm) // 2


def alaw_encode(bytes pcm not None):
    """Compress 16-bit samples to A-law (G.711), one byte a sample."""
    cdef Py_ssize_t n, count = count_of(pcm)
    cdef bytes made = PyBytes_FromStringAndSize(NULL, count)
    cdef unsigned char *to = made
    cdef const unsigned char *p = pcm
    cdef int value, mask, segment
    for n in range(count):
        value = sample(p, n) >> 3
        mask = 0xD5
        if value < 0:
            mask = 0x55
            value = -value - 1
        segment = 0
        while value > (0x20 << segment) - 1:
            segment += 1
        value >>= segment if segment > 1 else 1
        to[n] = (segment << 4 | value & 0x0F) ^ mask
    return made


def alaw_decode(bytes data not None):
    """Expand A-law to 16-bit samples."""
    cdef Py_ssize_t n
    cdef bytes made = PyBytes_FromStringAndSize(NULL, 2 * len(data))
    cdef unsigned char *to = made
    cdef const unsigned char *p = data
    cdef int code, value, segment
    for n in range(len(data)):
        code = p[n] ^ 0x55
        value = (code & 0x0F) << 4
        segment = (code & 0x70) >> 4
        value = value + 8 if segment == 0 else (value + 0x108) << (segment - 1)
        store(to, n, value if code & 0x80 else -value)
    return made


def ulaw_encode(bytes pcm not None):
    """Compress 16-bit samples to mu-law (G.711), one byte a sample."""
    cdef Py_ssize_t n, count = count_of(pcm)
    cdef bytes made = PyBytes_FromStringAndSize(NULL, count)
    cdef unsigned char *to = made
    cdef const unsigned char *p = pcm
    cdef int value, mask, segment
    for n in range(count):
        value = sample(p, n) >> 2
        mask = 0xFF
        if value < 0:
            mask = 0x7F
            value = -value
        value = (8159 if value > 8159 else value) + 33
        segment = 0
        while segment < 8 and value > (0x40 << segment) - 1:
            segment += 1
        to[n] = (0x7F if segment == 8 else segment << 4 | (value >> (segment + 1)) & 0x0F) ^ mask
    return made


def ulaw_decode(bytes data not None):
    """Expand mu-law to 16-bit samples."""
    cdef Py_ssize_t n
    cdef bytes made = PyBytes_FromStringAndSize(NULL, 2 * len(data))
    cdef unsigned char *to = made
    cdef const unsigned char *p = data
    cdef int code, value
    for n in range(len(data)):
        code = ~p[n] & 0xFF
        value = (((code & 0x0F) << 3) + 132) << ((code & 0x70) >> 4)
        store(to, n, 132 - value if code & 0x80 else value - 132)
    return made


cdef double mean_square(const unsigned char *p, Py_ssize_t count) noexcept nogil:
    cdef double total = 0.0
    cdef Py_ssize_t n
    cdef int value
    for n in range(count):
        value = sample(p, n)
        total += <double>value * value
    return total / count if count else 0.0


cdef double power_of(const unsigned char *p, Py_ssize_t count, double coefficient) noexcept nogil:
    # Goertzel; comparable with the mean of squares.
    cdef double one = 0.0
    cdef double two = 0.0
    cdef double now
    cdef Py_ssize_t n
    for n in range(count):
        now = sample(p, n) + coefficient * one - two
        two = one
        one = now
    return 2 * (one * one + two * two - coefficient * one * two) / (<double>count * count)


cdef double dbm0(double power) noexcept nogil:
    cdef double found
    if power <= 0:
        return SILENCE
    found = 10 * log10(power / FULL_POWER) + FULL_SCALE
    return found if found > SILENCE else SILENCE


def rms(bytes pcm not None):
    """Root mean square of the samples, 0 to 32768."""
    return sqrt(mean_square(pcm, count_of(pcm)))


def level(bytes pcm not None):
    """Level of all that is in the samples, in dBm0."""
    return dbm0(mean_square(pcm, count_of(pcm)))


def goertzel(bytes pcm not None, int rate, double hz):
    """Level of one frequency in the samples, in dBm0."""
    cdef Py_ssize_t count = count_of(pcm)
    if not count:
        return SILENCE
    return dbm0(power_of(pcm, count, 2 * cos(2 * PI * hz / rate)))


def mix(bytes one not None, bytes other not None):
    """Add two pieces of the same length, clipped; ValueError when lengths differ."""
    cdef Py_ssize_t n, count = count_of(one)
    cdef bytes made = PyBytes_FromStringAndSize(NULL, 2 * count)
    cdef unsigned char *to = made
    cdef const unsigned char *p = one
    cdef const unsigned char *q = other
    if len(one) != len(other):
        raise ValueError("lengths differ")
    for n in range(count):
        store(to, n, sample(p, n) + sample(q, n))
    return made


@cython.final
cdef class ToneGenerator:
    """A sum of sines without a break in phase from one call to the next."""

    cdef int tones
    cdef double steps[MOST_TONES]
    cdef double phases[MOST_TONES]
    cdef double peak

    def __init__(self, frequencies, double level_dbm0=-10.0, int rate=8000):
        self.tones = 0
        if len(frequencies) > MOST_TONES:
            raise ValueError("too many frequencies")
        for hz in frequencies:
            self.steps[self.tones] = 2 * PI * hz / rate
            self.phases[self.tones] = 0.0
            self.tones += 1
        self.peak = 32767.0 * pow(10.0, (level_dbm0 - FULL_SCALE) / 20)

    def generate(self, Py_ssize_t samples):
        """Return the next samples; ValueError when negative."""
        cdef bytes made
        cdef unsigned char *to
        cdef Py_ssize_t n
        cdef int tone
        cdef double total, phase
        if samples < 0:
            raise ValueError("samples must not be negative")
        made = PyBytes_FromStringAndSize(NULL, 2 * samples)
        to = made
        for n in range(samples):
            total = 0.0
            for tone in range(self.tones):
                total += sin(self.phases[tone])
                phase = self.phases[tone] + self.steps[tone]
                self.phases[tone] = phase - 2 * PI if phase > 2 * PI else phase
            store(to, n, <int>floor(total * self.peak + 0.5))
        return made


def dtmf_generate(
    str keys not None,
    int on_ms=70,
    int off_ms=70,
    double low_dbm0=-11.0,
    double high_dbm0=-9.0,
    double shift=1.0,
):
    """Tones for keys at 8 kHz, each followed by silence; ValueError for an unknown key."""
    cdef Py_ssize_t count = on_ms * 8
    cdef Py_ssize_t at
    parts = []
    for key in keys:
        at = f.DTMF_KEYS.find(key)
        if at < 0:
            raise ValueError(f"no such key: {key!r}")
        low = ToneGenerator([f.DTMF_ROWS[at // 4] * shift], low_dbm0)
        high = ToneGenerator([f.DTMF_COLUMNS[at % 4] * shift], high_dbm0)
        parts.append(mix(low.generate(count), high.generate(count)))
        parts.append(bytes(2 * off_ms * 8))
    return b"".join(parts)


@cython.final
cdef class DtmfDetector:
    """Finds keys in 8 kHz audio within the limits of Q.24."""

    cdef unsigned char waiting[2 * WINDOW]
    cdef int filled
    cdef double coefficients[8]
    cdef int candidate, hits, misses
    cdef bint reported

    def __init__(self):
        for n, hz in enumerate(f.DTMF_ROWS + f.DTMF_COLUMNS):
            self.coefficients[n] = 2 * cos(2 * PI * hz / 8000)
        self.filled = self.hits = self.misses = 0
        self.candidate = -1
        self.reported = False

    def feed(self, bytes pcm not None):
        """Return the keys that began in this piece, each once."""
        cdef Py_ssize_t count = count_of(pcm)
        cdef const unsigned char *p = pcm
        cdef Py_ssize_t take
        cdef str found = ""
        while count:
            take = WINDOW - self.filled
            if take > count:
                take = count
            memcpy(self.waiting + 2 * self.filled, p, 2 * take)
            self.filled += take
            p += 2 * take
            count -= take
            if self.filled == WINDOW:
                if self.step(self.key()):
                    found += f.DTMF_KEYS[self.candidate]
                memmove(self.waiting, self.waiting + 2 * STEP, 2 * (WINDOW - STEP))
                self.filled = WINDOW - STEP
        return found

    cdef bint step(self, int key) noexcept:
        # True when the candidate has just become a key.
        if key >= 0 and key == self.candidate:
            self.hits += 1
            self.misses = 0
        elif key < 0 and self.reported and self.misses + 1 < MISSES:
            self.misses += 1
        else:
            self.candidate = key
            self.hits = 1 if key >= 0 else 0
            self.misses = 0
            self.reported = False
        if self.hits >= HITS and not self.reported:
            self.reported = True
            return True
        return False

    cdef int key(self) noexcept nogil:
        cdef double powers[8]
        cdef double low, high
        cdef int n
        cdef int row = 0
        cdef int column = 0
        for n in range(8):
            powers[n] = power_of(self.waiting, WINDOW, self.coefficients[n])
        for n in range(1, 4):
            if powers[n] > powers[row]:
                row = n
            if powers[4 + n] > powers[4 + column]:
                column = n
        low = powers[row]
        high = powers[4 + column]
        if low < LEVEL or high < LEVEL or low > high * TWIST or high > low * REVERSE:
            return -1
        for n in range(4):
            if n != row and powers[n] * PEAK > low:
                return -1
            if n != column and powers[4 + n] * PEAK > high:
                return -1
        if low + high < mean_square(self.waiting, WINDOW) * PURITY:
            return -1
        return row * 4 + column


@cython.final
cdef class EnergyVad:
    """Says when somebody speaks, by level above a noise estimate that follows the line."""

    cdef double threshold, noise
    cdef unsigned char waiting[2 * FRAME]
    cdef int filled, loud, quiet
    cdef readonly bint speaking

    def __init__(self, double threshold_dbm0=-42.0):
        self.threshold = threshold_dbm0
        self.noise = threshold_dbm0 - ABOVE_NOISE
        self.filled = self.loud = self.quiet = 0
        self.speaking = False

    def feed(self, bytes pcm not None):
        """Take any number of samples at 8 kHz; return whether speech is going on."""
        cdef Py_ssize_t count = count_of(pcm)
        cdef const unsigned char *p = pcm
        cdef Py_ssize_t take
        while count:
            take = FRAME - self.filled
            if take > count:
                take = count
            memcpy(self.waiting + 2 * self.filled, p, 2 * take)
            self.filled += take
            p += 2 * take
            count -= take
            if self.filled == FRAME:
                self.frame()
                self.filled = 0
        return self.speaking

    cdef void frame(self) noexcept nogil:
        cdef double now = dbm0(mean_square(self.waiting, FRAME))
        self.noise = now if now < self.noise + NOISE_RISE else self.noise + NOISE_RISE
        if now > self.threshold and now > self.noise + ABOVE_NOISE:
            self.loud += 1
            self.quiet = 0
        else:
            self.loud = 0
            self.quiet += 1
        if self.loud >= ON_FRAMES:
            self.speaking = True
        elif self.quiet >= OFF_FRAMES:
            self.speaking = False
