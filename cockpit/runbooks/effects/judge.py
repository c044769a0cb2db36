"""Judges a call by the table of its tool and by what is around it; a command by the worst of its calls."""

from __future__ import annotations

import re
from collections.abc import Callable

from cockpit.model.action import Tier
from cockpit.model.command import Call, Command, EffectClass, Redirect, Wrapper
from cockpit.runbooks.effects.cache import redis
from cockpit.runbooks.effects.cloud import aws, az, bq, gcloud, gsutil, render
from cockpit.runbooks.effects.containers import docker
from cockpit.runbooks.effects.data import dropdb, mysql, pg_dump, pg_restore, probe, promql, sql
from cockpit.runbooks.effects.hazards import STEERS as _STEERS
from cockpit.runbooks.effects.hazards import (
    environment_of,
    of_its_own,
    option_of,
    setting_of,
    ssh_option_of,
)
from cockpit.runbooks.effects.kubernetes import helm, kubectl
from cockpit.runbooks.effects.machine import MACHINE
from cockpit.runbooks.effects.plain import PLAIN, SHELL_ONLY, protected
from cockpit.runbooks.effects.repository import gh, git
from cockpit.runbooks.effects.ruling import Ruling, changes, names, reads, unknown, worst
from cockpit.runbooks.effects.tricks import trick_of
from cockpit.runbooks.effects.web import http

TOOLS: dict[str, Callable[[Call], Ruling]] = {
    **PLAIN,
    **MACHINE,
    **dict.fromkeys(("kubectl", "oc"), kubectl),
    **dict.fromkeys(("docker", "docker-compose", "compose", "podman", "podman-compose", "nerdctl"), docker),
    **dict.fromkeys(("sql", "psql"), sql),
    **dict.fromkeys(("mysql", "mariadb", "sqlite3", "mongo", "mongosh", "cqlsh", "clickhouse-client"), mysql),
    **dict.fromkeys(("redis", "redis-cli", "valkey-cli"), redis),
    **dict.fromkeys(("http", "curl", "wget"), http),
    **dict.fromkeys(("pg_dump", "pg_dumpall", "mysqldump"), pg_dump),
    **dict.fromkeys(("dropdb", "dropuser"), dropdb),
    **dict.fromkeys(("pg_isready", "mysqladmin_ping"), probe),
    "pg_restore": pg_restore,
    "gcloud": gcloud,
    "gsutil": gsutil,
    "bq": bq,
    "aws": aws,
    "az": az,
    "render": render,
    "helm": helm,
    "git": git,
    "gh": gh,
    "promql": promql,
    "assign": lambda _: reads("it sets a variable, and changes only the shell it runs in"),
}
# Clients that are looked through and programs of the tables: a file of that name elsewhere is another program.
_KNOWN_NAMES = frozenset(TOOLS) | names("psql curl wget redis-cli valkey-cli pgcli http https xh")
_FEEDERS = frozenset({"xargs", "parallel"})
# Programs that stay harmless whatever arguments another call hands to them.
_WHATEVER = names(
    """
    cat ls head tail wc grep stat file basename dirname echo printf du df kubectl cut tr md5sum sha256sum dig
    nslookup host ping docker gcloud jq test
    """
)
_STARTS = {
    "docker run": changes("it starts a container for this"),
    "compose run": changes("it starts a container for this"),
    "docker compose run": changes("it starts a container for this"),
    "kubectl run": changes("it starts a pod for this"),
    # The right that it takes is as good as a shell there, and the API server treats it as a write.
    "kubectl exec": changes("it runs a program in a container of the cluster"),
    "kubectl debug": changes("it adds a container for this"),
    "gcloud compute ssh": changes("it may create an SSH key and add it to the metadata of the project"),
    "crontab": changes("it plans something to be run later"),
    "at": changes("it plans something to be run later"),
}
# `bash ls` runs a script of that name, not the program.
_RUNS_FILES = names("bash sh zsh ksh dash fish npx")
_PREPARES = SHELL_ONLY | {"assign"}
_GRAVE = names(
    """
    restore rotate rotation wipe drop destroy purge teardown uninstall truncate
    """
)
_MOST_WORDS = 256
_ANY_WORDS = names("sql promql echo printf export cd test [")
_DECLARES = names("export declare typeset local readonly")
_EVALUATES = names("test [ [[ printf read unset declare typeset local export readonly let wait getopts mapfile")
_OPTIONS = re.compile(r"\$(?:\{?\w*(OPT|ARG|FLAG|PARAM|EXTRA|CMD|COMMAND)\w*\}?|[@*])$", re.I)
_NOWHERE = re.compile(r"&|/dev/(null|stdout|stderr|tty|fd/\d+)$")
_SUBSTITUTED = re.compile(r"[$`]")


