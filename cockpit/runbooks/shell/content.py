"""Tells what a block or a line holds: commands, or a diagram, data, prose, the output of a program."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cockpit.runbooks.shell import redis
from cockpit.runbooks.shell.http import request_line
from cockpit.runbooks.shell.tool import names
from cockpit.runbooks.shell.tools import TOOLS

SHELL = names(
    """
        bash sh shell zsh ksh fish console terminal shell-session shellsession sh-session cmdline shellscript
        command cli bash-session ssh
        """
)
SESSION = names("console terminal shell-session shellsession sh-session bash-session")
SQL = names("sql postgresql postgres psql pgsql plpgsql postgres-sql mysql sqlite")
HTTP = names("http rest https")
REDIS = names("redis redis-cli valkey")
FOREIGN = names("powershell pwsh ps1 posh bat batch cmd dos")
CRON = names("cron crontab")

# Words that begin a command although no tool of TOOLS: shell words, Unix programs, clients.
KNOWN = frozenset(TOOLS) | names(
    """
    cd export source alias unset echo printf cat ls cp mv rm mkdir touch chmod chown ln tee xargs sudo env time
    timeout nohup sleep date watch ps top htop free df du uptime kill killall pkill pgrep lsof netstat ss ip
    ifconfig ping traceroute nslookup dig host nc telnet wget curl http awk sed grep sort uniq wc tr head tail
    less more tar gzip gunzip zcat unzip zip ssh scp rsync sftp systemctl service journalctl dmesg mount umount
    crontab docker docker-compose podman kubectl helm gcloud gsutil aws az psql pg_dump pg_restore mysql
    mysqldump mongo mongosh mongodump redis-cli redis-benchmark valkey-cli python python3 pip pip3 node npm npx
    yarn pnpm go java mvn gradle ruby rails rake bundle php composer perl make cargo git gh glab hub terraform
    ansible ansible-playbook vault consul openssl certbot nginx jq yq base64 md5sum sha256sum pytest alembic
    celery gunicorn uvicorn supervisorctl pm2 rabbitmqctl kafka-topics kafka-topics.sh kafka-consumer-groups
    kafka-consumer-groups.sh zkCli.sh etcdctl nodetool cqlsh influx promtool amtool logcli stern k9s kubectx
    kubens eval exec set test if for while until case function bash sh zsh su chroot find which whereis id
    whoami hostname uname stat file diff patch vi vim nano strace tcpdump iptables nft ufw fail2ban-client
    sysctl swapoff swapon vmstat iostat mpstat sar nproc lscpu reboot shutdown poweroff useradd usermod passwd
    apt apt-get yum dnf apk brew snap siege ab hey wrk k6 locust vegeta pgbench pg_isready createdb dropdb
    vacuumdb pg_ctl repmgr patronictl pgbackrest barman wal-g heroku fly flyctl render railway vercel netlify
    firebase doctl linode-cli hcloud oc eksctl velero argocd flux istioctl linkerd skaffold kustomize buildah
    skopeo crane cosign trivy sops age gpg keytool sqlite3 clickhouse-client
    knife chef-client salt salt-call puppet nomad packer pulumi cdk sam serverless eb ecs-cli copilot rosa kubeadm
    crictl ctr nerdctl calicoctl cilium hubble tsh teleport mc rclone restic borg mycli rabbitmqadmin
    rabbitmq-diagnostics nats kcat kafkacat kafka-configs kafka-console-consumer pulsar-admin cypher-shell mimirtool
    grafana-cli sentry-cli datadog-agent monit initctl rc-service launchctl sc net hdfs spark-submit airflow dbt ceph
    rados gluster zpool zfs lvs vgs pvs lvextend resize2fs xfs_growfs mdadm smartctl fdisk parted lsblk blkid fsck
    ethtool nmcli ip6tables ipset conntrack mtr whois arp timedatectl hostnamectl loginctl chronyc ntpq getent
    apachectl httpd haproxy varnishadm varnishlog postfix postqueue mailq exim doveadm drush django-admin sidekiqctl
    mix elixir dotnet bazel tilt vagrant virsh govc esxcli pbcopy envsubst direnv asdf nvm pyenv poetry pipenv uv tox
    bin/rails bin/rake manage.py artisan
    """
)
# Those of them that can begin nothing but a line of a shell; the others begin statements of SQL too.
SHELL_ONLY = KNOWN - names("set kill use call do show begin start commit truncate explain analyze reset lock comment")
_DRAWN = re.compile("[\u2190-\u21ff\u2500-\u257f\u2580-\u25ff\u2794-\u27be]")
_JSON = re.compile(r"\s*(?:\{\s*(?:\"|$|\})|\[\s*(?:\{|\"|\d+\s*[,\]]|\[\s*[\"{\d]|$)|\"[^\"]*\"\s*:)")
_YAML = re.compile(r"\s*(?:- )?[A-Za-z_][\w. -]{0,60}:(?:\s|$)(?!/)")
_TABLE = re.compile(r"\s*\|.*\|\s*\Z|\s*\+?[-=+]{4,}\+?\s*\Z")
_PROSE = re.compile(r"[A-Z][a-z]+(?:\s+[\w'()-]+){2,}.*[.:!?]?\Z|\d+[.)]\s+\S|[-*•]\s+\S")
_LOG = re.compile(
    r"\s*(?:\[?\d{4}-\d\d-\d\d[T ]\d|\[?(?:ERROR|WARN|WARNING|INFO|DEBUG|FATAL)\b[\]:]?\s|Traceback|\s+at [\w.$]+\()"
)
_TREE = re.compile(r"\s*(?:[|+`\\]--|[|]\s*$|v\s*$|\^\s*$|-+>\s|\|\s+[|+`])")
_ASSIGN = re.compile(r"[A-Za-z_]\w*\+?=")
_CRON = re.compile(
    r"((?:@(?:reboot|yearly|annually|monthly|weekly|daily|midnight|hourly))"
    r"|(?:(?:\*|[0-9A-Za-z]{1,3}(?:-[0-9A-Za-z]{1,3})?)(?:/\d{1,3})?"
    r"(?:,(?:\*|[0-9A-Za-z]{1,3}(?:-[0-9A-Za-z]{1,3})?)(?:/\d{1,3})?)*\s+){4}"
    r"(?:\*|[0-9A-Za-z]{1,3}(?:-[0-9A-Za-z]{1,3})?)(?:/\d{1,3})?(?:,[0-9A-Za-z-]{1,7})*)\s+(\S.*)\Z"
)
_CRON_USER = re.compile(r"([a-z_][a-z0-9_-]*)\s+([/~.].*)\Z")  # as in /etc/crontab
_SQL_START = re.compile(
    r"(?:SELECT\s+(?!\w+\s+in\s)\S|INSERT\s+INTO\s|UPDATE\s+(?:ONLY\s+)?\S+\s+(?:AS\s+\w+\s+)?SET\b|UPDATE\s+[\w.\"]+\s*\Z"
    r"|DELETE\s+FROM\s|WITH\s+(?:RECURSIVE\s+)?[\w\"]+\s*(?:\([^)]*\)\s*)?AS\b|MERGE\s+INTO\s|TRUNCATE\s+(?:TABLE\s+)?[A-Za-z\"_]"
    r"|(?:CREATE|ALTER|DROP)\s+(?:OR\s+REPLACE\s+|UNIQUE\s+|TEMP(?:ORARY)?\s+|UNLOGGED\s+)*(?:TABLE|INDEX|VIEW|MATERIALIZED|"
    r"DATABASE|USER|ROLE|SCHEMA|EXTENSION|SEQUENCE|TYPE|FUNCTION|PROCEDURE|TRIGGER|SYSTEM|POLICY|PUBLICATION|SUBSCRIPTION|"
    r"DOMAIN|TABLESPACE|AGGREGATE|RULE|SERVER|DEFAULT)\b|VACUUM(?:\s*\(|\s+(?:FULL|ANALYZE|VERBOSE|FREEZE|[a-z_.\"]+)\b|\s*;)"
    r"|REINDEX\s+(?:INDEX|TABLE|DATABASE|SCHEMA|SYSTEM|\()|ANALYZE(?:\s*;|\s+[\w.\"]+\s*;)|EXPLAIN\s+(?:\(|ANALYZE|VERBOSE|SELECT"
    r"|UPDATE|DELETE|INSERT|WITH)|GRANT\s+.*\bTO\b|REVOKE\s+.*\bFROM\b|REFRESH\s+MATERIALIZED|COMMENT\s+ON\s|LOCK\s+TABLE\s"
    r"|COPY\s+[\w.\"(]+.*\b(?:FROM|TO)\b|BEGIN\s*;|BEGIN\s+TRANSACTION|START\s+TRANSACTION|COMMIT\s*;|ROLLBACK\s*;"
    r"|CHECKPOINT\s*;"
    r"|SHOW\s+[\w. ]+;"
    r"|SET\s+(?:LOCAL\s+|SESSION\s+)?[a-z_.]+\s*(?:=|TO)\s*|RESET\s+[\w.]+\s*;|DO\s+\$|CALL\s+[\w.]+\s*\("
    r"|KILL\s+(?:QUERY\s+)?\d+\s*;|CLUSTER\s+[\w.]+\s*;|DISCARD\s+ALL|DESCRIBE\s+\w+\s*;|USE\s+\w+\s*;"
    r"|FLUSH\s+(?:TABLES|PRIVILEGES))",
    re.IGNORECASE,
)
_SELECT_LIST = re.compile(
    r"SELECT\s+.*(?:\bFROM\b|\(|\*|,|;|\d\s*\Z)|SELECT\s*\Z|SELECT\s+[a-z_.]+\s*\Z", re.IGNORECASE
)
PSQL = names("psql pgcli mysql sqlite3 cqlsh clickhouse-client mariadb")
PROMPT = re.compile(
    r"➜\s+(?:~\S*|\S+\s+git:\([^()]*\)(?:\s+✗)?)\s+(?=\S)"  # with the directory behind it
    r"|(?:\(\w[\w.-]*\)\s*)?"
    r"(?:\[?[A-Za-z_][\w.-]*@[\w.-]+(?:[: ][^\s$#%>\]]*)?\]?\s?[$#%]|[$%❯➜]|(?:ba|z|da|)sh-[\d.]+[$#])\s+(?=\S)"
)
# Questions to Prometheus and its like: a metric with labels, a function of one, or sums of metrics.
_QUERY = re.compile(
    r"(?<![\w:])[A-Za-z_:][\w:]*\{[^{}]*(?:=~|!~|!=|=)\s*\"[^\"]*\"[^{}]*\}"
    r"|\b(?:sum|avg|max|min|count|rate|irate|increase|histogram_quantile|topk|bottomk|absent|delta|predict_linear)"
    r"\s*(?:(?:by|without)\s*\([^()]*\)\s*)?\("
    r"|\A\s*\(?[a-z_:][\w:]*_[\w:]+\s*[-+*/]\s*[a-z_:][\w:]*_[\w:]+\b"
)
_FLAGGED = re.compile(r"[a-z][\w.-]*(?:\s+[\w./:=@<>{}$'\"-]+)*\s+--?[A-Za-z][\w-]*(?:[=\s].*)?\Z")
DATABASE_PROMPT = re.compile(r"(?:[A-Za-z_]\w*[=\-'\"(*][>#]|mysql>|sqlite>|MariaDB \[[^\]]*\]>)\s+(?=\S)")
ANGLE = re.compile(r">\s+(?=[A-Za-z])")
REDIS_PROMPT = re.compile(r"(?:[\w.-]+:\d{2,5}(?:\[\d+\])?|redis|not connected|valkey)>\s+(?=\S)")


def tag(language: str) -> str:
    """The language of a fence's info string: "bash title=x", "{.sh}", "shell-session" -> one lower-case word."""
    words = language.strip().split()
    return words[0].split("{")[0].strip("{}.,:").lower() or words[0].strip("{}.").lower() if words else ""


