"""What may run as a script, with how much care, and what is never run as it stands."""

from __future__ import annotations

import pytest

from cockpit.actions.surroundings import Carried
from cockpit.engine.compose import replacements
from cockpit.engine.scripts import carried_over, not_a_script, programs_of, script_of
from cockpit.model.action import Tier
from cockpit.model.command import Command, EffectClass, Understanding
from cockpit.model.runbook import Fault, Level
from cockpit.runbooks.read import parse
from cockpit.runbooks.recognise import understand_all


def understood(text: str, language: str = "bash") -> list[Understanding]:
    runbook = parse([("R.md", f"# R\n\n## Do it\n\n```{language}\n{text}\n```\n")])
    return list(understand_all(runbook, replacements()))


def one(text: str, language: str = "bash") -> Understanding:
    (found,) = understood(text, language)
    return found


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        ("SELECT 1;", "sql", "no command of a shell"),
        ("UPDATE jobs SET done = true WHERE id = 1;", "sql", "no command of a shell"),
        ("GET /api/health", "http", "no command of a shell"),
        ("POST /api/reset", "", "no command of a shell"),
        ("0 2 * * * /srv/backup.sh", "bash", "a line of a crontab"),
        ("cd backend", "bash", "only prepares a shell"),
        ("export LIMIT=5", "bash", "only prepares a shell"),
        ("<tool> --now", "bash", "is itself to be filled in"),
    ],
)
def test_what_is_no_command_of_a_shell_is_not_run(text: str, language: str, words: str) -> None:
    assert words in not_a_script(one(text, language))


@pytest.mark.parametrize(
    "text",
    [
        "ls -l /var/log",
        "curl -X POST https://shop.example/reset",
        'psql -c "DELETE FROM jobs WHERE id = 4"',
        "redis-cli -h cache FLUSHDB",
        "for p in a b; do kubectl delete pod $p; done",
        "docker exec db psql -c 'VACUUM'",
        "./scripts/backup.sh now",
    ],
)
def test_what_a_person_would_type_into_a_shell_may_run(text: str) -> None:
    assert not_a_script(one(text)) == ""


def test_what_is_typed_into_another_program_is_not_run() -> None:
    found = understood("redis-cli -h cache\nFLUSHALL")
    assert "typed into another program" in not_a_script(found[-1])


@pytest.mark.parametrize(
    ("text", "tier"),
    [
        ("ls /var/log", Tier.T0),
        ("cat <file>", Tier.T0),
        ("kubectl <verb> pods", Tier.T3),
        ("systemctl restart api", Tier.T3),
        ("./unknown.sh", Tier.T3),
        ("gcloud run services update-traffic api --region=r --to-latest", Tier.T3),
        ("curl -X POST https://shop.example/reset", Tier.T3),
    ],
)
def test_only_what_is_proven_to_read_runs_without_arming(text: str, tier: Tier) -> None:
    script = script_of(one(text), (), ())
    assert script.tier is tier or (tier is Tier.T3 and script.tier is Tier.T4)
    assert (script.effect is EffectClass.READS) is (tier is Tier.T0)


def fault(rule: str, level: Level = Level.ERROR) -> Fault:
    return Fault("R.md", 6, rule, level, "x", "It deletes all.", "Restore first.")


def test_what_lint_finds_warns_and_what_destroys_the_wrong_thing_refuses() -> None:
    deleting = one("kubectl delete namespace shop")
    script = script_of(deleting, (fault("kubectl-delete-namespace"), fault("other-rule")), ())
    assert script.warnings == ("It deletes all. Instead: Restore first.",) * 2
    (refusal,) = script.refusals
    assert "this would do harm: It deletes all." in refusal.reason and "Restore first" in refusal.hint
    assert script_of(deleting, (fault("kubectl-delete-namespace", Level.WARNING),), ()).refusals == ()
    assert script_of(one("kubectl get ns"), (fault("kubectl-delete-namespace"),), ()).refusals == ()


def test_the_output_of_what_shows_secrets_is_not_kept() -> None:
    reading = one("kubectl get secret api -o yaml")
    assert script_of(reading, (fault("secret-on-the-screen"),), ()).shows_secrets
    assert not script_of(reading, (fault("other-rule"),), ()).shows_secrets


