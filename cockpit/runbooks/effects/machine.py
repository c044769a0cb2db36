"""Effects of programs that act on this machine: files, processes, services, packages, builds, migrations."""

from __future__ import annotations

import re
from collections.abc import Callable

from cockpit.model.command import Call
from cockpit.runbooks.effects.plain import protected
from cockpit.runbooks.effects.ruling import Ruling, changes, destroys, name_of, names, reads, texts, unknown

_VERBS: dict[str, dict[str, str]] = {}  # program -> verb -> "r" reads, "c" changes, "d" destroys, "D" for good


def _table(program: str, *, r: str = "", c: str = "", d: str = "", final: str = "") -> None:
    kinds = (("r", r), ("c", c), ("d", d), ("D", final))
    _VERBS[program] = {verb: kind for kind, verbs in kinds for verb in verbs.split()}


_table(
    "systemctl",
    r="status show cat list-units list-unit-files list-timers list-sockets list-jobs list-dependencies is-active "
    "is-failed is-enabled is-system-running get-default",
    c="start restart try-restart reload reload-or-restart enable daemon-reload daemon-reexec reset-failed "
    "set-property edit unmask link preset add-wants set-environment",
    d="stop kill disable mask isolate poweroff reboot halt suspend rescue emergency kexec revert",
)
_table("service", r="status", c="start restart reload force-reload", d="stop")
_table("supervisorctl", r="status tail pid avail", c="start restart update reread add", d="stop shutdown remove")
_table(
    "pm2",
    r="list ls status show logs monit describe jlist",
    c="start restart reload save scale startup",
    d="stop kill delete flush",
)
_table(
    "npm",
    r="outdated list ls view info ping why explain search fund help version",
    c="install ci i update audit run run-script start test exec publish link config set rebuild init",
    d="unpublish prune uninstall deprecate",
)
_table("yarn", r="outdated list why info", c="install add upgrade run build start test", d="remove")
_table("pnpm", r="outdated list ls why", c="install add update run start test", d="remove prune")
_table("pip", r="list show freeze check search index help debug", c="install download wheel config", d="uninstall")
_table("apt", r="list show search policy", c="install update upgrade", d="remove purge autoremove full-upgrade")
_table("apt-cache", r="show search policy depends")
_table("apt-get", c="install update upgrade", d="remove purge autoremove dist-upgrade")
_table("yum", r="list info search", c="install update upgrade", d="remove erase")
_table("brew", r="list info search outdated", c="install upgrade update services", d="uninstall")
_table(
    "terraform",
    r="show output validate version graph",
    c="init plan apply import refresh fmt get workspace taint untaint state force-unlock",
    final="destroy",
)
_table(
    "alembic",
    r="current history heads branches show check",
    c="revision upgrade merge edit init ensure_version",
    final="downgrade stamp",
)
_table("flyway", r="info validate", c="migrate baseline repair", final="clean undo")
_table(
    "rabbitmqctl",
    r="status list_queues list_connections list_channels list_consumers cluster_status list_users environment report",
    d="stop_app stop close_connection forget_cluster_node",
    final="reset purge_queue delete_queue delete_vhost force_reset",
)
_table("vercel", r="ls list inspect logs whoami", c="deploy promote redeploy env alias", d="rollback remove rm")
_table(
    "heroku",
    r="ps logs status releases apps config addons pg:info pg:ps pg:locks pg:diagnose",
    c="restart config:set ps:scale ps:restart releases:rollback rollback run pg:kill pg:killall "
    "maintenance:on maintenance:off",
    final="pg:reset apps:destroy pg:restore pg:copy",
)
_table(
    "fly",
    r="status logs",
    c="deploy scale restart secrets machine ssh proxy",
    d="destroy suspend",
)
_table("argocd", r="list get diff history logs", c="sync rollback set create", d="delete")
_table("vault", r="status list", c="read write login token kv", final="delete seal operator destroy")
_table("consul", r="members info catalog", c="reload join", d="leave force-leave")
_table("etcdctl", r="get watch", c="put", final="del")
_table("celery", r="inspect status report", d="purge", c="control")
_table("ufw", r="status", c="allow deny limit enable reload", d="disable reset delete")
_VERBS["pip3"], _VERBS["tofu"], _VERBS["flyctl"], _VERBS["dnf"] = (
    _VERBS["pip"], _VERBS["terraform"], _VERBS["fly"], _VERBS["yum"])  # fmt: skip