def schedule(line: str) -> tuple[str, str] | None:
    """A crontab line -> its schedule and its command."""
    if not line or line[0] not in "*@0123456789":
        return None
    match = _CRON.match(line)
    if match is None or (match.group(1)[0] != "@" and not re.match(r"[A-Za-z./~\"'\[({<$]", match.group(2))):
        return None
    command = match.group(2)
    named = _CRON_USER.match(command)
    if named and named.group(1) not in KNOWN:
        command = named.group(2)
    return " ".join(match.group(1).split()), command


def sql_starts(line: str, *, typed: bool = False) -> bool:
    """Whether a line begins an SQL statement. `typed`: into an open client, where a backslash command counts too."""
    if typed and line.startswith("\\") and line[1:2].isalpha() | (line[1:2] in "?!"):
        return True
    if not _SQL_START.match(line):
        return False
    if line[:6].upper() == "SELECT":
        return bool(_SELECT_LIST.match(line)) and not line.rstrip().endswith("; do")
    if line[:4].lower() == "set ":
        return typed or line.rstrip().endswith(";")
    return True


def command_like(line: str) -> bool:
    """Whether a line of unknown language looks like a command: prompt, known program, path to one, SQL, request."""
    line = line.strip()
    first = line.split(None, 1)[0] if line else ""
    if first in KNOWN:
        return _goes_on(line)
    if PROMPT.match(line) or (line[:1] == ">" and angled(line)):
        return True
    if _ASSIGN.match(line):
        return bool(re.match(r"[A-Za-z_]\w*\+?=(?:\S*$|['\"$]|\S+\s+\S*[a-z./])", line)) and not line.endswith(
            ("{", ",")
        )
    if first.startswith(("./", "~/", "/usr/", "/opt/", "/bin/", "/etc/", "/scripts/", "/home/", "../")):
        return _goes_on(line)
    if re.fullmatch(r"[\w./-]+\.(?:sh|py|rb|pl|bash)", first):
        return True
    return (
        request_line(line) is not None
        or schedule(line) is not None
        or sql_starts(line)
        or redis.starts(line, typed=False)
        or bool(DATABASE_PROMPT.match(line) or REDIS_PROMPT.match(line))
    )