def effect_of(call: Call) -> tuple[EffectClass, str]:
    """The class of one call and the sentence why."""
    ruling = rule(call)
    return ruling.effect, ruling.why


def rule(call: Call) -> Ruling:
    """One call with everything around it."""
    rulings = [_program(call), *(_around(call, wrapper) for wrapper in call.within)]
    rulings += [_redirect(redirect) for redirect in call.redirects]
    if call.program not in _PREPARES and (name := setting_of(call)):
        rulings.append(unknown(f"the setting {name} can make it run something else, or go elsewhere"))
    return worst(rulings)


def rule_of(command: Command) -> Ruling:
    """The worst of its calls; what could not be read counts as unknown."""
    executed = any(wrapper.tool.startswith("find -") for call in command.calls for wrapper in call.within)
    rulings = [rule(call) for call in command.calls if not (executed and _seen_through(call))]
    if command.broken:
        rulings.append(unknown(f"not all of it could be read: {command.broken}"))
    if len(command.calls) > 1 and any(_redefines(call) for call in command.calls):
        rulings.append(unknown("it changes beforehand what the names of programs mean"))
    if trick := trick_of(command):
        rulings.append(unknown(trick))
    if not rulings:
        rulings.append(unknown("it calls nothing that could be read"))
    return worst(rulings)


def _seen_through(call: Call) -> bool:
    """A find whose -exec is a call of its own, and judged as that."""
    if call.program != "find" or call.redirects or call.within or call.assigned:
        return False
    return not any(word.text == "-delete" or word.text.startswith(("-fp", "-fl")) for word in call.words)


def _redefines(call: Call) -> bool:
    """An alias, or a setting such as PATH, for the calls that follow."""
    if call.program == "hash" and len(call.words) > 1:
        return True
    if call.program not in _PREPARES:
        return False
    if call.program in _DECLARES and any(_names_open(word.text) for word in call.words[1:]):
        return True
    given = [word.text.partition("=")[0] for word in call.words[1:] if "=" in word.text]
    return (call.program == "alias" and bool(given)) or any(_STEERS.match(name) for name in (*call.assigned, *given))


def _names_open(text: str) -> bool:
    """What is set is itself still to be filled in, or another name for something."""
    return bool(_SUBSTITUTED.search(text.partition("=")[0])) or text == "-n"


def tier_of(ruling: Ruling) -> Tier:
    """What a script of that effect asks for."""
    if ruling.effect is EffectClass.READS:
        return Tier.T0
    return Tier.T4 if ruling.final else Tier.T3


def _program(call: Call) -> Ruling:
    if call.words and call.words[0].placeholders and call.program not in ("sql", "http", "redis", "promql", "assign"):
        return unknown("which program it runs is still to be filled in")
    written = call.words[0].text if call.words else ""
    if of_its_own(written) and written.rpartition("/")[2] in _KNOWN_NAMES:
        ruling = _by_table(call)
        why = f"{written} is not the system's own {written.rpartition('/')[2]}: what it does was not looked at"
        return ruling if ruling.effect is not EffectClass.READS else unknown(why)
    return _by_table(call)


