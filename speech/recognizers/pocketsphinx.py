"""PocketSphinx: English without any download, its model is inside the wheel.

Runs in a worker process only, because it holds the interpreter lock while decoding. Partial
texts come from a streaming decoder with a seeded cepstral mean; the answer comes from decoding
the whole utterance once more, which hears far more and costs 3 % of its length.
"""

from importlib.metadata import version

from pocketsphinx import Decoder

from speech.api import Hypothesis
from speech.grammar import usable
from speech.recognizers.engine import ENGINE_RATE

# Mean of telephone speech after mu-law; without it the first utterance of a decoder is half deaf.
TELEPHONE_MEAN = "34.8,16.9,-36.5,23.4,-16.2,-12.9,1.9,-26.2,0.8,-4.6,-10.5,4.9,-11.7"
# What the model starts from; a whole-utterance decode learns its own from there.
MODEL_MEAN = "40,3,-1,0,0,0,0,0,0,0,0,0,0"
STREAMING_DECODERS = 8  # about 27 MiB each; utterances beyond go without partial texts
SEARCH = "prompt"
# Silence before an utterance: a word that begins at once (barge-in) is taken for another.
LEAD = bytes(2 * ENGINE_RATE // 5)


class PocketSphinxEngine:
    """One decoder for answers, and a pool of streaming ones for partial texts."""

    threads = 1
    streaming_is_final = False

    def __init__(self) -> None:
        self.version = version("pocketsphinx")
        self._whole = _decoder()
        self._idle: list[Decoder] = []
        self._streaming = 0

    def check(self, phrases: list[str]) -> tuple[list[str], list[str]]:
        """Keep phrases whose words are in the dictionary."""
        candidates, problems = usable(phrases)
        heard = []
        for phrase in candidates:
            # One unknown word makes the whole grammar fail to load.
            unknown = [word for word in phrase.split() if self._whole.lookup_word(word) is None]
            if unknown:
                names = ", ".join(repr(word) for word in unknown)
                problems.append(f"phrase {phrase!r}: the dictionary does not know {names}")
            else:
                heard.append(phrase)
        return heard, problems

    def utterance(self, phrases: list[str]) -> "PocketSphinxUtterance":
        """Begin a streaming utterance, for its partial texts."""
        return PocketSphinxUtterance(self, phrases, self._borrow())

    def give_back(self, decoder: Decoder) -> None:
        """Take a streaming decoder back into the pool."""
        self._idle.append(decoder)

    def decode(self, phrases: list[str], pcm: bytes) -> Hypothesis:
        """Decode a whole utterance at once."""
        _prepare(self._whole, phrases, MODEL_MEAN)
        self._whole.process_raw(LEAD + pcm, full_utt=True)
        self._whole.end_utt()
        return _hypothesis(self._whole)

    def _borrow(self) -> Decoder | None:
        if self._idle:
            return self._idle.pop()
        if self._streaming >= STREAMING_DECODERS:
            return None
        self._streaming += 1
        return _decoder()


class PocketSphinxUtterance:
    """A streaming utterance; silent when all streaming decoders are taken."""

    def __init__(
        self, engine: PocketSphinxEngine, phrases: list[str], decoder: Decoder | None
    ) -> None:
        self._engine = engine
        self._decoder = decoder
        if decoder is not None:
            _prepare(decoder, phrases, TELEPHONE_MEAN)

    def feed(self, pcm: bytes) -> str:
        if self._decoder is None:
            return ""
        self._decoder.process_raw(pcm)
        return _hypothesis(self._decoder).text

    def finish(self) -> Hypothesis:
        if self._decoder is None:
            return Hypothesis("", 0.0)
        decoder = self._decoder
        self.close()
        return _hypothesis(decoder)

    def close(self) -> None:
        if self._decoder is not None:
            self._decoder.end_utt()
            self._engine.give_back(self._decoder)
            self._decoder = None


def _decoder() -> Decoder:
    # The model's own parameters win over samprate=8000, which then fails to start.
    return Decoder(samprate=ENGINE_RATE, lm=None, loglevel="FATAL")


def _prepare(decoder: Decoder, phrases: list[str], mean: str) -> None:
    grammar = f"#JSGF V1.0;\ngrammar g;\npublic <s> = {' | '.join(phrases)} ;"
    decoder.add_jsgf_string(SEARCH, grammar)
    decoder.activate_search(SEARCH)
    # Besides the mean, the front end remembers the last utterance's noise; without this the
    # next one on the same decoder is often heard as nothing.
    decoder.reinit_feat()
    decoder.set_cmn(mean)
    decoder.start_utt()


def _hypothesis(decoder: Decoder) -> Hypothesis:
    found = decoder.hyp()
    if found is None or not found.hypstr:
        return Hypothesis("", 0.0)
    return Hypothesis(str(found.hypstr), min(1.0, max(0.0, float(found.prob))))