def _goes_on(line: str) -> bool:
    """As a command does, where a sentence or a setting would not."""
    return not line.endswith((".", ":", "?")) and not re.match(r"\S+\s*[:=]\s", line)


def holds_commands(lines: Sequence[str], language: str) -> bool:
    """Whether a block tagged as shell, or not at all, holds commands: no diagram, data, prose or mere output."""
    full = [line for line in lines if line.strip()]
    if not full:
        return False
    code = [line for line in full if not line.lstrip().startswith("#")]
    if not code:
        return bool(language)
    if language:
        if any(command_like(line) for line in code):
            return True
        return not _QUERY.search("\n".join(code)[:2000]) and not all(_data(line) for line in code)
    like = [command_like(line) for line in code]
    if not any(like):  # programs that nobody here knows, each with a flag
        return all(_FLAGGED.match(line) for line in code) and not _QUERY.search("\n".join(code)[:2000])
    drawn = sum(bool(_DRAWN.search(PROMPT.sub("", line.strip(), count=1)) or _TREE.match(line)) for line in code)
    if drawn * 3 >= len(code):
        return False
    first = next(line for line in code)
    if _JSON.match(first) or first.strip() in ("---", "..."):
        return False
    other = sum(_data(line) for line, likely in zip(code, like, strict=True) if not likely)
    return like[0] or bool(PROMPT.match(first)) or other * 2 < len(code)


