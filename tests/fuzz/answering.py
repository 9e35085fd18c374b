"""How often the answering detector is wrong: ``python -m tests.fuzz.answering [seed]``.

Short answers and greetings of machines, spoken by espeak-ng and flite in changing voices,
speeds, pitches and levels, with noise on the line; half the machines beep.
"""

import random
import subprocess
import sys

import numpy as np
import numpy.typing as npt

from cython_ext.dsp.answering import Answerer, AnsweringDetector
from tests.fuzz.talkoff import RATE, flite, samples_of

PERSONS = (
    ("en-us", "Hello?"),
    ("en-gb", "Yes?"),
    ("en-us", "Hello, Miller speaking."),
    ("en-us", "Acme company, good morning."),
    ("de", "Müller, guten Tag."),
    ("de", "Ja bitte?"),
    ("fr-fr", "Allô, oui?"),
    ("es", "Dígame."),
    ("cmn", "喂，你好。"),
    ("cmn", "你好，请问哪位？"),
)
MACHINES = (
    (
        "en-us",
        "Hello, you have reached the voice mail of Peter Miller. I cannot take your call now.",
    ),
    (
        "en-gb",
        "The person you are calling is not available. Please leave a message after the tone.",
    ),
    (
        "en-us",
        "Hi, this is Anna. I am out at the moment, so leave me a message and I will call back.",
    ),
    (
        "de",
        "Guten Tag, hier ist der Anschluss von Familie Müller. Wir sind zur Zeit nicht zu Hause.",
    ),
    ("fr-fr", "Bonjour, vous êtes bien chez Marie. Je ne suis pas disponible, laissez un message."),
    ("es", "Hola, este es el contestador de Juan. Deja tu mensaje después de la señal."),
    ("cmn", "您好，您拨打的用户暂时无法接听，请在提示音后留言，我们会尽快给您回电话。"),
    ("cmn", "你好，我现在不在家，有事请留言，谢谢。"),
)
SEED = 5


def answer(texts: tuple[tuple[str, str], ...], chance: random.Random, *, beep: bool) -> bytes:
    """A call's first seconds after its answer."""
    language, text = chance.choice(texts)
    if language.startswith("en") and chance.random() < 0.5:
        voice = flite(text, chance)
    else:
        variant = chance.choice(("m1", "m3", "m7", "f1", "f2", "f4"))
        speed, pitch = str(chance.randint(130, 200)), str(chance.randint(20, 80))
        command = ["espeak-ng", "--stdout", "-v", f"{language}+{variant}", "-s", speed]
        spoken = subprocess.run([*command, "-p", pitch, text], capture_output=True, check=True)
        voice = samples_of(spoken.stdout)
    rms = 22300 / 2**0.5 * 10 ** (chance.uniform(-30, -14) / 20)
    voice = voice * rms / max(float(np.sqrt(np.mean(voice**2))), 1.0)
    parts: list[npt.NDArray[np.float64]] = [np.zeros(int(RATE * chance.uniform(0.1, 1.5))), voice]
    if beep:
        hertz = chance.choice((440, 800, 1000, 1400))
        tone = 4000 * np.sin(2 * np.pi * hertz * np.arange(RATE // 2) / RATE)
        parts += [np.zeros(int(RATE * 0.3)), tone]
    parts.append(np.zeros(RATE * 6))
    audio = np.concatenate(parts)
    noise = np.random.default_rng(chance.randrange(2**32)).normal(0, 30, len(audio))
    return np.clip(audio + noise, -32768, 32767).astype("<i2").tobytes()


def run(count: int, seed: int = SEED) -> dict[str, dict[str, int]]:
    """How often each kind of answer was taken for what."""
    chance = random.Random(seed)
    found: dict[str, dict[str, int]] = {}
    for kind, texts in (("person", PERSONS), ("machine", MACHINES)):
        counts = found.setdefault(kind, {answerer.name.lower(): 0 for answerer in Answerer})
        for _ in range(count):
            beep = kind == "machine" and chance.random() < 0.5
            verdict = AnsweringDetector().feed(answer(texts, chance, beep=beep))
            assert verdict is not None, "six seconds of silence end every answer"
            counts[verdict.name.lower()] += 1
    return found


if __name__ == "__main__":
    sys.stdout.write(f"{run(300, int(sys.argv[1]) if len(sys.argv) > 1 else SEED)}\n")
