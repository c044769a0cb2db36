"""What the main screen does with dialogs beyond opening one: the start, the palette, events, findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from textual.app import App
from textual.command import CommandPalette
from textual.screen import Screen

from cockpit.clock import Clock
from cockpit.errors import CockpitError
from cockpit.model.finding import Finding
from cockpit.model.runbook import Playbook
from screens.dialogs.events import TimelineScreen, happenings
from screens.dialogs.findings import FindingsScreen
from screens.dialogs.menu import Entry, for_system, usable
from screens.dialogs.notice import Notice
from screens.dialogs.outcome import EffectCard
from screens.dialogs.palette import CockpitCommands, Command
from screens.dialogs.unresolved import UnresolvedDialog, UnresolvedSource
from screens.flow import ActionFlow
from screens.watched import Watched


def show_effects(screen: Screen[Any], engine: Watched, before: str | None = None) -> EffectCard:
    """Put the card of the effect watch into the screen, before the widget that a selector names."""
    card = EffectCard()
    screen.mount(card, before=before)
    card.follow(engine.executor)
    return card


def show_unresolved(app: App[Any], executor: UnresolvedSource, clock: Clock) -> None:
    """At the start: the intents that a former cockpit left without an outcome, until somebody has looked."""

    async def work() -> None:
        try:
            found = await executor.unresolved()
            if not found:
                return
            looked: bool = await app.push_screen_wait(UnresolvedDialog(found, clock))
            if looked:
                for each in found:
                    await executor.resolve(each.run, "the operator looked at the target")
        except CockpitError as error:
            lines = [(text, "") for text in (error.message, error.hint) if text]
            await app.push_screen_wait(Notice("The audit log cannot be used", lines, grave=True))

    app.run_worker(work(), exit_on_error=False, group="start")


def open_events(app: App[Any], engine: Watched) -> None:
    """The list of what happened, as of now."""
    now = engine.clock.now().timestamp()
    states = engine.hub.states()
    histories = {state.source: engine.hub.history(state.source) for state in states}
    found = happenings(states, histories, engine.markers(), engine.executor.records, now)
    app.push_screen(TimelineScreen(found, now))


def open_findings(
    app: App[Any], engine: Watched, flow: ActionFlow, open_playbook: Callable[[str], object] | None = None
) -> None:
    """The findings, cause first; enter opens the plan of what the chosen one suggests, or its playbook."""
    findings = in_order(engine)
    named = _named(engine, findings) if open_playbook is not None else {}

    def chosen(finding: Finding | None) -> None:
        if finding is not None and finding.action is not None:
            flow.finding(finding)
        elif finding is not None and open_playbook is not None and finding.playbook in named:
            open_playbook(named[finding.playbook].id)

    titles = {heading: playbook.title for heading, playbook in named.items()}
    app.push_screen(FindingsScreen(findings, titles), chosen)


def _named(engine: Watched, findings: Sequence[Finding]) -> dict[str, Playbook]:
    """The playbooks that the profile names for them, by heading."""
    from cockpit.runbooks.guide.match import under  # with the first runbook

    runbook = engine.guide.runbook if engine.guide is not None else None
    if runbook is None:
        return {}
    found = {each.playbook: under(runbook, each.playbook)[:1] for each in findings if each.playbook}
    return {heading: playbooks[0] for heading, playbooks in found.items() if playbooks}


def in_order(engine: Watched) -> list[Finding]:
    """The cause chain, then the other findings by severity."""
    chain = list(engine.cause_chain())
    told = {(finding.rule, finding.source) for finding in chain}  # their words move with the clock
    return chain + [finding for finding in engine.findings() if (finding.rule, finding.source) not in told]


def open_palette(app: App[Any]) -> None:
    """Textual's palette over the app's `palette_commands`."""
    if not CommandPalette.is_open(app):
        app.push_screen(CommandPalette(providers=[CockpitCommands], placeholder="Open …"))


def commands(
    engine: Watched,
    flow: ActionFlow,
    app: App[Any],
    *,
    panes: Iterable[tuple[str, Callable[[], object]]] = (),
    use_theme: Callable[[str], object] | None = None,
    open_playbook: Callable[[str], object] | None = None,
) -> list[Command]:
    """Entries for `palette_commands`: suggestions first, then actions, panes, sources, the rest, themes."""
    keys = engine.profile.keys
    found = [_suggestion(finding, flow) for finding in in_order(engine) if finding.action is not None]
    if open_playbook is not None:
        found += _playbooks(engine, open_playbook)
    found += [_action(entry, flow) for entry in usable(for_system(engine.catalogue, keys))]
    found += [Command(f"Pane: {name}", "go to this pane", go) for name, go in panes]
    found += [_poll(state.source, state.summary, engine) for state in engine.hub.states()]
    found += [
        Command(
            "Findings",
            "what is found wrong, and what would help",
            lambda: open_findings(app, engine, flow, open_playbook),
        ),
        Command("Events", "severity changes, deployments, own actions", lambda: open_events(app, engine)),
        Command("Arm or disarm", "from OBSERVE and back", flow.toggle_mode),
        Command("Undo", "the plan of the way back from the last action", flow.undo),
    ]
    if use_theme is not None:
        found += [_theme(name, use_theme) for name in sorted(app.available_themes)]
    return found


def _playbooks(engine: Watched, open_playbook: Callable[[str], object]) -> list[Command]:
    """Those of the runbook; the ones that fit what is found first."""
    if engine.guide is None or engine.guide.runbook is None:
        return []
    fitting = {each.playbook.id: each.reason for each in engine.guide.suggestions()}
    playbooks = sorted(engine.guide.runbook.playbooks, key=lambda playbook: playbook.id not in fitting)
    return [
        Command(
            f"Playbook: {playbook.title}",
            fitting.get(playbook.id) or " ▸ ".join(playbook.trail),
            partial(open_playbook, playbook.id),
        )
        for playbook in playbooks
    ]


def _suggestion(finding: Finding, flow: ActionFlow) -> Command:
    name = f"Fix: {finding.action_title or finding.short}"
    return Command(name, finding.text, lambda: flow.finding(finding))


def _action(entry: Entry, flow: ActionFlow) -> Command:
    spec, source = entry.offer.spec, entry.offer.source
    about = f"{spec.tier.name} on {source}: {spec.summary}"
    return Command(spec.title, about, lambda: flow.start(spec.id, source, entry.selection))


def _poll(source: str, summary: str, engine: Watched) -> Command:
    return Command(f"Ask {source} now", summary, lambda: engine.hub.poll_now(source))


def _theme(name: str, use_theme: Callable[[str], object]) -> Command:
    return Command(f"Theme: {name}", "", lambda: use_theme(name))
