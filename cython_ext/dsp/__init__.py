"""Telephone signal processing: G.711, tones, DTMF, levels, voice activity.

For commissioning, the demo and tests; calls in service are the media engine's work.
"""

from typing import TYPE_CHECKING

from cython_ext.implementation import PURE_PYTHON

if TYPE_CHECKING or not PURE_PYTHON:
    try:
        from cython_ext.dsp._dsp import (
            DtmfDetector,
            EnergyVad,
            ToneGenerator,
            alaw_decode,
            alaw_encode,
            dtmf_generate,
            goertzel,
            level,
            mix,
            rms,
            ulaw_decode,
            ulaw_encode,
        )
    except ModuleNotFoundError as error:
        raise ImportError(
            "the compiled signal processing is missing: run `make build`, "
            "or set HOOKFLASH_PURE_PYTHON=1 to do without compiled kernels"
        ) from error
else:
    from cython_ext.dsp.oracle import (
        DtmfDetector,
        EnergyVad,
        ToneGenerator,
        alaw_decode,
        alaw_encode,
        dtmf_generate,
        goertzel,
        level,
        mix,
        rms,
        ulaw_decode,
        ulaw_encode,
    )

__all__ = [
    "DtmfDetector",
    "EnergyVad",
    "ToneGenerator",
    "alaw_decode",
    "alaw_encode",
    "dtmf_generate",
    "goertzel",
    "level",
    "mix",
    "rms",
    "ulaw_decode",
    "ulaw_encode",
]
