"""What is wrong with the commands of a runbook, by rules on their parsed form: `lint` finds the faults.

The rules are in the modules `rules_*`, each with the evidence that it rests on; `engine` runs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from cockpit.model.command import Understanding
from cockpit.model.runbook import Fault, Level, Runbook
from cockpit.runbooks.lint.engine import Book, Rule, Rules

__all__ = ["LEVELS", "at_least", "lint", "rules"]

LEVELS: tuple[Level, ...] = (Level.NOTE, Level.WARNING, Level.ERROR)  # from the mildest


def lint(runbook: Runbook, understandings: Sequence[Understanding] = ()) -> tuple[Fault, ...]:
    """Everything that is wrong, in the order of files and lines; of one rule at most one fault a command.

    Without `understandings` the rules that ask what a command changes stay silent. Secrets that the rules find are
    left out of the texts. Never fails on content.
    """
    return _rules().faults(Book(runbook, understandings))


def rules() -> tuple[Rule, ...]:
    """All rules, by id."""
    return tuple(sorted(_rules().rules, key=lambda rule: rule.id))


def at_least(level: Level, bound: Level) -> bool:
    """`level` is as bad as `bound`, or worse."""
    return LEVELS.index(level) >= LEVELS.index(bound)


@cache
def _rules() -> Rules:
    from cockpit.runbooks.lint import (
        rules_cloud_data,
        rules_cloud_run,
        rules_containers,
        rules_database,
        rules_gcloud,
        rules_git,
        rules_http,
        rules_kubectl,
        rules_kubectl_looks,
        rules_losses,
        rules_recovery,
        rules_secrets,
        rules_shell,
        rules_typing,
        rules_waiting,
    )

    modules = (
        rules_cloud_run,
        rules_gcloud,
        rules_cloud_data,
        rules_kubectl,
        rules_kubectl_looks,
        rules_losses,
        rules_recovery,
        rules_database,
        rules_containers,
        rules_git,
        rules_http,
        rules_secrets,
        rules_shell,
        rules_typing,
        rules_waiting,
    )
    return Rules([rule for module in modules for rule in module.RULES])
