"""Effects of the small programs of a shell: filters, looks at files, questions to the network."""

from __future__ import annotations

import re
from collections.abc import Callable

from cockpit.model.command import Call
from cockpit.runbooks.effects.ruling import Ruling, changes, destroys, names, reads, texts, unknown

# Read with any options.
ALWAYS = names(
    """
    cat ls head tail wc grep egrep fgrep zgrep cut tr uniq comm paste nl rev tac fold fmt column expand
    unexpand join diff cmp zcat bzcat xzcat zless od xxd hexdump strings basename dirname realpath readlink
    pwd stat file du df free uptime ps pgrep pidof lsof id whoami who w groups uname nproc lscpu lsblk vmstat
    iostat mpstat sar printf echo true false test [ [[ seq sleep cal printenv which type whereis tree md5sum
    sha1sum sha256sum sha512sum cksum b2sum base64 dig nslookup host ping ping6 traceroute tracepath mtr whois
    getent netstat ss numfmt bc expr tty locale arch nproc history jobs cd pushd popd export unset local
    readonly declare typeset set shopt alias unalias wait return exit break continue shift : read let getopts
    hash times umask ulimit systemd-cgtop last lastlog lspci lsusb lsmod sha224sum bat batcat rg
    """
)
# Those of them whose reading is of what the call before writes.
FILTERS = names(
    """
    cat head tail wc grep egrep fgrep zgrep cut tr uniq comm paste nl rev tac fold fmt column expand unexpand
    join jq yq sort sed awk gawk mawk less more tee base64 strings xxd od hexdump numfmt bat batcat rg
    """
)
# Change only the shell that they run in.
SHELL_ONLY = names(
    """
    cd pushd popd export unset local readonly declare typeset set shopt alias unalias umask ulimit
    """
)
_BAD: dict[str, dict[str, Ruling]] = {
    "base64": {"-o": changes("it writes a file"), "--output": changes("it writes a file")},
    "history": {"-c": changes("it forgets the history"), "-w": changes("it writes a file")},
    "ping": {"-f": unknown("it floods the host")},
    "file": {"-C": changes("it writes a file")},
    "sar": {"-o": changes("it writes a file")},
    "rg": {"--pre": unknown("--pre runs a program"), "--hostname-bin": unknown("it runs a program")},
    "tree": {"-o": changes("it writes a file")},
    "diff": {"--output": changes("it writes a file")},
    "less": {
        "-o": changes("it writes a file"),
        "-O": changes("it writes a file"),
        "--log-file": changes("it writes a file"),
    },
    "ss": {"-K": destroys("it closes connections of others"), "--kill": destroys("it closes connections of others")},
    "dmesg": {
        "-C": destroys("it empties the log"),
        "-c": destroys("it empties the log"),
        "--clear": destroys("it empties the log"),
    },
    "date": {"-s": changes("it sets the clock"), "--set": changes("it sets the clock")},
    "hostname": {"-F": changes("it sets the host name"), "-b": changes("it sets the host name")},
    "journalctl": {
        flag: changes("it removes or moves parts of the journal")
        for flag in (
            "--vacuum-size",
            "--vacuum-time",
            "--vacuum-files",
            "--rotate",
            "--flush",
            "--sync",
            "--relinquish-var",
            "--setup-keys",
        )
    },
}
_MORE_READERS = names("less more dmesg date journalctl hostname top htop iotop nmap_")
_AWK_FLAGS = names("-F -v --field-separator --assign --posix --re-interval --characters-as-bytes")
_SED_FLAGS = names("-n -e -E -r -u -z -s --quiet --silent --expression --regexp-extended --posix --null-data --debug")
_AWK_ACTS = re.compile(r"\bsystem\b|\bgetline\b|\|&|@|\bclose\b|\bENVIRON\b")
_AWK_REGEX = re.compile(r"((?:^|[(!~,{;&|])\s*)/(?:[^/\\\n]|\\.)+/")
_ADDRESS = r"(?:\d+(?:~\d+)?|\$|/(?:[^/\\\n]|\\.)*/[IM]*)"
_SED_COMMAND = re.compile(
    rf"[\s;{{}}]*(?:{_ADDRESS}(?:\s*,\s*(?:[+~]?\d+|{_ADDRESS}))?)?\s*!?[\s{{]*"
    r"(?:[pdqQ=nNgGhHxDPl]\d*|[sy]([/|#,@:!~%_])(?:(?!\1)[^\\\n]|\\.)*\1(?:(?!\1)[^\\\n]|\\.)*\1[gpiIM0-9]*)?"
    r"\s*(?:[;}\n]+|$)"
)
_JQ_INPUT = re.compile(r"\binput_filename\b|\binclude\b|\bimport\b")


def shell_only(call: Call) -> Ruling:
    """`cd`, `export` and the like."""
    return reads(f"{call.program} changes only the shell it runs in")


