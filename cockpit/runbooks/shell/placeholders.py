"""Finds what the author left to fill in: <angle brackets>, CAPITALS, {braces}. Variables are found by `words`."""

from __future__ import annotations

import re

from cockpit.model.command import Placeholder, PlaceholderStyle
from cockpit.runbooks.shell.tool import names

# `<pod-name>`, `<your project id>`; never `<<EOF`, `< file`, `<(cmd)`, `<file >out`, `<&3`.
_ANGLE = re.compile(
    r"(?<![<\\=~])<([^\W\d_](?:[\w./:@|-]|[ ](?=[\w(])){0,80})>(?!>|&|\()"
    r"|(?<==)<([^\W\d_](?:[\w./:@|-]|[ ](?=\w)){0,80})>"
)
_UPPER = re.compile("[A-Z]")
_BRACE = re.compile(r"(?<![$@%{#\"'\\])\{([A-Za-z][A-Za-z0-9_-]{1,60})\}")
_BRACKET = re.compile(r"(?:(?<=^)|(?<=[=/:]))\[([A-Za-z][A-Za-z]+(?:[ _-][A-Za-z]+)*)\](?=$|[/:,.])")
_CAPITALS = re.compile(r"(?<![A-Za-z0-9$%\\])(?<!\$\{)[A-Z][A-Z0-9]*(?:[_-][A-Z0-9]+)*(?![A-Za-z0-9_])")

NOUNS = names(
    """
    ACCOUNT ADDR ADDRESS AGE AMOUNT API APP APPLICATION ARN BACKUP BRANCH BUCKET BUILD CERT CERTIFICATE CHANNEL
    CIDR CLIENT CLUSTER COMMIT COMPONENT CONTAINER CONTEXT COUNT CUSTOMER DATABASE DATE DATASET DATABASE_URL DAY
    DB DBNAME DEPLOYMENT DIGEST DIR DIRECTORY DISK DNS DOMAIN DURATION EMAIL ENDPOINT ENV ENVIRONMENT FILE
    FILENAME FOLDER FUNCTION GROUP HASH HOST HOSTNAME ID IDS IMAGE INCIDENT INDEX INSTANCE INTERFACE IP IPS
    ISSUE JOB JOBID JOBNAME KEY KEYNAME LABEL LINK LOCATION LOGIN MACHINE MESSAGE METRIC MIGRATION MINUTES MODEL
    MONTH NAME NAMESPACE NETWORK NODE NODENAME NODEPOOL NUM NUMBER OBJECT OPERATION ORG ORGANIZATION OWNER
    PARTITION PASS PASSWORD PATH PERCENT PERSON PGPASSWORD PID PIDS PIPELINE POD PODNAME POLICY POOL PORT PREFIX
    PROCESS PROJECT PROJECT-ID PVC QUERY QUEUE REASON REGION RELEASE REPLICA REPLICAS REPO REPOSITORY RESOURCE
    REV REVISION ROLE ROUTE RUN SCHEMA SECRET SECONDS SERVER SERVICE SESSION SHA SHARD SINK SITE SIZE SNAPSHOT
    SOURCE STACK STATEFULSET SUBNET SUBSCRIPTION SUFFIX SYSTEM TABLE TABLENAME TAG TARGET TASK TEAM TENANT
    TICKET TIME TIMESTAMP TOKEN TOPIC UID UPID URI URL USER USERNAME UUID VALUE VERSION VERSIONS VM VOLUME
    WEBHOOK WORKER WORKFLOW WORKLOAD WORKSPACE YEAR ZONE MINUTE HOURS DAYS YYYYMMDD YYYYMMDDHHMMSS HHMMSS HHMM
    """
)
_MARKS = names(
    """
    YOUR MY NEW OLD PREV PREVIOUS TARGET SOME EXAMPLE AFFECTED GOOD BAD LAST SPECIFIC
    """
)
_NEVER = names(
    """
    HEAD ORIG_HEAD FETCH_HEAD MERGE_HEAD CHERRY_PICK_HEAD NULL CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP
    CURRENT_USER SESSION_USER UTF-8 LC_ALL HTTP HTTPS TCP UDP API JSON YAML CSV TEXT MIN MAX IN_PROGRESS
    NOT_FOUND UNAUTHENTICATED PERMISSION_DENIED DEADLINE_EXCEEDED RESOURCE_EXHAUSTED FAILED_PRECONDITION
    INVALID_ARGUMENT ALREADY_EXISTS IPV4 IPV6 RUN CLIENT
    """
)
_SQL = names(
    """
    COMMIT COUNT DATABASE DATE GROUP INDEX KEY LOCATION NAME OWNER PARTITION PASSWORD POLICY RELEASE REPLICA ROLE
    SCHEMA SEQUENCE SERVER SNAPSHOT TABLE TIME TIMESTAMP USER USERNAME VALUE VALUES VERSION VIEW FUNCTION
    OBJECT QUERY SESSION SYSTEM TYPE DAY DAYS MONTH YEAR HOUR HOURS MINUTE MINUTES SECOND SECONDS INTERVAL
    ZONE LABEL LANGUAGE EXTENSION DOMAIN TASK JOB
    """
)
_QUOTED = re.compile(r"'(?:[^']|'')*'")
_DATES = re.compile(
    r"Y{2,4}[-_]?M{2}[-_]?D{2}(?:[-_T]?H{2}[-_]?M{2}(?:[-_]?S{2})?)?|H{2}[-_]?M{2}(?:[-_]?S{2})?|X{1,8}|N{1,4}"
)


