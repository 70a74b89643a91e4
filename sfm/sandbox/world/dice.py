"""Chance that repeats: the same seed and keys give the same rolls on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_MASK = (1 << 64) - 1
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def mix(*keys: int) -> int:
    """64 well-stirred bits out of some integers, by splitmix64's finaliser, key after key."""
    state = 0x9E3779B97F4A7C15
    for key in keys:
        state = (state + key * 0xD1B54A32D192ED03 + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state


class Dice:
    """A cheap generator: seeding costs next to nothing, unlike random.Random's."""

    __slots__ = ("_state",)

    def __init__(self, *keys: int) -> None:
        self._state = mix(*keys)

    def bits(self) -> int:
        """64 bits."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    def below(self, bound: int) -> int:
        """A whole number from 0 to bound - 1."""
        return self.bits() % bound

    def between(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + self.bits() % (high - low + 1)

    def chance(self, percent: float) -> bool:
        """True this often in a hundred."""
        return self.bits() % 10_000 < percent * 100

    def pick(self, choices: Sequence[T]) -> T:
        """One of these."""
        return choices[self.bits() % len(choices)]

    def code(self, length: int) -> str:
        """Letters and digits, as in a short link."""
        value, letters = self.bits(), []
        for _ in range(length):
            letters.append(_ALPHABET[value % 62])
            value = value // 62 or self.bits()
        return "".join(letters)

    def skewed(self, highest: int) -> int:
        """Mostly small, now and then large: the way likes are spread."""
        share = (self.bits() % 1_000_000) / 1_000_000
        return int(highest * share**6)
