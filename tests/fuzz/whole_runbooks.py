"""Mutates whole runbooks until reading, understanding or linting one fails: `python -m tests.fuzz.whole_runbooks`.

Needs the extra "fuzz" (atheris); stops with its message where it is not installed. Further arguments are libFuzzer's:
a folder with a corpus, -max_total_time=600.
"""

from __future__ import annotations

import sys


def one_input(data: bytes) -> None:
    """The bytes are the file."""
    from cockpit.engine.compose import replacements
    from cockpit.model.action import Tier
    from cockpit.model.command import EffectClass, Kind
    from cockpit.runbooks.lint import lint
    from cockpit.runbooks.markdown.source import decode
    from cockpit.runbooks.read import parse
    from cockpit.runbooks.recognise import understand_all

    runbook = parse([("RUNBOOK.md", decode(data))])
    reached = [step.command for playbook in runbook.playbooks for step in playbook.steps if step.command is not None]
    assert len(reached) == len(runbook.commands), "a command is in no step, or in two"
    understandings = understand_all(runbook, replacements())
    for each in understandings:
        if each.kind is Kind.SCRIPT and each.effect is not EffectClass.READS:
            assert each.tier >= Tier.T3, "a script that may change something asks for too little"
    lint(runbook, understandings)


def main() -> None:
    """Runs until stopped."""
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is not installed; it comes with: pip install 'oncall-cockpit[fuzz]'")
    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