def _by_table(call: Call) -> Ruling:
    table = TOOLS.get("mkfs" if call.program.startswith("mkfs.") else call.program)
    if table is None:
        return _unheard_of(call)
    ruling = table(call)
    if ruling.effect is EffectClass.READS and (option := option_of(call)):
        return unknown(f"its option {option} can write a file or run a program")
    if ruling.effect is EffectClass.READS and call.program in _EVALUATES and _computes(call):
        return unknown("the shell runs what stands in one of its words")
    if ruling.effect is EffectClass.READS and len(call.words) > _MOST_WORDS:
        return unknown("it has too many words to be proven harmless")
    if ruling.effect is EffectClass.READS and _open_verb(call):
        return unknown("what it is asked to do is still to be filled in")
    if ruling.effect is EffectClass.READS and call.program not in _ANY_WORDS and _open_options(call):
        return unknown("its options are still to be filled in")
    return ruling


def _computes(call: Call) -> bool:
    """`test -v 'a[$(...)]'`: quoted, and run all the same when the shell works the index out."""
    return any("[" in word.text and _SUBSTITUTED.search(word.text) for word in call.words[1:]) and any(
        word.source[:1] == "'" or "'" in word.source for word in call.words[1:]
    )


def _unheard_of(call: Call) -> Ruling:
    """A script, or a program that no table knows. Its name can only make it weigh more."""
    written = call.words[0].text if call.words else call.program
    if not _GRAVE.isdisjoint(re.split(r"[^a-z]+", written.lower())):
        why = f"what {call.program} does was not looked at, and its name speaks of what has no way back"
        return Ruling(EffectClass.UNKNOWN, why, final=True)
    return unknown(f"what {call.program or 'it'} does is not known to the cockpit")


def _open_options(call: Call) -> bool:
    """An unquoted variable in the place of options, which may say anything."""
    bare = [word.source for word in call.words[1:] if word.source.startswith("$") or word.source == '"$@"']
    return any(_OPTIONS.match(each.strip('"')) for each in bare)


def _open_verb(call: Call) -> bool:
    """The verb is a placeholder, or written around one."""
    if not call.verb or call.program in ("sql", "promql"):
        return False
    parts = set(call.verb.split())
    capitals = call.program == "redis"  # whose own words are in capitals
    return bool(_SUBSTITUTED.search(call.verb)) or any(
        word.placeholders and word.text in parts and not (capitals and word.text.isalpha()) for word in call.words
    )


def _around(call: Call, wrapper: Wrapper) -> Ruling:
    if wrapper.tool in _FEEDERS and call.program not in _WHATEVER:
        return unknown("it takes further arguments from what is fed to it")
    if "/" in wrapper.tool:
        return unknown(f"{wrapper.tool} is not the system's own: what it does was not looked at")
    if wrapper.tool == "ssh" and (option := ssh_option_of(wrapper)):
        return unknown(f"the option {option} of ssh was not looked at")
    if setting := environment_of(wrapper):
        return unknown(f"the setting {setting} can make it run something else")
    if wrapper.tool.endswith("sh -c") and wrapper.flags.keys() & {"--rcfile", "--init-file"}:
        return unknown("it runs a file of settings before")
    if wrapper.tool == "time" and wrapper.flags.keys() & {"-o", "--output"}:
        return changes("it writes a file")
    if wrapper.tool == "chroot":
        return unknown("the programs of another folder run there")
    if wrapper.tool in _RUNS_FILES:
        return unknown("the script that it runs was not looked at")
    return _STARTS.get(wrapper.tool) or reads(f"it runs through {wrapper.tool}")


def _redirect(redirect: Redirect) -> Ruling:
    target = redirect.target.text
    if target.startswith(("/dev/tcp/", "/dev/udp/")):
        return unknown("it opens a connection, and what is sent over it was not looked at")
    if ">" not in redirect.operator or ("&" in redirect.operator[-2:] and _NOWHERE.match(target or "&")):
        return reads("what it is fed comes from a file or from the text")
    if redirect.operator.rstrip("0123456789-").endswith(">&") and (not target or target.lstrip("&").isdigit()):
        return reads("two streams become one")
    if _NOWHERE.match(target):
        return reads("what it prints goes nowhere")
    return protected(target) or changes("what it prints goes into a file")
