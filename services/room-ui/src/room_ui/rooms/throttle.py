"""How often a session may ask: pure, time comes in."""


class Allowance:
    """`burst` requests at once, then `per_second` of them; who keeps quiet earns the burst again."""

    def __init__(self, *, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._left: dict[str, tuple[float, float]] = {}

    def takes(self, key: str, at: float) -> bool:
        """Take one request of `key` at `at` (seconds of any steady clock) if it is allowed."""
        left, since = self._left.get(key, (self._burst, at))
        left = min(self._burst, left + (at - since) * self._per_second)
        allowed = left >= 1
        self._left[key] = (left - 1 if allowed else left, at)
        return allowed

    def forget_quiet(self, at: float) -> None:
        """Forget the keys that have their whole burst again."""
        full_after = self._burst / self._per_second
        self._left = {key: (left, since) for key, (left, since) in self._left.items() if at - since < full_after}
