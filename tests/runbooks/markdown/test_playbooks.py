from pathlib import Path

import pytest

from cockpit.model.runbook import ClockKind, Part, Playbook, Runbook
from cockpit.runbooks.read import parse, read

SAMPLE = Path(__file__).parents[1] / "samples" / "ferry.md"
SHARED = Path(__file__).parents[3] / ".." / "shared" / "runbooks"


@pytest.fixture(scope="module")
def ferry() -> Runbook:
    return read([SAMPLE])


def book(runbook: Runbook, id_: str) -> Playbook:
    found = runbook.playbook(id_)
    assert found is not None, [playbook.id for playbook in runbook.playbooks]
    return found


def only(text: str) -> Playbook:
    (found,) = parse([("r.md", text)]).playbooks
    return found


def test_the_front_matter_names_the_runbook(ferry: Runbook) -> None:
    assert ferry.title == "Ferry tickets on call"
    assert ("owner", "Quayside team") in ferry.front_matter


def test_every_section_with_something_to_do_is_a_playbook(ferry: Runbook) -> None:
    assert [playbook.id for playbook in ferry.playbooks] == [
        "gates-reject-valid-tickets",
        "ticket-printing-stands-still",
        "redis-is-full",
        "changing-the-database-host",
        "every-week",
        "small-helps",
    ]


def test_steps_carry_part_number_condition_and_command(ferry: Runbook) -> None:
    gates = book(ferry, "gates-reject-valid-tickets")
    assert gates.symptoms == ("Rejected scans above 3%", "Queues at the piers")
    back = next(step for step in gates.steps if step.command and "update-traffic" in step.command.text)
    assert (back.number, back.text, back.part) == ("2", "Back to the one before", Part.RESOLUTION)
    assert back.condition == "If the last release did it"
    key = next(step for step in gates.steps if "gate-key" in step.text)
    assert key.condition == "If the signing key has expired"
    assert key.command is not None
    assert key.command.text == "./bin/gate-key install --from-vault"


def test_windows_of_labels_follow_one_another(ferry: Runbook) -> None:
    gates = book(ferry, "gates-reject-valid-tickets")
    look = next(step for step in gates.steps if step.text == "Look at the gates")
    assert [(clock.kind, clock.from_s, clock.seconds) for clock in look.clocks] == [(ClockKind.WINDOW, 0, 300)]
    assert [(clock.kind, clock.seconds) for clock in gates.clocks] == [(ClockKind.AFTER, 2400)]


def test_check_boxes_keep_their_state(ferry: Runbook) -> None:
    gates = book(ferry, "gates-reject-valid-tickets")
    assert [step.checkbox for step in gates.steps if step.checkbox is not None] == [False, True]


def test_a_comment_without_a_command_is_a_step_with_its_link(ferry: Runbook) -> None:
    gates = book(ferry, "gates-reject-valid-tickets")
    clocks = next(step for step in gates.steps if step.text.startswith("Clocks of the gates"))
    assert clocks.command is None
    assert [link.target for link in clocks.links] == ["https://boards.ferry.example/d/clocks"]


def test_sub_headings_that_name_parts_make_one_playbook(ferry: Runbook) -> None:
    printing = book(ferry, "ticket-printing-stands-still")
    assert printing.symptoms == ("nothing printed since 10 minutes", "queues.waiting grows")
    assert {step.part for step in printing.steps} == {Part.DIAGNOSIS, Part.RESOLUTION, Part.COMMUNICATION}
    assert printing.causes == (
        ("Worker hangs", "Restart it: docker compose restart ferry-worker"),
        ("Printer offline", "Call the print shop"),
    )


def test_what_must_not_be_done_says_so(ferry: Runbook) -> None:
    printing = book(ferry, "ticket-printing-stands-still")
    forbidden = next(step for step in printing.steps if "empty the queue" in step.text)
    assert forbidden.text == "Do not: empty the queue"


def test_numbered_sub_headings_are_the_phases_of_one_playbook(ferry: Runbook) -> None:
    move = book(ferry, "changing-the-database-host")
    assert [(step.number, step.text) for step in move.steps if step.number] == [
        ("1", "Prepare the new host"),
        ("2", "Stop the gates"),
        ("3", "Verify and open"),
    ]
    assert sum(step.command is not None for step in move.steps) == 3


def test_numbered_sub_headings_that_name_issues_are_playbooks_each() -> None:
    text = "# T\n\n## Common issues\n\n### 1. Disk full\n\n```\ndf -h\n```\n\n### 2. Clock wrong\n\n```\ndate\n```\n"
    assert [playbook.title for playbook in parse([("r", text)]).playbooks] == ["1. Disk full", "2. Clock wrong"]


