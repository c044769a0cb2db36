"""Every way in which the outside fails, in the operator's words.

CockpitError
├── Unreachable            no connection: refused, no route, name unknown
│   └── Exhausted          the server answers, and has no connection left to give
├── TimedOut               a deadline passed
├── AuthenticationFailed   who we are was not accepted
├── PermissionDenied       who we are may not do that (`missing` names the right)
├── NotFound               the target does not exist (any more)
├── Conflict               the target changed since it was read, or somebody else is changing it
├── RateLimited            too many requests (`retry_after_s`)
│   └── PutOff             the cockpit waits of its own accord; nothing was asked
├── Misconfigured          the profile or the environment is wrong
├── Malformed              the answer makes no sense
└── Refused                a guard said no; nothing was sent
"""

from __future__ import annotations


class CockpitError(Exception):
    """Base of all expected failures.

    `message` says what happened and to what; `hint` what to do next; both are cleaned text without secrets.
    `effect_possible` is True when a mutation may have happened although no answer came: its outcome is
    UNKNOWN, never FAILED.
    """

    word = "failed"

    def __init__(self, message: str, *, hint: str = "", effect_possible: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.effect_possible = effect_possible

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message


class Unreachable(CockpitError):
    """No connection could be made, or it broke."""

    word = "unreachable"


class Exhausted(Unreachable):
    """The server is there and full: that it lets nobody in is the finding."""

    word = "no connection left"


class TimedOut(CockpitError):
    """No answer before the deadline."""

    word = "timed out"


class AuthenticationFailed(CockpitError):
    """The credentials were not accepted, or there are none."""

    word = "not authenticated"


class PermissionDenied(CockpitError):
    """The identity is known but may not do this."""

    word = "not permitted"

    def __init__(self, message: str, *, missing: str = "", hint: str = "", effect_possible: bool = False) -> None:
        super().__init__(message, hint=hint, effect_possible=effect_possible)
        self.missing = missing


class NotFound(CockpitError):
    """The target does not exist, or no longer."""

    word = "not found"


class Conflict(CockpitError):
    """The target is not in the state it was read in, or is being changed by somebody else."""

    word = "changed meanwhile"


class RateLimited(CockpitError):
    """The other side asked us to slow down."""

    word = "rate limited"

    def __init__(self, message: str, *, retry_after_s: float | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class PutOff(RateLimited):
    """Nothing was asked: the cockpit keeps to what it allows itself of a quota that others need too."""

    word = "put off"


class Misconfigured(CockpitError):
    """Something the operator wrote, or the environment lacks, makes this impossible."""

    word = "misconfigured"


class Malformed(CockpitError):
    """An answer arrived that cannot be understood."""

    word = "not understood"


class Refused(CockpitError):
    """A guard stopped an action before anything was sent. `step` is the guard's name."""

    word = "refused"

    def __init__(self, step: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.step = step