def above(text: str) -> tuple[Carried, tuple[str, ...]]:
    """What reaches a command under these lines, and the warning."""
    *before, last = (each.command for each in understood(f"{text}\n./x.sh"))
    assert last.text == "./x.sh"
    return carried_over(before)


@pytest.mark.parametrize(
    ("text", "folder", "exports"),
    [
        ("cd backend", "backend", ()),
        ("cd 'my backend'  # the API", "my backend", ()),
        ("cd backend\ncd ../web", "web", ()),
        ("cd backend && cd api", "backend/api", ()),
        ("cd backend\nmake\ncd /srv/app", "/srv/app", ()),
        ("cd ~/shop\ncd api", "~/shop/api", ()),
        ("cd ..", "..", ()),
        ("export LIMIT=5", "", (("LIMIT", "5"),)),
        ("export LIMIT=5 NAME='two words'; cd backend", "backend", (("LIMIT", "5"), ("NAME", "two words"))),
        ("export LIMIT=5\nexport LIMIT=6", "", (("LIMIT", "6"),)),
        ("set -euo pipefail\ncd backend", "backend", ()),
        ("(cd elsewhere && make)\ncd backend", "backend", ()),
        ("ls -l\ndate", "", ()),
    ],
)
def test_what_the_lines_above_prepare_by_literal_words_is_carried_over(
    text: str, folder: str, exports: tuple[tuple[str, str], ...]
) -> None:
    assert above(text) == (Carried(folder, exports), ())


@pytest.mark.parametrize(
    "text",
    [
        "cd $APP",
        "cd <folder>",
        "cd -",
        "cd",
        "cd ~deploy",
        "cd ''",
        "cd *",
        "cd {a,b}",
        "pushd backend",
        "cd backend || exit 1",
        "cd backend &",
        "cd backend && make",
        "if true; then cd backend; fi",
        "export TAG=$(date +%s)",
        "export TAG=$(git rev-parse HEAD) LIMIT=5",
        "export LIMIT",
        "export -n LIMIT",
        "export NAME='$HOME'",
        "export CONF=~/x",
        "export PATH=/opt/bin",
        "export LD_PRELOAD=/lib/x.so",
        "export API_TOKEN=abc",
        "export LIMIT=5 > /dev/null",
        "source venv/bin/activate",
        "source venv/bin/activate\ncd backend",
        "cd backend\nunset LIMIT",
    ],
)
def test_what_cannot_be_carried_for_sure_is_not_carried_by_halves_and_said(text: str) -> None:
    carried, (warning,) = above(text)
    assert carried == Carried()
    assert "what stands above does not reach it: " in warning and text.splitlines()[0] in warning


def test_the_script_has_what_is_carried() -> None:
    first, second = understood("cd backend\nalembic upgrade head")
    assert script_of(second, (), (first.command,)).carried == Carried("backend")
    assert script_of(second, (), (one("ls").command,)).carried == Carried()


@pytest.mark.parametrize(
    ("text", "programs"),
    [
        ("kubectl get pods | grep -c Running", ("kubectl", "grep")),
        ("docker exec -it db psql -c 'SELECT 1'", ("docker",)),
        ("for x in a b; do echo $x; done", ()),
        ("sudo systemctl restart api", ("sudo",)),
        ("./deploy.sh && echo done", ("./deploy.sh",)),
    ],
)
def test_the_programs_that_have_to_be_here(text: str, programs: tuple[str, ...]) -> None:
    assert set(programs_of(one(text).command)) == set(programs)


def test_a_line_that_cannot_be_shown_whole_is_not_run() -> None:
    command = Command("echo x … +9 chars", 1, "bash", calls=one("echo x").command.calls)
    understanding = one("echo x")
    cut = Understanding(command, understanding.kind, understanding.effect, understanding.tier)
    assert "too long" in not_a_script(cut)


@pytest.mark.parametrize("above", ["export KUBECONFIG=/srv/admin.conf", "export DOCKER_HOST=tcp://build:2375"])
def test_a_reading_under_a_setting_of_the_runbook_is_no_proven_reading(above: str) -> None:
    before, found = understood(f"{above}\nkubectl get pods -n shop")
    script = script_of(found, (), (before.command,))
    assert (script.tier, script.effect) == (Tier.T3, EffectClass.UNKNOWN)


def test_a_reading_in_another_folder_stays_one() -> None:
    before, found = understood("cd backend\nls -la")
    assert script_of(found, (), (before.command,)).tier is Tier.T0
