"""Styles of runbooks: which sections are procedures, and what their parts are, whatever the wording."""

from __future__ import annotations

import pytest

from cockpit.model.runbook import Part, Playbook, Runbook
from cockpit.runbooks.read import parse


def _read(text: str) -> Runbook:
    return parse([("book.md", text)])


def _only(text: str) -> Playbook:
    (playbook,) = _read(text).playbooks
    return playbook


def _titles(text: str) -> list[str]:
    return [playbook.title for playbook in _read(text).playbooks]


@pytest.mark.parametrize(
    ("symptoms", "fix", "check", "call"),
    [
        ("Symptome", "Behebung", "Verifizierung", "Eskalation"),
        ("Symptômes", "Résolution", "Vérification", "Escalade"),
        ("Sintomas", "Mitigação", "Verificação", "Escalonamento"),
        ("Síntomas", "Solución", "Verificación", "Escalamiento"),
        ("现象", "解决", "验证", "升级"),
    ],
)
def test_the_parts_of_a_procedure_are_known_in_other_languages(
    symptoms: str, fix: str, check: str, call: str
) -> None:
    text = (
        f"# B\n\n## Kasse 7\n\n### {symptoms}\n\n- rot\n\n### {fix}\n\n- abc\n\n"
        f"### {check}\n\n- def\n\n### {call}\n\n- ghi\n"
    )
    playbook = _only(text)
    assert playbook.symptoms == ("rot",)
    assert [step.part for step in playbook.steps] == [Part.RESOLUTION, Part.VERIFICATION, Part.ESCALATION]


@pytest.mark.parametrize("word", ["Schritt", "Étape", "Paso", "Passo"])
def test_numbered_steps_in_other_languages_are_steps_of_one_procedure(word: str) -> None:
    playbook = _only(
        f"# B\n\n## Kasse\n\n### {word} 1: Abc\n\n```bash\nuptime\n```\n\n### {word} 2: Def\n\n```bash\nw\n```\n"
    )
    assert [step.number for step in playbook.steps if step.command is None] == ["1", "2"]


def test_contacts_history_and_prevention_are_no_steps_of_a_document_that_is_one_procedure() -> None:
    text = (
        "# Ice on the line\n\n## Purpose\n\nTo keep trams running.\n\n## Symptoms\n\n- trams slip\n\n## Diagnosis\n\n"
        "1. Look at the sensor\n\n## Mitigation\n\n1. Send the sander\n\n## Prevention\n\n1. Buy sand\n\n"
        "## Contacts\n\n- Depot: depot@tram.example\n\n## Change log\n\n1. 2024 first version\n"
    )
    playbook = _only(text)
    assert [step.text for step in playbook.steps] == ["Look at the sensor", "Send the sander"]
    assert [step.part for step in playbook.steps] == [Part.DIAGNOSIS, Part.RESOLUTION]


def test_a_chapter_of_causes_with_a_cure_each_is_a_procedure_for_each() -> None:
    cause = "\n\n**Indicators**:\n\n- x\n\n**Diagnosis**:\n\n- Look\n\n**Fix**: Reset it\n"
    text = (
        "# Trams stop\n\n## Symptoms\n\n- no trams\n\n## Quick checks\n\n- Look outside\n\n## Causes\n\n"
        f"### 1. Power is out{cause}\n### 2. Line is iced{cause}\n## Escalation\n\n- Call the depot\n"
    )
    assert _titles(text) == ["Trams stop", "1. Power is out", "2. Line is iced"]


def test_a_document_of_symptoms_and_numbered_headings_is_one_procedure() -> None:
    text = (
        "# Trams stop\n\n## Symptoms\n\n- no trams\n\n## 1. Ask the depot\n\n- Phone\n\n"
        "## 2. Find the tram\n\n- Walk\n"
    )
    playbook = _only(text)
    assert [step.number for step in playbook.steps if step.number] == ["1", "2"]