def test_nested_numbers_are_joined(ferry: Runbook) -> None:
    redis = book(ferry, "redis-is-full")
    assert [step.number for step in redis.steps if step.number] == ["1", "1.1", "1.2", "2", "3"]


def test_a_fence_at_the_margin_belongs_to_the_item_before_it(ferry: Runbook) -> None:
    redis = book(ferry, "redis-is-full")
    scan = next(step for step in redis.steps if step.command and "--scan" in step.command.text)
    assert (scan.text, scan.depth) == ("Delete old seats", 1)


def test_what_an_html_comment_hides_is_not_there(ferry: Runbook) -> None:
    assert not any("never" in command.text for command in ferry.commands)
    assert any(command.text == "GET /vitals" for command in ferry.commands)


def test_fences_inside_of_html_are_read(ferry: Runbook) -> None:
    assert any("get pods" in command.text for command in ferry.commands)


def test_step_ids_are_unique_and_survive_changes_elsewhere() -> None:
    text = "# A\n\n1. Look\n2. Look\n3. Act\n"
    steps = only(text).steps
    assert len({step.id for step in steps}) == 3
    again = only("intro\n\n" + text.replace("3. Act", "3. Act at once")).steps
    assert [step.id for step in again[:2]] == [step.id for step in steps[:2]]
    assert again[2].id != steps[2].id


def test_two_playbooks_of_one_name_have_two_ids() -> None:
    text = "# R\n\n## A\n\n### Rollback\n\n1. Do it\n\n## B\n\n### Rollback\n\n1. Do it\n"
    assert [playbook.id for playbook in parse([("r", text)]).playbooks] == ["rollback", "rollback-2"]


def test_several_files_are_one_runbook() -> None:
    found = parse([("a.md", "# A\n\n```\ndf -h\n```\n"), ("b.md", "# A\n\n```\ndate\n```\n")])
    assert found.files == ("a.md", "b.md")
    assert [(command.file, command.text) for command in found.commands] == [("a.md", "df -h"), ("b.md", "date")]
    assert [playbook.id for playbook in found.playbooks] == ["a", "a-2"]


@pytest.mark.parametrize(
    ("label", "part"),
    [
        ("**Diagnosis**:", Part.DIAGNOSIS),
        ("**Investigation Steps:**", Part.DIAGNOSIS),
        ("How to diagnose:", Part.DIAGNOSIS),
        ("__Triage__", Part.DIAGNOSIS),
        ("**Initial Assessment**", Part.DIAGNOSIS),
        ("**Immediate actions (first 5 minutes):**", Part.RESOLUTION),
        ("**Possible Solutions**", Part.RESOLUTION),
        ("Mitigation:", Part.RESOLUTION),
        ("🔧 Fix:", Part.RESOLUTION),
        ("**Recovery steps**", Part.RESOLUTION),
        ("**Verify the fix:**", Part.VERIFICATION),
        ("Validation:", Part.VERIFICATION),
        ("**When to escalate**", Part.ESCALATION),
        ("**Notify:**", Part.COMMUNICATION),
        ("**Stakeholder communication:**", Part.COMMUNICATION),
    ],
)
def test_a_label_of_any_wording_names_the_part(label: str, part: Part) -> None:
    (step,) = only(f"# Queue stuck\n\n{label}\n\n- something else\n").steps
    assert step.part is part


@pytest.mark.parametrize("name", ["aia", "booking", "guesslyfe", "roadtrip", "storybook"])
def test_every_fence_of_a_real_runbook_is_reachable(name: str) -> None:
    path = SHARED / f"{name}.md"
    if not path.exists():
        pytest.skip("the real runbooks are not beside this checkout")
    runbook = read([path])
    lines = path.read_text().splitlines()
    steps = [step for playbook in runbook.playbooks for step in playbook.steps]
    commands = [step.command for step in steps if step.command]
    assert sorted(commands, key=lambda command: command.line) == list(runbook.commands)
    assert commands
    for command in commands:
        assert command.text.split("\n")[0].strip() in lines[command.line - 1]
    for step in steps:
        assert step.text


def test_symptoms_under_a_heading_of_another_wording() -> None:
    text = "# Paying\n\n## Payments fail\n\n### What you see\n\nErrors.\n\n### Triage\n\n1. Look at the till\n"
    (found,) = parse([("r", text)]).playbooks
    assert found.symptoms == ("Errors.",)


def test_steps_of_an_escalation_say_after_how_long() -> None:
    (step,) = only("# R\n\n## Escalation\n\n1. Manager after 1 hour\n").steps
    assert [(clock.kind, clock.seconds) for clock in step.clocks] == [(ClockKind.AFTER, 3600)]