def mask(text: str) -> str:
    """The text with every <placeholder> replaced by letters of the same length, for a grammar that sees redirects."""
    if "<" not in text:
        return text
    return _ANGLE.sub(lambda match: match.group() if _redirects(match) else "x" * len(match.group()), text)


def angles(text: str) -> list[tuple[int, Placeholder]]:
    """All <placeholders> with their offsets."""
    if "<" not in text:
        return []
    return [
        (match.start(), Placeholder(match.group(1) or match.group(2), match.group(), PlaceholderStyle.ANGLE))
        for match in _ANGLE.finditer(text)
        if not _redirects(match)
    ]


def braces(text: str) -> list[tuple[int, Placeholder]]:
    """{name} and [name], in a word that is neither JSON nor a glob."""
    found = []
    if "{" in text:
        found += [
            (m.start(), Placeholder(m.group(1), m.group(), PlaceholderStyle.ANGLE)) for m in _BRACE.finditer(text)
        ]
    if "[" in text:
        found += [
            (m.start(), Placeholder(m.group(1), m.group(), PlaceholderStyle.ANGLE))
            for m in _BRACKET.finditer(text)
            if len(m.group(1)) > 3
        ]
    return found


def capitals(text: str, *, quoted: bool = False, first: bool = False) -> list[tuple[int, Placeholder]]:
    """PREV_REVISION, PROJECT, N in one word of a command. `first`: it is the program's own name."""
    if first or not _UPPER.search(text):
        return []
    found = []
    for match in _CAPITALS.finditer(text):
        for start, name in _candidates(match):
            if _fits(text, start, name, quoted):
                found.append((start, Placeholder(name, name, PlaceholderStyle.CAPITALS)))
    return found


def in_sql(text: str) -> tuple[Placeholder, ...]:
    """<name>, :name and CAPITALS in a statement; keywords and quoted values such as 'MANUAL_RECOVERY' are none."""
    found = angles(text)
    taken = [(at, at + len(each.spelled)) for at, each in found]
    quotes = [(m.start(), m.end()) for m in _QUOTED.finditer(text)] if "'" in text else []
    for at, each in capitals(text, quoted=True):
        inside = any(start <= at < end for start, end in quotes)
        alone = any(start + 1 == at and end - 1 == at + len(each.spelled) for start, end in quotes)
        follows = text[at + len(each.spelled) :].lstrip()[:1]
        if (
            any(start <= at < end for start, end in taken)
            or each.spelled in _SQL
            or (not inside and follows in "(." and follows)
        ):
            continue
        if not inside or alone or each.spelled.split("_")[0] in _MARKS:
            found.append((at, each))
    return tuple(dict.fromkeys(each for _, each in sorted(found, key=lambda pair: pair[0])))


def _candidates(match: re.Match[str]) -> list[tuple[int, str]]:
    """PREV_REVISION is one; PROJECT-REGION with hyphens is one where both are nouns, else its parts."""
    name = match.group()
    if "-" not in name or _DATES.fullmatch(name):
        return [(match.start(), name)]
    parts = name.split("-")
    if parts[-1] in NOUNS and len(parts) > 1 and all(part in NOUNS or part in _MARKS for part in parts):
        return [(match.start(), name)]
    found, at = [], match.start()
    for part in parts:
        found.append((at, part))
        at += len(part) + 1
    return found


def _fits(text: str, start: int, name: str, quoted: bool) -> bool:
    end = start + len(name)
    before, after = text[start - 1 : start], text[end : end + 1]
    if name in _NEVER or (before == "-" and (start == 1 or text[start - 2] == "-" or len(name) == 1)):
        return False
    if before == "-" and start == 1:
        return False
    if after == "=" and not _share(text, end, name):
        return False
    if before == '"' and text[end : end + 2] in ('":', '" '):
        return False
    if _DATES.fullmatch(name):
        return len(name) > 1 or _counts(text, before, after, len(text) == 1)
    parts = re.split("[_-]", name)
    if len(parts) == 1:
        return name in NOUNS
    return parts[-1] in NOUNS or parts[0] in _MARKS or (len(name) == len(text) and not quoted and "_" in name)


def _counts(text: str, before: str, after: str, alone: bool) -> bool:
    """A single N or X that stands for a number: HEAD~N, --replicas=N, N alone."""
    return alone or (before in ("~", "=", ":") and not after.isalnum() and len(text) > 2)


def _share(text: str, end: int, name: str) -> bool:
    """PREV_REVISION=100: a share of traffic, where KEY=value names an environment variable."""
    value = re.match(r"=\d{1,3}(?=$|[,\s])", text[end:])
    return value is not None and any(part in ("REVISION", "REV", "TAG", "VERSION") for part in name.split("_"))


def _redirects(match: re.Match[str]) -> bool:
    """`<in.txt>out.txt` reads and writes files; `<project>/x` is to be filled in."""
    name = match.group(1) or match.group(2)
    text, end = match.string, match.end()
    if name[-1] in "./:@|-":
        return True
    follows = end < len(text) and (text[end].isalnum() or text[end] in "~$")
    alone = match.start() == 0 or text[match.start() - 1].isspace()
    if follows and alone and ("." in name or "/" in name):
        return True
    return " " in name and (follows or bool(re.search(r"[./]| \d$", name)))