def _data(line: str) -> bool:
    """Drawn, JSON, YAML, a table, a log line, or prose."""
    return bool(
        _DRAWN.search(line)
        or _JSON.match(line)
        or _YAML.match(line)
        or _TABLE.match(line)
        or _LOG.match(line)
        or _TREE.match(line)
        or _PROSE.match(line.strip())
        or line.strip()[:1] in "}]│"
    )


_LONGEST_ANSWER = 400  # lines


def angled(line: str) -> bool:
    """`> slowlog get 10`: a prompt before a command; `> app.log` empties a file."""
    rest = ANGLE.sub("", line.strip(), count=1)
    return ANGLE.match(line.strip()) is not None and (redis.starts(rest, typed=True) or known_command(rest))


def printed(lines: Sequence[str], start: int) -> int:
    """Index after the JSON that a program printed at `start`; `start` where there is none."""
    first = lines[start].strip()
    following = lines[start + 1].strip() if start + 1 < len(lines) else ""
    if not re.match(r"[{\[]\s*[\[{]*\s*\"", first) and not (first in ("{", "[") and _JSON.match(following)):
        return start
    depth = 0
    for index in range(start, min(len(lines), start + _LONGEST_ANSWER)):
        bare = re.sub(r"\"(?:[^\"\\]|\\.)*\"", "", lines[index])
        depth += bare.count("{") + bare.count("[") - bare.count("}") - bare.count("]")
        if depth <= 0:
            return index + 1
    return start


def session(lines: Sequence[str], language: str) -> bool:
    """Whether a block shows prompts before what was typed, with output in between."""
    full = [line.strip() for line in lines if line.strip()]
    if language in SESSION:
        return bool(full and angled(full[0])) or any(PROMPT.match(line) for line in full) or root_prompts(full)
    code = [line for line in full if not line.startswith("#")]
    if code and angled(code[0]):
        return True
    return bool(code) and bool(PROMPT.match(code[0]) or DATABASE_PROMPT.match(code[0]) or REDIS_PROMPT.match(code[0]))


def root_prompts(lines: Sequence[str]) -> bool:
    """`# systemctl restart x` typed by root: no other prompt in the block, each such line a known command."""
    marked = [line.strip() for line in lines if line.strip().startswith("#")]
    if not marked or any(PROMPT.match(line.strip()) for line in lines):
        return False
    return all(line.startswith("# ") and known_command(line[2:]) and line[2:3].islower() for line in marked)


def known_command(line: str) -> bool:
    """Begins with a known program or a path, and goes on."""
    first, _, rest = line.strip().partition(" ")
    return (bool(rest) and first in KNOWN) or first.startswith(("./", "/usr/", "/opt/", "/bin/"))
