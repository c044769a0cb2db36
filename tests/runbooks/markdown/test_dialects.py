"""Dialects of Markdown: what other tools render is read too, and every line keeps its number."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cockpit.model.runbook import Playbook
from cockpit.runbooks.markdown.dialects import plainer
from cockpit.runbooks.read import parse


def _only(text: str) -> Playbook:
    (playbook,) = parse([("book.md", text)]).playbooks
    return playbook


def _commands(playbook: Playbook) -> list[tuple[int, str]]:
    return [(step.line, step.command.text) for step in playbook.steps if step.command]


def test_code_in_an_admonition_is_a_command_not_its_fence() -> None:
    text = '# B\n\n## Stalls\n\n!!! note "Before"\n    Tell the crew.\n\n    ```bash\n    pumpctl --list\n    ```\n'
    text += "\n1. Prime it\n"
    playbook = _only(text)
    assert _commands(playbook) == [(9, "pumpctl --list")]
    assert [step.text for step in playbook.steps if not step.command] == ["Tell the crew.", "Prime it"]


def test_a_list_in_a_folded_admonition_is_a_list() -> None:
    playbook = _only('# B\n\n## Pump stalls\n\n??? tip "More"\n    1. Lower the flow\n    2. Ask the owner\n')
    assert [(step.number, step.text) for step in playbook.steps] == [("1", "Lower the flow"), ("2", "Ask the owner")]


def test_markers_of_alerts_and_containers_are_not_text() -> None:
    playbook = _only(
        "# B\n\n## Pump stalls\n\n> [!WARNING]\n> The tank is hot.\n\n::: tip\nUse gloves.\n:::\n\n1. Prime it\n"
    )
    assert [step.text for step in playbook.steps] == ["The tank is hot.", "Use gloves.", "Prime it"]


def test_a_definition_list_labels_what_it_defines() -> None:
    text = "# B\n\n## Pump stalls\n\nOwner\n: crew two\n\nSymptom\n: flow is zero\n\n"
    playbook = _only(text + "Action\n: `systemctl restart pump`\n")
    assert playbook.symptoms == ("flow is zero",)
    assert _commands(playbook) == [(12, "systemctl restart pump")]
    assert len(playbook.steps) == 1


def test_html_headings_tables_and_code_are_read() -> None:
    text = (
        "<h2>Pump stalls</h2>\n\n<table>\n<tr><th>Step</th><th>Action</th></tr>\n"
        "<tr><td>1</td><td><code>systemctl status pump</code></td></tr>\n"
        "<tr><td>2</td><td>Prime the &amp; flush</td></tr>\n</table>\n\n"
        "<p>Then <code>journalctl -u pump</code>.</p>\n"
    )
    playbook = _only(text)
    assert playbook.title == "Pump stalls"
    assert _commands(playbook) == [(5, "systemctl status pump"), (9, "journalctl -u pump")]
    assert "Prime the & flush" in [step.text for step in playbook.steps]


def test_contacts_in_an_html_table_are_contacts() -> None:
    text = "## Contacts\n\n<table><tr><th>Role<th>Phone</tr>\n<tr><td>Crew lead<td>+1 555 0100</tr></table>\n"
    (contact,) = parse([("book.md", text)]).facts.contacts
    assert (contact.role, contact.reach, contact.line) == ("Crew lead", "+1 555 0100", 4)


def test_template_lines_footnotes_and_link_definitions_are_no_steps() -> None:
    text = (
        "# B\n\n## Restart pump\n\n{% if live %}\n```bash\nsystemctl restart pump\n```\n{% endif %}\n\n"
        "[^1]: the wiki\n\n[docs]: https://pump.example/docs\n"
    )
    playbook = _only(text)
    assert len(playbook.steps) == 1
    assert playbook.steps[0].condition == ""


def test_fenced_code_stays_as_it_is() -> None:
    lines = ["```html", "<h2>x</h2>", "[^1]: y", "{% if z %}", "Term", ": text", "```"]
    assert list(plainer(lines)) == lines


_LINES = [
    "!!! note",
    '??? x "T"',
    "    a",
    "        b",
    "```",
    "::: w",
    ":::",
    "> [!TIP] z",
    "Term",
    ": d",
    "",
    "- i",
]


@given(st.lists(st.sampled_from([*_LINES, "<h2>x</h2>"])))
def test_any_mixture_keeps_its_lines(lines: list[str]) -> None:
    assert len(plainer(lines)) == len(lines)