def always(call: Call) -> Ruling:
    """A program that reads, but for the options listed against it."""
    name = call.program
    if name in SHELL_ONLY:
        return shell_only(call)
    for flag, ruling in _BAD.get(name, {}).items():
        if flag in call.flags or any(
            word.text == flag or word.text.startswith(f"{flag}=") for word in call.words[1:]
        ):
            return ruling
    if name in ("less", "more") and any(re.match(r"\+(?!F$|G$|\d+$|/)", word.text) for word in call.words[1:]):
        return unknown("what it runs at its start was not looked at")
    if name == "uniq" and len(texts(call)) > 1:
        return changes("it writes a file")
    if name == "xxd" and (call.has("-r") or len(texts(call)) > 1):
        return changes("it may write a file")
    if name == "date" and any(re.fullmatch(r"\d{8,}(\.\d\d)?", word.text) for word in call.words[1:]):
        return changes("it sets the clock")
    if name in ("hostname", "date") and any(not text.startswith(("+", "-")) for text in _bare(call)):
        return changes(f"it sets the {'host name' if name == 'hostname' else 'clock'}")
    if name in ("echo", "printf", ":", "true"):
        return reads(f"{name} only prints")
    return reads(f"{name} only reads")


def _bare(call: Call) -> list[str]:
    return [] if call.flags else texts(call)


def awk(call: Call) -> Ruling:
    """Reads when the program text neither runs, nor writes, nor comes from a file."""
    script = _script(call)
    if script is None or not set(call.flags) <= _AWK_FLAGS:
        return unknown("the program that awk runs was not looked at")
    if not _awk_only_prints(script):
        return unknown("the awk program may run commands or write files")
    return reads("the awk program only prints")


def _awk_only_prints(script: str) -> bool:
    """Redirections and pipes stand in a print statement outside of brackets; strings and patterns do not count."""
    if '"' in re.sub(r'"(?:[^"\\\n]|\\.)*"', "", script) or re.search(r'/[^/\n]*"[^/\n]*/|#.*"|\\\n', script):
        return False  # where a string begins depends on what is a pattern and what a comment
    bare = _AWK_REGEX.sub(r"\1", re.sub(r'"(?:[^"\\]|\\.)*"', "0", script))
    if '"' in bare or re.search(r"\bprintf?\s*\n", bare) or _AWK_ACTS.search(bare):
        return False
    printing = (part for part in re.split(r"[;{}\n]", _outside_brackets(bare).replace("||", " ")) if "print" in part)
    return not any(">" in part or "|" in part for part in printing)


def _outside_brackets(text: str) -> str:
    """Without what stands in round brackets; all of it where they do not match."""
    depth, kept = 0, []
    for char in text:
        depth += char == "("
        if depth == 0:
            kept.append(char)
        if char == ")":
            depth -= 1
            kept.append(" ")
            if depth < 0:
                return text
    return "".join(kept) if depth == 0 else text


def sed(call: Call) -> Ruling:
    """Reads without -i and without the commands w, W, r and e."""
    if any(flag.startswith(("-i", "--in-place")) or flag in ("-ni", "-Ei", "-nEi") for flag in call.flags) or any(
        re.match(r"-[a-zA-Z]*i", word.text) for word in call.words[1:]
    ):
        return changes("it changes the file in place")
    scripts: list[str | None] = [*call.flags.get("-e", ()), *call.flags.get("--expression", ())] or [_script(call)]
    if not set(call.flags) <= _SED_FLAGS or any(script is None for script in scripts):
        return unknown("the script that sed runs was not looked at")
    if not all(_sed_only_prints(script or "") for script in scripts):
        return unknown("the sed script may write files or run commands")
    return reads("sed only prints")


def _sed_only_prints(script: str) -> bool:
    """Every command of the script is one that edits what is printed."""
    at = 0
    while at < len(script):
        match = _SED_COMMAND.match(script, at)
        if match is None or match.end() == at:
            return False
        at = match.end()
    return True


def _script(call: Call) -> str | None:
    """The program text: the first positional word that needs no filling in."""
    for word in call.args:
        return word.text if not word.placeholders or word.source.startswith("'") else None
    return None


def sort(call: Call) -> Ruling:
    """Reads without -o and without a program to compress with."""
    if call.has("-o", "--output") or any(re.match(r"-[a-zA-Z]*o", word.text) for word in call.words[1:]):
        return changes("it writes a file")
    if call.has("--compress-program"):
        return unknown("--compress-program runs a program")
    return reads("sort only prints")


def jq(call: Call) -> Ruling:
    """jq has no way to write or run; `env` shows what may be secrets."""
    script = " ".join(texts(call)[:1])
    if re.search(r"\benv\b|\$ENV\b", script):
        return reads("jq only prints, but what it prints is the environment, with the secrets in it")
    if call.has("-f", "--from-file", "-L") or _JQ_INPUT.search(script):
        return reads("jq only prints; its program comes from a file")
    return reads("jq only prints")


def yq(call: Call) -> Ruling:
    """Reads without -i."""
    if call.has("-i", "--inplace", "--in-place", "-s", "--split-exp"):
        return changes("it changes the file in place")
    script = " ".join(texts(call))
    return (
        unknown("its expression loads something") if re.search(r"\b(load|eval)", script) else reads("yq only prints")
    )


