"""Erlang's figures the slow way: every state of the birth-death chain, and its steps in time.

Nothing here is shared with ``acd_core.forecast``: weights are logarithms of factorials, and
the wait of one caller is followed by small steps of his own chain.
"""

from math import exp, lgamma, log


def normalised(logs: list[float]) -> list[float]:
    """Probabilities of states whose weights are given as logarithms."""
    top = max(logs)
    weights = [exp(value - top) for value in logs]
    total = sum(weights)
    return [weight / total for weight in weights]


def blocked(load: float, servers: int) -> float:
    """Erlang B as a ratio of sums: load^N / N! over the sum of load^k / k!."""
    return normalised([k * log(load) - lgamma(k + 1) for k in range(servers + 1)])[-1]


def chain(load: float, servers: int, impatience: float, states: int) -> list[float]:
    """Probabilities of 0, 1, ... calls; ``impatience`` is AHT over mean patience."""
    logs, value = [0.0], 0.0
    for calls in range(1, states):
        deaths = min(calls, servers) + max(calls - servers, 0) * impatience
        value += log(load) - log(deaths)
        logs.append(value)
    return normalised(logs)


class Figures:
    """Figures of one chain, with the handling time as the unit of time."""

    def __init__(
        self, load: float, servers: int, impatience: float, threshold: float, states: int = 3000
    ) -> None:
        chances = chain(load, servers, impatience, states)
        self.delayed = sum(chances[servers:])
        self.queue = sum((n - servers) * p for n, p in enumerate(chances) if n > servers)
        self.wait = self.queue / load
        self.busy = sum(min(n, servers) * p for n, p in enumerate(chances)) / servers
        self.abandoned = impatience * self.queue / load
        most = next(n for n in range(servers, states) if sum(chances[n:]) < 1e-12) - servers
        served = served_within(servers, impatience, threshold, most)
        self.service_level = sum(chances[:servers]) + sum(
            chances[servers + ahead] * served[ahead] for ahead in range(most)
        )


def served_within(servers: int, impatience: float, threshold: float, count: int) -> list[float]:
    """Follow a caller's own chain: ahead of him one leaves, or he himself gives up.

    ``s[j]' = (N + j i) s[j-1] - (N + (j+1) i) s[j]`` with ``s[-1] = 1``, by Runge and Kutta.
    """
    rates = [servers + ahead * impatience for ahead in range(count + 1)]
    steps = max(200, int(40 * threshold * rates[-1]))
    width = threshold / steps

    def slope(values: list[float]) -> list[float]:
        return [
            rates[j] * (values[j - 1] if j else 1.0) - rates[j + 1] * values[j]
            for j in range(count)
        ]

    values = [0.0] * count
    for _ in range(steps):
        k1 = slope(values)
        k2 = slope([v + width / 2 * k for v, k in zip(values, k1, strict=True)])
        k3 = slope([v + width / 2 * k for v, k in zip(values, k2, strict=True)])
        k4 = slope([v + width * k for v, k in zip(values, k3, strict=True)])
        values = [
            v + width / 6 * (a + 2 * b + 2 * c + d)
            for v, a, b, c, d in zip(values, k1, k2, k3, k4, strict=True)
        ]
    return values