_MIGRATES = {
    "upgrade": "it changes the schema of the database",
    "downgrade": "it changes the schema back, and what the newer columns held is lost",
}


def by_verb(call: Call) -> Ruling:
    """By the first word that the table of the program knows."""
    tokens = [*call.verb.split(), *texts(call)]
    table = _VERBS[call.program]
    verb = tokens[0] if tokens else ""
    name = f"{call.program} {verb}".strip()
    special = _special(call, tokens)
    if special is not None:
        return special
    lost = next((token for token in tokens[:3] if table.get(token, "") in ("d", "D")), "")
    verb = lost or verb
    match table.get(verb, ""):
        case "r":
            return reads(f"{name} only reads")
        case "c":
            return changes(
                _MIGRATES.get(verb, f"{name} changes something")
                if call.program == "alembic"
                else f"{name} changes something"
            )
        case "d":
            return destroys(f"{name} takes away data or service")
        case "D":
            why = _MIGRATES.get(verb, f"{name} takes away what cannot be brought back")
            return destroys(
                why if call.program == "alembic" else f"{name} takes away what cannot be brought back", final=True
            )
    return unknown(f"{name_of(call)} is not known to the cockpit")


def _special(call: Call, tokens: list[str]) -> Ruling | None:
    program = call.program
    if program == "systemctl" and not tokens:
        return reads("systemctl only lists")
    if program == "service" and len(tokens) > 1:
        kind = _VERBS["service"].get(tokens[1], "")
        if kind == "r":
            return reads("service status only reads")
        return destroys("the service stops") if kind == "d" else changes(f"service {tokens[1]} changes the service")
    if program in ("terraform", "tofu"):
        return _terraform(call, tokens)
    script = " ".join(tokens[:3])
    if program in ("npm", "yarn", "pnpm") and (":" in script or tokens[:1] in (["run"], ["run-script"], ["exec"])):
        if any(
            word in script for word in ("revert", "reset", "drop", "rollback", "down", "wipe", "destroy", "delete")
        ):
            return destroys(
                "by its name the script takes something back, and data may be lost", final="migrat" in script
            )
        return unknown("what the script does was not looked at")
    if program in ("npm", "yarn", "pnpm") and tokens[:2] == ["audit", "fix"]:
        return changes("it changes what is installed")
    if program == "npm" and tokens[:1] == ["audit"]:
        return reads("npm audit only reads")
    return None


def _terraform(call: Call, tokens: list[str]) -> Ruling | None:
    if call.has("-destroy") or tokens[:2] in (["state", "rm"], ["workspace", "delete"]):
        return destroys("it takes away what cannot be brought back", final=True)
    if tokens[:2] in (["state", "list"], ["state", "show"], ["workspace", "list"], ["workspace", "show"]):
        return reads("it only reads")
    if tokens[:1] == ["apply"]:
        return destroys(
            "it makes the cloud match the files, and deletes what they do not hold", final=call.has("-auto-approve")
        )
    return None


def _delete(call: Call) -> Ruling:
    recursive = any("r" in flag.lower() for flag in call.flags if flag.startswith("-") and flag != "--preserve-root")
    flags = any(word.text.startswith("-") and "r" in word.text.lower() for word in call.words[1:])
    return destroys("the files are gone", final=recursive or flags or any(word.globs for word in call.args))


def _writes(call: Call) -> Ruling:
    where = texts(call)[-1:] or [""]
    return protected(where[0]) or changes("it writes files, and may overwrite some")