def tee(call: Call) -> Ruling:
    """Writes what it is given, unless that is a device that keeps nothing."""
    kept = [text for text in texts(call) if text not in ("/dev/null", "/dev/stderr", "/dev/stdout", "/dev/tty")]
    if not kept:
        return reads("tee only prints")
    return protected(kept[0]) or changes("it writes a file")


_FIND_ACTS = {
    "-delete": destroys("it deletes every file that it finds", final=True),
    "-exec": unknown("it runs a command for every file that it finds"),
    "-execdir": unknown("it runs a command for every file that it finds"),
    "-ok": unknown("it runs a command for every file that it finds"),
    "-okdir": unknown("it runs a command for every file that it finds"),
    "-fprint": changes("it writes a file"),
    "-fprint0": changes("it writes a file"),
    "-fprintf": changes("it writes a file"),
    "-fls": changes("it writes a file"),
}


def find(call: Call) -> Ruling:
    """Reads without the expressions that delete, run or write."""
    for word in call.words[1:]:
        if word.text in _FIND_ACTS:
            return _FIND_ACTS[word.text]
    return reads("find only lists")


def unpack(call: Call) -> Ruling:
    """gzip and its like: they replace the file, unless they print."""
    if call.has("-l", "--list", "-t", "--test"):
        return reads(f"{call.program} only looks at the file")
    if call.has("-c", "--stdout", "--to-stdout") or (call.piped and not call.args):
        return reads(f"{call.program} only prints what it unpacks")
    return changes("it replaces the file by another")


def tar(call: Call) -> Ruling:
    """Lists, or writes files."""
    mode = call.words[1].text.lstrip("-") if len(call.words) > 1 else ""
    if call.has("-t", "--list") or (mode and not mode.startswith("-") and "t" in mode[:1] + mode and "x" not in mode):
        runs = call.has("--to-command", "-I", "--use-compress-program", "--checkpoint-action")
        return unknown("one of its options runs a program") if runs else reads("tar only lists")
    return changes("it writes files")


def openssl(call: Call) -> Ruling:
    """Looks at certificates and connections; anything that makes keys or files changes."""
    verb = call.verb.split()[0] if call.verb else (texts(call) or [""])[0]
    if call.has("-out", "-keyout", "-writerand", "--out") or any(w.text in ("-out", "-keyout") for w in call.words):
        return changes("it writes a file")
    looks = ("s_client", "x509", "verify", "version", "ciphers", "crl", "asn1parse", "dgst", "rand", "s_time", "ocsp")
    if verb in (
        *looks,
        "req",
        "rsa",
        "pkey",
        "ec",
        "pkcs12",
        "pkcs7",
        "storeutl",
        "list",
        "help",
        "speed",
        "base64",
        "enc",
    ):
        return reads(f"openssl {verb} only reads")
    return unknown(f"openssl {verb} is not known to the cockpit".replace("  ", " "))


def netcat(call: Call) -> Ruling:
    """A probe with -z looks; anything else may send or serve."""
    if call.program in ("socat", "telnet"):
        return unknown("what it sends or serves is not known")
    if call.has("-z") or any(re.match(r"-[a-z]*z", word.text) for word in call.words[1:]):
        return reads("it only tries the port")
    return unknown("what it sends or serves is not known")


_SYSTEM = re.compile(r"/(etc|boot|dev|usr|bin|sbin|lib|lib64|proc|sys|var/lib|root/\.ssh)(/|$)|.*/\.ssh/")


def protected(path: str) -> Ruling | None:
    """What writing to a path of the system itself amounts to; None for other paths."""
    if path.startswith(("/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty", "/dev/fd/", "/dev/shm/")):  # noqa: S108
        return None
    return (
        destroys("it writes over a file or device of the system itself", final=True) if _SYSTEM.match(path) else None
    )


def env(call: Call) -> Ruling:
    """Alone it prints the environment; with -S it runs what that says."""
    if call.args or call.has("-S", "--split-string"):
        return unknown("what it runs was not looked at")
    return reads("it only prints the environment, with the secrets in it")


def command(call: Call) -> Ruling:
    """`command -v` asks where a program is."""
    return reads("it only asks where a program is") if call.has("-v", "-V") else unknown("what it runs is not known")


PLAIN: dict[str, Callable[[Call], Ruling]] = {
    **dict.fromkeys(ALWAYS | _MORE_READERS, always),
    **dict.fromkeys(("awk", "gawk", "mawk", "nawk"), awk),
    **dict.fromkeys(("sed", "gsed"), sed),
    **dict.fromkeys(("gzip", "gunzip", "bzip2", "bunzip2", "xz", "unxz", "zstd", "unzstd"), unpack),
    **dict.fromkeys(("nc", "ncat", "netcat", "telnet", "socat"), netcat),
    "env": env,
    "command": command,
    "sort": sort,
    "jq": jq,
    "yq": yq,
    "tee": tee,
    "find": find,
    "tar": tar,
    "openssl": openssl,
}
