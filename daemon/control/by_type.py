"""What to do with a value, found by its class in one look instead of by asking for each in turn."""

from typing import TypeVar

Found = TypeVar("Found")


class ByType(dict[type, Found]):
    """By class; one that is not named counts as the nearest above it that is, KeyError without."""

    def __missing__(self, kind: type) -> Found:
        for above in kind.__mro__[1:]:
            if above in self:
                # Kept for the next of its kind. There are as many as classes, which do not grow.
                found = self[kind] = self[above]
                return found
        raise KeyError(kind)