def _dd(call: Call) -> Ruling:
    if any(word.placeholders and "=" not in word.text.partition("$")[0] for word in call.words[1:]):
        return unknown("where it writes is still to be filled in")
    target = next((word.text[3:] for word in call.words if word.text.startswith("of=")), "")
    return protected(target) or changes("it writes a file") if target else reads("dd only prints")


def _kill(call: Call) -> Ruling:
    if call.has("-l", "-L", "--list", "-0"):
        return reads("it only asks")
    return destroys("the process ends, and what it was doing is lost")


def _crontab(call: Call) -> Ruling:
    if call.has("-l"):
        return reads("crontab -l only lists")
    return (
        destroys("it replaces or deletes all jobs of the user", final=call.has("-r"))
        if call.args or call.has("-r")
        else changes("it changes what runs when")
    )


def _sysctl(call: Call) -> Ruling:
    sets = call.has("-w", "--write", "-p", "--load", "--system", "-f") or any("=" in text for text in texts(call))
    return changes("it changes a setting of the kernel") if sets else reads("sysctl only reads")


def _ip(call: Call) -> Ruling:
    tokens = [*call.verb.split(), *texts(call)]
    if any(re.match(r"-b(a|$)|-force", word.text) for word in call.words[1:]):
        return unknown("its commands come from a file")
    # Every word may be shortened: `ip a d` deletes.
    shows = len(tokens) < 2 or tokens[1] in _IP_SHOWS
    return reads("ip only shows") if shows else destroys("the network of this machine changes")


_IP_SHOWS = names("show sh list lst ls l get g help")


def _iptables(call: Call) -> Ruling:
    if call.has("-F", "--flush", "-X", "-D", "--delete", "-P", "--policy"):
        return destroys("rules of the firewall are removed")
    if call.has("-L", "--list", "-S", "--list-rules", "-nL", "-vnL", "-nvL") and not call.has("-A", "-I", "-Z"):
        return reads("it only lists rules")
    return changes("it changes rules of the firewall")


def _mount(call: Call) -> Ruling:
    return changes("it changes what is mounted") if call.args or call.flags else reads("mount only lists")


def _ansible(call: Call) -> Ruling:
    if call.has("--list-hosts", "--list-tasks", "--list-tags", "--syntax-check", "--graph"):
        return reads("it only lists")
    return changes("it changes other machines")


def _shell(call: Call) -> Ruling:
    if call.program in ("python", "python3") and [word.text for word in call.words[1:]] == ["-m", "json.tool"]:
        return reads("it only lays JSON out")
    asks = call.has("--version", "--help") and len(call.words) == 2
    checks = call.has("-n") and call.program in ("bash", "sh", "zsh", "ksh", "dash")
    if asks or checks:
        return reads("it runs nothing")
    if call.program.startswith("python") and any(word.text.endswith("manage.py") for word in call.words):
        return _own_code(call)
    if not call.args and not call.flags and not call.piped and not call.redirects:
        return unknown("it opens a shell in which anything can be typed")
    return unknown("what it runs was not looked at")


def _fixed(ruling: Ruling) -> Callable[[Call], Ruling]:
    return lambda _: ruling


_LOSING = names(
    "reset drop revert rollback down downgrade wipe destroy delete flush undo purge truncate clean unapply"
)


def _own_code(call: Call) -> Ruling:
    """Builds, scripts and migrations of the project: known only by the names of their targets."""
    named = {part for word in call.words[1:] for part in re.split(r"[^a-z]+", word.text.lower())}
    migrates = call.program in _MIGRATORS or not named.isdisjoint(_DATABASES)
    if not named.isdisjoint(_LOSING) and migrates:
        return destroys("by its name it takes something of the database back, and data is lost", final=True)
    if call.program in _MIGRATORS:
        return changes("it may change the database of the application")
    return unknown("it builds or runs the project's own code, which was not looked at")


_MIGRATORS = names("rails django-admin manage.py flask prisma knex sequelize typeorm dbmate goose liquibase sqitch")
_DATABASES = names("db database migrate migration migrations schema manage")
_BUILDERS = names(
    """
    make cmake gradle mvn cargo go pytest tox nox jest vitest poetry uv bundle rake composer dotnet just task
    """
)