def test_bullets_that_are_instructions_are_a_procedure_and_bullets_of_facts_are_none() -> None:
    text = (
        "# B\n\n## Trams slip\n\n- Check the sensor\n- Send the sander\n\n"
        "## Recommended improvements\n\n- Add sand\n- Buy salt\n\n## Lines\n\n- Line 1 is long\n- Line 2 is short\n\n"
        "## Rules\n\n- Use gloves\n- Check twice\n"
    )
    assert _titles(text) == ["Trams slip"]


def test_a_table_of_what_is_wrong_and_what_to_do_is_a_procedure() -> None:
    text = (
        "# B\n\n## Common trouble\n\n| Symptom | Fix |\n|---|---|\n| No light | Change it |\n| No heat | Sweep it |\n"
    )
    playbook = _only(text)
    assert [(step.condition, step.text, step.part) for step in playbook.steps] == [
        ("No light", "Change it", Part.RESOLUTION),
        ("No heat", "Sweep it", Part.RESOLUTION),
    ]


def test_a_command_in_a_cell_says_what_its_row_is_about() -> None:
    text = (
        "# B\n\n## Trouble\n\n| Symptom | Check | Fix |\n|---|---|---|\n"
        "| No light | `uptime` `df -h` | `systemctl restart lamp` |\n"
    )
    steps = _only(text.replace("`uptime` ", "")).steps
    assert [(step.text, step.part, step.condition) for step in steps] == [
        ("No light: Check", Part.DIAGNOSIS, "No light"),
        ("No light: Fix", Part.RESOLUTION, "No light"),
    ]


def test_a_remark_in_an_item_ends_with_its_line() -> None:
    playbook = _only("# B\n\n## Ice\n\n1. Look\n\n   Note: takes long.\n\n2. Send the sander\n\n3. Wait\n")
    assert [step.number for step in playbook.steps] == ["1", "2", "3"]


def test_what_a_sentence_forbids_is_said_with_each_command_under_it() -> None:
    playbook = _only(
        "# B\n\n## Reset\n\nDo not run the following unless told to:\n\n```bash\ngit reset --hard\n```\n\n- Wait\n"
    )
    assert [step.text.startswith("Do not: ") for step in playbook.steps] == [True, False]


def test_a_program_that_nobody_knows_is_a_command_where_the_sentence_says_to_run_it() -> None:
    playbook = _only(
        "# B\n\n## Ice\n\n1. Run `sander spread --all`.\n2. The `sander spread` mode is slow.\n3. Run `sander`.\n"
    )
    assert [step.command.text if step.command else "" for step in playbook.steps] == ["sander spread --all", "", ""]


def test_a_file_without_a_heading_is_called_as_its_front_matter_or_its_name_says() -> None:
    body = "Symptoms: ice.\n\n1. Send the sander\n"
    assert [playbook.title for playbook in parse([("/a/ice.md", f"---\ntitle: Ice\n---\n{body}")]).playbooks] == [
        "Ice"
    ]
    assert [playbook.title for playbook in parse([("/a/ice-days.md", body)]).playbooks] == ["ice-days"]


def test_what_stands_under_a_part_belongs_to_it_whatever_its_own_heading() -> None:
    text = (
        "# B\n\n## Ice\n\n### Diagnosis\n\n- Look\n\n#### By hand\n\n```bash\nuptime\n"
        "```\n\n### Mitigation\n\n#### Salt\n\n- Abc\n"
    )
    parts = {step.text: step.part for step in _only(text).steps}
    assert parts["By hand"] is Part.DIAGNOSIS
    assert parts["Abc"] is Part.RESOLUTION


def test_the_id_of_a_playbook_keeps_letters_with_accents_readable() -> None:
    playbook = _only("# B\n\n## Récupération après une panne\n\n```bash\nuptime\n```\n")
    assert playbook.id == "recuperation-apres-une-panne"
