"""What the doctor found: a line each, with what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How bad it is."""

    OK = "ok"
    ATTENTION = "attention"
    """It works; somebody should look."""
    BROKEN = "broken"
    """Something does not work until somebody does something."""


@dataclass(frozen=True)
class Finding:
    """One line of the report. `advice`: what to do about it; nothing where all is well."""

    what: str
    state: State
    words: str
    advice: str = ""


@dataclass
class Report:
    """Everything that was found."""

    findings: list[Finding] = field(default_factory=list)
    not_looked_at: list[str] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        self.findings.append(finding)

    def leave_out(self, words: str) -> None:
        """Say what was not looked at, and which setting it needs: that is neither good nor bad."""
        self.not_looked_at.append(words)

    @property
    def is_broken(self) -> bool:
        return any(finding.state is State.BROKEN for finding in self.findings)

    def rows(self) -> Sequence[dict[str, Any]]:
        """Return the findings by what they are about."""
        return [
            {"state": one.state.value, "what": one.what, "words": one.words, "advice": one.advice}
            for one in sorted(self.findings, key=lambda one: one.what)
        ]