_FIXED = {
    "mkdir touch ln install split csplit wget scp sftp zip unzip cpio patch ed ex": changes("it writes files"),
    "chmod chown chgrp setfacl chattr": changes("it changes who may use the files"),
    "useradd usermod groupadd groupmod adduser visudo": changes("it changes accounts of this machine"),
    "vi vim nano emacs code": changes("it opens a file for change"),
    "reboot shutdown halt poweroff init telinit": destroys("this machine stops"),
    "userdel groupdel deluser": destroys("an account of this machine is deleted"),
    "umount swapoff": destroys("something that is in use is taken away"),
    "passwd chpasswd": destroys("the old password stops working at once", final=True),
    "mkfs wipefs fdisk parted shred blkdiscard lvremove vgremove pvremove sgdisk": destroys(
        "what is on the disk is gone", final=True
    ),
    "truncate": destroys("what is in the file is gone"),
    "rmdir": destroys("the folder is gone"),
    "rsync": changes("it writes files, and may overwrite some"),
    "screen tmux": unknown("it opens a shell in which anything can be typed"),
    "at batch": changes("it plans something to be run later"),
    "logrotate": changes("it moves and deletes log files"),
    "nginx apachectl httpd caddy": changes("it starts or stops the server, or makes it read its settings again"),
}
_SHELLS = "bash sh zsh ksh dash fish python python3 perl ruby node deno php lua Rscript eval exec source . trap"


def _rsync(call: Call) -> Ruling:
    if call.has("-n", "--dry-run"):
        own = call.has("-e", "--rsh", "--rsync-path")
        return unknown("a program of one's own connects it") if own else reads("a dry run: nothing is copied")
    gone = any(flag.startswith(("--delete", "--remove-source")) for flag in call.flags)
    return destroys("files that the source does not have are deleted") if gone else _writes(call)


def _ifconfig(call: Call) -> Ruling:
    return reads("it only shows") if len(call.args) < 2 else destroys("the network of this machine changes")


def _fuser(call: Call) -> Ruling:
    kills = call.has("-k", "--kill")
    return destroys("it kills whatever uses it") if kills else reads("it only shows who uses it")


def _pg_ctl(call: Call) -> Ruling:
    words = {*call.verb.split(), *texts(call)}
    if "status" in words:
        return reads("it only asks")
    return (
        destroys("the server stops") if words & {"stop", "restart", "kill", "promote"} else changes("it acts on it")
    )


def _nginx(call: Call) -> Ruling:
    if call.flags and set(call.flags) <= {"-t", "-T", "-v", "-V", "-q", "-c"}:
        return reads("it only checks its settings")
    return changes("it starts or stops the server, or makes it read its settings again")


MACHINE: dict[str, Callable[[Call], Ruling]] = {
    **{program: _fixed(ruling) for programs, ruling in _FIXED.items() for program in programs.split()},
    **dict.fromkeys(_VERBS, by_verb),
    **dict.fromkeys(("rm", "unlink"), _delete),
    **dict.fromkeys(("mv", "cp"), _writes),
    **dict.fromkeys(("kill", "pkill", "killall", "xkill"), _kill),
    **dict.fromkeys(("iptables", "ip6tables"), _iptables),
    **dict.fromkeys(("ansible", "ansible-playbook", "puppet", "chef-client", "salt"), _ansible),
    **dict.fromkeys(_SHELLS.split(), _shell),
    **dict.fromkeys(_MIGRATORS | _BUILDERS, _own_code),
    **dict.fromkeys(
        ("vacuumdb", "reindexdb", "createdb", "createuser", "pgbench"),
        _fixed(changes("it works on a whole database")),
    ),
    "pg_ctl": _pg_ctl,
    "ifconfig": _ifconfig,
    "fuser": _fuser,
    "dd": _dd,
    "crontab": _crontab,
    "sysctl": _sysctl,
    "ip": _ip,
    "mount": _mount,
    "rsync": _rsync,
    "nginx": _nginx,
}
