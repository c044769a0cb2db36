"""Options and settings by which a program that reads writes a file or runs another one, and how they are found."""

from __future__ import annotations

import re
from typing import NamedTuple

from cockpit.model.command import Call, Wrapper
from cockpit.runbooks.effects.ruling import names


class _Options(NamedTuple):
    short: str = ""  # letters, also within a group: -tK
    long: frozenset[str] = frozenset()  # without the dashes; GNU programs take every beginning of them too
    words: frozenset[str] = frozenset()  # as they stand: -engine, --, cache


def _options(short: str = "", long: str = "", words: str = "") -> _Options:
    return _Options(short, names(long), names(words))


_KUBE = _options(
    long="kubeconfig cache-dir profile profile-output log-file log-dir output-directory helm-command enable-exec "
    "enable-alpha-plugins enable-helm",
)
_OPENSSL = _options(
    words="-engine -provider -provider-path -config -keylogfile -sess_out -msgfile -respout -reqout -CAcreateserial "
    "-signcert -writerand -out -keyout -CAserial -outform_file -passout -pre -post"
)
_HAZARDS: dict[str, _Options] = {
    "kubectl": _KUBE,
    "oc": _KUBE,
    "helm": _options(long="kubeconfig output-dir post-renderer registry-config"),
    "gcloud": _options(long="flags-file out-file output-file access-token-file credential-file-override"),
    "gsutil": _options(short="o"),
    "bq": _options(long="flagfile bigqueryrc", words="-flagfile -bigqueryrc"),
    "docker": _options(long="config output"),
    "docker-compose": _options(long="output"),
    "gh": _options(short="w", long="web"),
    "git": _options(
        long="output web info-page exec ext-diff textconv filters upload-pack open-files-in-pager unset unset-all "
        "edit replace-all rename-section remove-section add",
        words="-u",
    ),
    "less": _options(short="koO", long="lesskey-file lesskey-src lesskey-content log-file LOG-FILE"),
    "sort": _options(short="o", long="output compress-program"),
    "file": _options(short="C", long="compile"),
    "date": _options(short="s", long="set"),
    "hostname": _options(short="bF", long="file boot"),
    "dmesg": _options(short="cCDEn", long="clear read-clear console-off console-on console-level"),
    "ss": _options(short="KD", long="kill diag"),
    "lsof": _options(short="D"),
    "journalctl": _options(
        long="update-catalog cursor-file vacuum-size vacuum-time vacuum-files rotate flush sync relinquish-var "
        "setup-keys smart-relinquish-var"
    ),
    "pm2": _options(long="flush"),
    "pip": _options(long="log python"),
    "bat": _options(long="pager config-file", words="cache"),
    "history": _options(short="acdnprsw"),
    "hash": _options(short="pdr"),
    "tree": _options(short="oR", long="output"),
    "diff": _options(long="output"),
    "base64": _options(short="o", long="output"),
    "ping": _options(short="f"),
    "sar": _options(short="o"),
    "rg": _options(long="pre hostname-bin"),
    "crontab": _options(short="er"),
    "iptables": _options(
        short="AIDRZFXPEN",
        long="append insert delete replace zero flush delete-chain policy rename-chain new-chain modprobe",
    ),
    "zstd": _options(short="o", long="rm output-dir-flat output-dir-mirror"),
    "rsync": _options(long="log-file write-batch only-write-batch rsh rsync-path", short="e"),
    "openssl": _OPENSSL,
    "etcdctl": _options(words="--"),
    "consul": _options(words="watch"),
    "nc": _options(short="ecl", long="exec sh-exec lua-exec listen"),
    "ansible": _options(short="i", long="inventory inventory-file"),
    "mysqldump": _options(
        short="rTF",
        long="result-file tab flush-logs flush-privileges delete-master-logs delete-source-logs master-data "
        "source-data apply-replica-statements",
    ),
    "pg_dump": _options(short="f", long="file"),
    "psql": _options(long="file output log-file"),
    "wget": _options(
        short="ieabrmpKxB",
        long="input-file execute append-output background recursive mirror page-requisites config use-askpass "
        "save-cookies warc-file rejected-log hsts-file backup-converted force-directories output-file",
    ),
    "yq": _options(short="i", long="inplace in-place split-exp", words="-s"),
    "tar": _options(
        short="IFxcruA",
        long="to-command use-compress-program checkpoint-action rsh-command info-script new-volume-script "
        "index-file delete extract get append catenate concatenate create update volno-file "
        "listed-incremental",
    ),
}
_SAME = {
    "dmesg": "dmesg",
    "batcat": "bat",
    "pip3": "pip",
    "ip6tables": "iptables",
    "ncat": "nc",
    "netcat": "nc",
    "ansible-playbook": "ansible",
    "pg_dumpall": "pg_dump",
    "more": "less",
    "podman": "docker",
    "compose": "docker-compose",
    "unzstd": "zstd",
    "gzip": "zstd",
    "xz": "zstd",
}
# Settings that decide what a program runs or from where it takes its own settings.
STEERS = re.compile(
    r"(PATH|LD_\w+|DYLD_\w+|\w*PAGER|GIT_\w+|\w*EDITOR|VISUAL|BASH_ENV|ENV|IFS|PS4|PROMPT_COMMAND|LESS\w*|SHELL|"
    r"SHELLOPTS|BASHOPTS|NODE_OPTIONS|PYTHON\w+|PERL5\w+|RUBY\w+|KUBE\w+|PSQLRC|PGSERVICE\w*|PGOPTIONS|PGSYSCONFDIR|"
    r"HOME|XDG_\w+|CURL_HOME|WGETRC|\w+_PROXY|\w+_proxy|DOCKER_\w+|CLOUDSDK_\w+|HELM_\w+|OPENSSL_\w+|GCONV_PATH|"
    r"LOCPATH|NLSPATH|TERMINFO\w*|AWK\w+|RIPGREP_\w+|BAT_\w+|AWS_\w*(FILE|PATH|URL\w*)|COMPOSE_\w+|NPM_\w+|SYSTEMD_\w+|"
    r"MYSQL_HOME|RES_OPTIONS|HOSTALIASES|TMPDIR)$"
)
# Those that may stand before a program without making it another one.
_PLAIN = re.compile(
    r"(LANG|LC_\w+|TZ|COLUMNS|LINES|NO_COLOR|CLICOLOR\w*|TERM|PG(HOST|PORT|USER|PASSWORD|DATABASE|CONNECT_TIMEOUT|"
    r"SSLMODE|APPNAME)|REDISCLI_AUTH|MYSQL_PWD|GOOGLE_CLOUD_PROJECT|AWS_(PROFILE|REGION|DEFAULT_REGION)|GH_REPO|"
    r"[a-z][a-z0-9_]*)$"
)
_SYSTEM = ("/bin/", "/sbin/", "/usr/", "/opt/", "/snap/", "/nix/store/")
_NAMES = r"(?:PATH|LD_\w+|DYLD_\w+|BASH_ENV|ENV|IFS|PS4|PROMPT_COMMAND|SHELLOPTS|BASHOPTS|KUBECONFIG|DOCKER_HOST)"
_SETS = re.compile(
    rf"\bfor\s+{_NAMES}\s+in\b|\$\{{{_NAMES}:?=|\(\(\s*{_NAMES}\s*[-+*/]?=|"
    rf"\b(?:read|printf\s+-v|mapfile|readarray|getopts|let|unset)\b[^;&|\n]*(?<![$\w{{]){_NAMES}\b"
)


