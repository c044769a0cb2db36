"""Secrets: in the file, on a command line that others see, on the screen."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cockpit.model.command import Call
from cockpit.model.runbook import Level
from cockpit.runbooks.lint.concealed import SHAPES, URL_PASSWORD, is_stand_in, may_hold_secret
from cockpit.runbooks.lint.engine import Book, Found, Scene, on_book, on_call, on_command
from cockpit.runbooks.lint.gcloud import goes
from cockpit.runbooks.lint.kube import kinds
from cockpit.runbooks.lint.tools import names

_PASSWORD_FLAG = re.compile(
    r"--?(?:[a-z-]*(?:password|passwd|secret-key|auth-token|access-token|token|api-key|apikey)|pass)$"
)
_SECRET_HEADER = re.compile(r"(?i)authorization|x-api-key|x-auth-token|cookie|private-token")
_NOT_A_PASSWORD = names("--prompt-for-password --no-password --password-stdin --password-file --token-file")
_SAFER = {
    "gcloud": "--prompt-for-password",
    "redis": "REDISCLI_AUTH in the environment, set with read -rs",
    "redis-cli": "REDISCLI_AUTH in the environment, set with read -rs",
    "mysql": "a file given with --defaults-extra-file",
    "docker": "--password-stdin",
    "psql": "a ~/.pgpass file",
    "http": "curl -K - (or --netrc-file) with the credentials on standard input",
}
_SECRET_NAME = re.compile(
    r"(?i)(?:pass(?:word|wd)?|secret|token|api_?key|private_?key|credentials?|dsn)$|^(?:database|redis)_url$"
)
_WORDS_FOR = r"(?i)\b(?:default\s+)?(?:credentials?|login|user(?:name)?\s*/\s*pass(?:word)?|password|passwd|pwd)\b"
_PAIR = re.compile(
    _WORDS_FOR + r"[*_`]{0,3}\s*(?:is|are)?\s*[:=]\s*[*_`]{0,3}\s*([A-Za-z0-9_.@-]{2,40})\s*/\s*([^\s`(),;*]{2,60})"
)
_SINGLE = re.compile(r"(?i)\b(?:password|passwd|pwd)\b[*_`]{0,3}\s*[:=]\s*[*_`]{0,3}\s*([^\s`(),;*|]{4,60})")


@on_command(
    "secret-in-the-runbook",
    Level.ERROR,
    "A secret that stands in the file is known to everybody who can read the file, and to its history.",
)
def in_the_file(scene: Scene) -> Found | None:
    """By its shape, or as the password of a URL or a variable."""
    text = scene.command.text
    held = may_hold_secret(text)
    what = next((name for name, shape in SHAPES if shape.search(text)), "") if held else ""
    if held and not what:
        found = URL_PASSWORD.search(text)
        if found is not None and not _example(found[2]) and not _local(text, found):
            what = "a password in a URL"
    if not what:
        what = next(_assigned_secrets(scene), "")
    if not what:
        return None
    here = re.search(r"\b(?:localhost|127\.0\.0\.1)\b", text) is not None  # most likely nobody's real password
    return Found(
        f"It holds {what}: everybody who reads this file has it, and so has its history.",
        "change it now; then a reference: $(gcloud secrets versions access latest --secret=NAME), or a variable "
        "that the person sets with read -rs",
        Level.NOTE if here else None,
    )


def _example(password: str) -> bool:
    return is_stand_in(password) or password.lower() in ("pass", "password", "passwd", "pwd", "pw", "secret")


def _local(text: str, found: re.Match[str]) -> bool:
    after = text[found.end() : found.end() + 20]
    return after.startswith(("localhost", "127.0.0.1"))


def _assigned_secrets(scene: Scene) -> Iterator[str]:
    for call in scene.command.calls:
        pairs = list(call.assigned.items())
        if call.program == "export":
            pairs += [(name, value) for name, _, value in (word.text.partition("=") for word in call.words[1:])]
        for name, value in pairs:
            if (
                value
                and _SECRET_NAME.search(name)
                and not is_stand_in(value)
                and "$" not in value
                and "/" not in value
            ):
                yield f"the value of {name}"


@on_call(
    "secret-on-the-command-line",
    Level.ERROR,
    "What stands on a command line is seen by everybody on the machine (ps), and stays in the shell's history.",
)
def on_the_command_line(call: Call, scene: Scene) -> Found | None:
    """Passwords and tokens in arguments."""
    if call.program in ("export", "assign", "echo", "read"):
        return None
    for name, value in _secret_arguments(call):
        if re.fullmatch(r"(?i)throw-?away|disposable", value):
            continue  # of a container that is deleted afterwards
        literal = not is_stand_in(value) and "$" not in value and "`" not in value
        seen = "It is in this file too." if literal else "Once filled in, it stays in the shell's history."
        return Found(
            f"{name} puts the secret on the command line: everybody on the machine sees it in ps. {seen}",
            f"{_SAFER.get(call.program, 'a file or standard input')} instead of {name}",
            Level.ERROR if literal else Level.WARNING,
        )
    return None


def _secret_arguments(call: Call) -> Iterator[tuple[str, str]]:
    """How each secret is given, and the secret; what a variable holds is left out."""
    given = [*_of_flags(call), *_of_own_spelling(call), *_of_headers(call)]
    return ((name, secret) for name, secret in given if secret and not _variable(secret))


def _of_flags(call: Call) -> Iterator[tuple[str, str]]:
    flags = dict(call.flags)
    for wrapper in call.within:
        if wrapper.tool in ("redis-cli", "mysql", "docker exec", "compose exec"):
            flags.update(wrapper.flags)
    for name, values in flags.items():
        value = values[-1]
        if name in _NOT_A_PASSWORD or value in ("-", "/dev/stdin"):
            continue
        user, _, password = value.partition(":")
        variable, _, content = value.partition("=")
        if _PASSWORD_FLAG.match(name) or (name == "-a" and call.program in ("redis", "redis-cli")):
            yield name, value
        elif name in ("-u", "--user") and call.program == "http" and user:
            yield f"{name} NAME:PASSWORD", password
        elif name in ("-e", "--env") and _SECRET_NAME.search(variable):
            yield f"{name} {variable}", content


def _of_own_spelling(call: Call) -> Iterator[tuple[str, str]]:
    if call.program in ("mysql", "mysqldump", "mysqladmin"):
        attached = (word.text[2:] for word in call.words[1:] if re.match(r"-p[^-=\s]", word.text))
        yield from (("-pPASSWORD", each) for each in attached)
    if call.program == "kubectl" and call.verb == "create" and "secret" in kinds(call):
        literals = (value.partition("=")[2] for value in call.flags.get("--from-literal", ()))
        yield from (("--from-literal", each) for each in literals)


def _of_headers(call: Call) -> Iterator[tuple[str, str]]:
    for name, value in call.headers.items():
        bare = re.sub(r"(?i)^(?:bearer|basic|token)\s+", "", value)
        if _SECRET_HEADER.fullmatch(name) and not is_stand_in(bare):
            yield f"the header {name}", bare


def _variable(value: str) -> bool:
    """Taken from the environment: seen in ps too, but the common way, and not in the file."""
    return value.startswith(("$", "`")) or (value.startswith('"$'))


@on_call(
    "secret-on-the-screen",
    Level.NOTE,
    "It prints a secret: on a shared screen, in a recording, in the scrollback.",
    "gcloud",
    "kubectl",
    "aws",
    "vault",
    "echo",
    "printenv",
    "heroku",
    "env",
)
def on_the_screen(call: Call, scene: Scene) -> Found | None:
    """Commands that print secrets and whose output goes nowhere else."""
    if call.substituted or any(each.operator in (">", ">>") for each in call.redirects):
        return None
    shown = _shown(call)
    fed = [each.program for each in scene.feeds(call)]
    if not shown or any(each not in ("base64", "jq", "grep", "head", "tail", "openssl") for each in fed):
        return None
    return Found(
        f"It prints {shown} in plain sight: on a shared screen, in a recording, in the scrollback.",
        "pipe it to what needs it, or compare a hash: ... | sha256sum",
    )


def _shown(call: Call) -> str:
    texts = [word.text for word in call.words[1:]]
    if call.program == "gcloud" and goes(call, "secrets versions access"):
        return f"the secret {call.flag('--secret') or ''}".strip()
    if call.program == "kubectl" and call.verb == "get" and "secret" in kinds(call):
        output = call.flag("--output", "-o") or ""
        return "secrets" if output.startswith(("yaml", "json", "go-template")) and "metadata" not in output else ""
    if call.program in ("echo", "printenv"):
        name = next((n for text in texts for n in re.findall(r"\$?\{?(\w+)\}?", text) if _SECRET_NAME.search(n)), "")
        used = call.program == "printenv" or any(f"${name}" in text or f"${{{name}" in text for text in texts)
        return name if name and used else ""
    if call.program == "aws" and call.verb == "secretsmanager get-secret-value":
        return "a secret"
    if call.program == "heroku" and call.verb == "config":
        return "all settings, secrets among them"
    return ""


@on_book(
    "password-in-the-prose",
    Level.ERROR,
    "A password in the text, a default one above all, is what an intruder tries first.",
)
def in_the_prose(book: Book) -> Iterator[tuple[str, int, str, Found]]:
    """`Default credentials: admin/admin`, `Password: ...`."""
    for file, number, text in book.prose:
        pair = _PAIR.search(text)
        single = None if pair else _SINGLE.search(text)
        value = pair[2] if pair else single[1] if single else ""
        if not value or is_stand_in(value) or value.lower() in _HARMLESS:
            continue
        shown = text.replace(value, "•••")
        yield (
            file,
            number,
            shown,
            Found(
                "A working password stands in the text: whoever reads the file can sign in.",
                "change it, and name where it is kept instead (the entry in the password store)",
            ),
        )


_HARMLESS = names(
    "none null n/a required optional env vault see stored secret true false hidden redacted rotate reset"
)

RULES = (in_the_file, on_the_command_line, on_the_screen, in_the_prose)
