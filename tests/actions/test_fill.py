"""A value that fills a placeholder stays data: nothing of it is ever executed, in any kind of quotes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cockpit.actions.fill import Filled, asked, by_hand, fill, problem
from cockpit.errors import Refused
from cockpit.model.command import Placeholder, PlaceholderStyle

POD = Placeholder("pod", "<pod>", PlaceholderStyle.ANGLE)
REV = Placeholder("PREV_REV", "PREV_REV", PlaceholderStyle.CAPITALS)
TAG = Placeholder("TAG", "$TAG", PlaceholderStyle.VARIABLE)
NOW = Placeholder("date", "$(date)", PlaceholderStyle.SUBSTITUTION)

# Every kind of place; `say` prints each of its arguments on a line of its own.
PLACES = [
    "say <pod>",
    "say a<pod>b",
    "say --name=<pod>",
    'say "<pod>"',
    'say "a <pod> b"',
    "say '<pod>'",
    "say 'it is <pod>, really'",
    "say $'x\\t<pod>'",
    "say $(say <pod>)",
    'say "$(say "<pod>")"',
    "say <<EOF\nEOF\ncat <<EOF\nbody <pod>\nEOF",
    "cat <<-E\n\t<pod>\n\tE\nsay <pod>",
    "say x # <pod>",
    'X=<pod>; say "$X"',
    'for x in <pod>; do say "$x"; done',
    "case <pod> in a) say a ;; *) say <pod> ;; esac",
    "[[ <pod> == x ]] || say <pod>",
    "say <pod> | cat\nsay '<pod>' && say \"<pod>\"",
    "say `say <pod>`",
    'say "${X:-<pod>}"',
    "cat <<'EOF'\n<pod>\nEOF",
    "eval say <pod>",
    "bash -c 'echo <pod>'",
    "sh -c \"echo '<pod>'\"",
    "[[ <pod> -eq 1 ]] || say <pod>",
]
# Where the shell works out a name or an index; nothing is printed there.
COMPUTING = [
    "let x=<pod>",
    "(( x = <pod> ))",
    "read <pod> </dev/null",
    "printf -v <pod> x",
    "unset <pod>",
    "test -v <pod>",
    "[ -v <pod> ]",
    "declare '<pod>=1'",
    "mapfile -C <pod> -c 1 x </etc/hostname",
]
ATTACKS = [
    "; touch pwned",
    "a[$(touch pwned)]",
    "$(touch pwned)",
    "`touch pwned`",
    "' ; touch pwned; '",
    '" ; touch pwned; "',
    "x\ntouch pwned",
    "| touch pwned",
    "&& touch pwned #",
    "$'\\x3b'touch pwned",
    "${x:=$(touch pwned)}",
    ">pwned",
    "<(touch pwned)",
    "EOF\ntouch pwned",
    "*",
    "\\",
    "'",
    '"',
    "a b",
    "x' || touch pwned || '",
    "};touch pwned;{",
    ")touch pwned(",
]


def execute(filled: Filled, folder: Path) -> str:
    assert filled.argv[0] == "bash"
    functions = 'say() { printf "%s\\n" "$@"; }\n'
    argv = [*filled.argv[:-1], functions + filled.argv[-1]]
    env = {"PATH": "/usr/bin:/bin", **filled.variables}
    done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, timeout=20, check=False)
    return done.stdout.decode("utf-8", "replace")


@pytest.mark.parametrize("place", [*PLACES, *COMPUTING])
def test_no_attack_is_executed(place: str, tmp_path: Path) -> None:
    for attack in ATTACKS:
        try:
            filled = fill(place, (), [POD], {"<pod>": attack})
        except Refused:
            continue
        assert "pwned" not in filled.text, "a value is never a part of the text"
        execute(filled, tmp_path)
        assert list(tmp_path.iterdir()) == [], (place, attack)


@pytest.mark.parametrize("place", PLACES)
def test_a_harmless_value_arrives_or_is_refused_with_the_reason(place: str, tmp_path: Path) -> None:
    try:
        filled = fill(place, (), [POD], {"<pod>": "api-7f.x_2"})
    except Refused as error:
        assert "cannot be filled in there" in error.message
        assert "`" in place or "${X" in place or "<<'" in place
        return
    said = execute(filled, tmp_path)
    assert "api-7f.x_2" in said or "#" in place
    assert "<pod>" not in said and "RB_POD" not in said


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(min_size=1, max_size=40), place=st.sampled_from(PLACES[:10]))
@example(value="$(touch pwned)", place="say 'a'<pod>")
def test_any_value_that_is_taken_arrives_as_it_is(tmp_path: Path, value: str, place: str) -> None:
    try:
        filled = fill(place, (), [POD], {"<pod>": value})
    except Refused:
        return
    said = execute(filled, tmp_path)
    if "$(" in place:  # the shell takes the substitution's own answer apart at its blanks
        value, said = " ".join(value.split()), " ".join(said.split())
    assert value in said
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.lists(
        st.sampled_from(
            [
                "say",
                " ",
                "<pod>",
                "'",
                '"',
                "`",
                "$(",
                ")",
                "(",
                "${",
                "}",
                "\\",
                "\n",
                "<<E",
                "E\n",
                ";",
                "#",
                "$'",
                "((",
                "x",
            ]
        ),
        max_size=14,
    ).map("".join),
    value=st.sampled_from(ATTACKS),
)
def test_however_torn_the_text_is_a_value_is_no_code(tmp_path: Path, text: str, value: str) -> None:
    try:
        filled = fill(text, (), [POD], {"<pod>": value})
    except Refused:
        return
    execute(filled, tmp_path)
    assert not (tmp_path / "pwned").exists()


def test_a_word_of_an_argument_list_gets_the_value_whatever_it_is() -> None:
    filled = fill("x", ("gcloud", "run", "--to-revisions=PREV_REV=100"), [REV], {"PREV_REV": "a $(b) 'c'"})
    assert filled.argv == ("gcloud", "run", "--to-revisions=a $(b) 'c'=100")
    assert filled.text == "" and not filled.variables


def test_values_are_filled_in_all_at_once() -> None:
    pod = Placeholder("x", "<x>", PlaceholderStyle.ANGLE)
    filled = fill("", ("kubectl", "<pod>", "<x>"), [POD, pod], {"<pod>": "<x>", "<x>": "1"})
    assert filled.argv == ("kubectl", "<x>", "1")


def test_capitals_are_filled_where_they_are_a_word_of_their_own(tmp_path: Path) -> None:
    filled = fill("say PREV_REV MY_PREV_REV PREV_REVS $PREV_REV=PREV_REV", (), [REV], {"PREV_REV": "r1"})
    assert execute(filled, tmp_path).split() == ["r1", "MY_PREV_REV", "PREV_REVS", "=r1"]


@pytest.mark.parametrize(
    ("argv", "value", "taken"),
    [
        (("kubectl", "delete", "pod", "<pod>"), "--all", False),
        (("kubectl", "delete", "pod", "<pod>"), "-n", False),
        (("kubectl", "logs", "--tail", "<pod>"), "-1", True),
        (("kubectl", "logs", "-it", "<pod>"), "--all", False),
        (("kubectl", "logs", "--tail=<pod>"), "-1", True),
        (("kubectl", "logs", "x-<pod>"), "-1", True),
        (("psql", "-c", "<pod>"), "drop table x", False),
    ],
)
def test_a_value_is_no_option(argv: tuple[str, ...], value: str, taken: bool) -> None:
    assert (problem(POD, value, " ".join(argv), argv) == "") is taken
    assert (problem(POD, value, " ".join(argv)) == "") is taken


@pytest.mark.parametrize(
    ("text", "value", "words"),
    [
        ('psql -c "DELETE FROM jobs WHERE id = <pod>"', "id", "only a number"),
        ('psql -c "DELETE FROM jobs WHERE id = <pod>"', "41", ""),
        ("psql -c \"DELETE FROM jobs WHERE id = '<pod>'\"", "a-1", ""),
        ("psql -c \"DELETE FROM jobs WHERE id = '<pod>'\"", "x' OR 'a'='a", "only letters"),
        ('psql -c "DROP TABLE <pod>"', "a,b", "stands in SQL"),
        ('psql -c "DROP TABLE <pod>"', "jobs_2024", ""),
        ('psql -c "DELETE FROM jobs WHERE id IN (<pod>) AND done"', "1)--", "only a number"),
        ("ssh web1 systemctl restart <pod>", "api;reboot", "another program's text"),
        ("ssh web1 systemctl restart <pod>", "api@1.service", ""),
        ('curl -d \'{"tag": "<pod>"}\' https://shop.example/x', 'x", "admin": "1', "another program's text"),
        ("curl https://shop.example/jobs/<pod>", "a b&c", ""),
        ("redis-cli DEL <pod>", "a b", "another program's text"),
    ],
)
def test_what_lands_in_another_language_means_nothing_there(text: str, value: str, words: str) -> None:
    found = problem(POD, value, text)
    assert (words in found) if words else (found == "")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("TAG", "v1.2", ""),
        ("TAG", "a b", "letters, digits"),
        ("TAG", "*", "letters, digits"),
        ("TAG", "-rf", "no dash in front"),
        ("TAG", "", "is needed"),
        ("LD_PRELOAD", "x", "changes how programs run"),
        ("PATH", "x", "changes how programs run"),
        ("IFS", "x", "changes how programs run"),
        ("GIT_SSH_COMMAND", "x", "changes how programs run"),
        ("GIT_SHA", "4f2a9c1", ""),
        ("NODE_NAME", "node-1", ""),
        ("BASH_ENV", "x", "changes how programs run"),
        ("DATABASE_URL", "postgres://x", 'DATABASE_URL = "env:DATABASE_URL"'),
        ("ADMIN_TOKEN", "x", "looks like a secret"),
    ],
)
def test_a_variable_takes_what_the_shell_cannot_split(name: str, value: str, words: str) -> None:
    found = problem(Placeholder(name, f"${name}", PlaceholderStyle.VARIABLE), value, f"deploy ${name}")
    assert (words in found) if words else (found == "")


def test_what_looks_like_a_secret_is_not_typed_anywhere() -> None:
    secret = Placeholder("admin-password", "<admin-password>", PlaceholderStyle.ANGLE)
    assert "looks like a secret" in problem(secret, "hunter2", "login <admin-password>")
    named = Placeholder("secret-name", "<secret-name>", PlaceholderStyle.ANGLE)
    assert problem(named, "api-tls", "kubectl get secret <secret-name>") == ""


def test_a_variable_is_passed_in_the_environment(tmp_path: Path) -> None:
    filled = fill('say "$TAG" ${TAG}', (), [TAG, Placeholder("TAG", "${TAG}", TAG.style)], {"TAG": "v2"})
    assert filled.variables == {"TAG": "v2"} and "v2" not in filled.text
    assert execute(filled, tmp_path) == "v2\nv2\n"


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("echo $TAG", ["TAG"]),
        ("TAG=$(date); echo $TAG", []),
        ("export TAG=1; echo $TAG", []),
        ("for TAG in a b; do echo $TAG; done", []),
        ("while read -r TAG; do echo $TAG; done", []),
        ("OTHER_TAG=1; echo $TAG", ["TAG"]),
    ],
)
def test_nobody_is_asked_for_what_the_command_sets_itself(text: str, asks: list[str]) -> None:
    assert [p.name for p in asked([TAG, NOW], text)] == asks


def test_nobody_is_asked_for_what_the_profile_declares_or_has_a_default() -> None:
    assert asked([TAG], "echo $TAG", ("TAG",)) == ()
    other = Placeholder("TAG", "${TAG:-latest}", PlaceholderStyle.VARIABLE)
    assert problem(other, "", "echo ${TAG:-latest}") == ""
    assert fill("echo ${TAG:-latest}", (), [other], {}).variables == {}


def test_two_names_that_look_alike_stay_apart(tmp_path: Path) -> None:
    other = Placeholder("POD", "{pod}", PlaceholderStyle.ANGLE)
    filled = fill("say <pod> {pod}", (), [POD, other], {"<pod>": "a", "{pod}": "b"})
    assert execute(filled, tmp_path) == "a\nb\n"


def test_the_way_by_hand_does_the_same(tmp_path: Path) -> None:
    filled = fill("printf '%s\\n' '<pod>' <pod>", (), [POD], {"<pod>": "it's; $x"})
    said = subprocess.run(["bash", "-c", by_hand(filled)], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout == "it's; $x\nit's; $x\n"


def test_beside_a_variable_a_value_is_checked_where_the_shell_puts_it() -> None:
    within = Placeholder("x", "${X:-<pod>}", PlaceholderStyle.VARIABLE)
    with pytest.raises(Refused, match="run the command by hand"):
        fill("say ${X:-<pod>}", ("say", "${X:-<pod>}"), (within, POD), {"x": "1", "<pod>": "api"})