def option_of(call: Call) -> str:
    """The first option of the call that writes a file or runs a program, "" for none."""
    written = call.words[0].text.rpartition("/")[2] if call.words else ""
    program = written if call.program == "http" else call.program
    options = _HAZARDS.get(_SAME.get(program, program))
    if options is None:
        return ""
    for word in call.words[1:]:
        text = word.text
        if text == "--" and "--" not in options.words:
            return ""
        if text in options.words or _matches(text, options):
            return text
    return next((flag for flag in call.flags if flag.startswith("--") and flag[2:] in options.long), "")


def _matches(text: str, options: _Options) -> bool:
    if text.startswith("--") and len(text) > 4:
        name = text[2:].partition("=")[0]
        return name in options.long or (len(name) > 2 and any(each.startswith(name) for each in options.long))
    group = re.match(r"-([A-Za-z]+)", text)
    return bool(group and not text.startswith("--") and not set(group.group(1)).isdisjoint(options.short))


def of_its_own(path: str) -> bool:
    """A program named by a path that is not one of the system's: whatever stands in that folder runs."""
    if "/" not in path:
        return False
    return not path.startswith(_SYSTEM) or "/../" in path or path.startswith("/usr/local/src/")


def setting_of(call: Call) -> str:
    """A setting before the program that can make it another one, "" for none."""
    return next((name for name in call.assigned if not _PLAIN.match(name) or STEERS.match(name)), "")


def environment_of(wrapper: Wrapper) -> str:
    """A setting that a wrapper hands to the program in it: docker exec -e PATH=..."""
    given = [value for flag in ("-e", "--env", "--env-file") for value in wrapper.flags.get(flag, ())]
    runs = wrapper.tool.startswith(("docker", "compose", "podman", "nerdctl"))
    return next((value for value in given if STEERS.match(value.partition("=")[0])), "") if runs else ""


def sets_beforehand(text: str) -> bool:
    """Somewhere the text gives one of these settings a value other than by NAME=value."""
    return bool(_SETS.search(text))


_SSH_FLAGS = names("-i -p -l -t -T -q -v -4 -6 -C -A -a -n -x -o -J -b -c -m -K -k")
_SSH_OPTIONS = names(
    """
    stricthostkeychecking connecttimeout batchmode serveraliveinterval serveralivecountmax loglevel identitiesonly
    port user forwardagent passwordauthentication preferredauthentications requesttty identityfile
    connectionattempts addressfamily compression hostname pubkeyauthentication gssapiauthentication
    """
)


def ssh_option_of(wrapper: Wrapper) -> str:
    """The first option of ssh that is not known to only say where and as whom, "" for none."""
    for flag, values in wrapper.flags.items():
        if flag not in _SSH_FLAGS and not flag.startswith("--"):
            return flag
        for value in values if flag == "-o" else ():
            name, _, given = value.strip().replace(" ", "=", 1).partition("=")
            nowhere = name.lower() == "userknownhostsfile" and given.strip() == "/dev/null"
            if name.lower() not in _SSH_OPTIONS and not nowhere:
                return value
    return ""
