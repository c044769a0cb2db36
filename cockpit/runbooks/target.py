"""On what a command acts, in the words that a person would use."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cockpit.model.command import Call, Wrapper
from cockpit.runbooks.effects.judge import TOOLS
from cockpit.runbooks.effects.plain import SHELL_ONLY
from cockpit.runbooks.effects.ruling import names

_HERE = "this machine"

_GCLOUD = {
    "run services": "Cloud Run service",
    "run revisions": "revisions of Cloud Run service",
    "run jobs": "Cloud Run job",
    "run": "Cloud Run service",
    "run domain-mappings": "domain mapping",
    "sql instances": "Cloud SQL instance",
    "sql databases": "databases of Cloud SQL instance",
    "sql operations": "operations of Cloud SQL instance",
    "sql backups": "backups of Cloud SQL instance",
    "sql users": "users of Cloud SQL instance",
    "sql": "Cloud SQL instance",
    "sql export": "Cloud SQL instance",
    "sql import": "Cloud SQL instance",
    "redis instances": "Memorystore instance",
    "secrets": "secret",
    "secrets versions": "secret",
    "container clusters": "cluster",
    "container images": "image",
    "compute instances": "virtual machine",
    "compute security-policies": "Cloud Armor policy",
    "compute security-policies rules": "Cloud Armor policy",
    "compute firewall-rules": "firewall rule",
    "compute networks vpc-access connectors": "VPC connector",
    "compute": "virtual machine",
    "compute project-info": "project",
    "logging": "logs",
    "projects": "project",
}
_OWNER_FLAGS = (
    "--service",
    "--instance",
    "--restore-instance",
    "--security-policy",
    "--domain",
    "--cluster",
    "--secret",
)
_CLUSTER_WIDE = names(
    """
    node nodes no namespace namespaces ns pv persistentvolume persistentvolumes clusterrole clusterroles
    clusterrolebinding clusterrolebindings crd crds storageclass storageclasses
    """
)
_NO_OBJECT = names("cluster-info version api-resources api-versions config auth")


def targets_of(calls: Sequence[Call]) -> str:
    """All that these calls act on, each once; this machine only where it is all there is."""
    if len(calls) == 1:
        return target_of(calls[0])
    found = list(dict.fromkeys(target_of(call) for call in calls))
    return " and ".join([each for each in found if each != _HERE] or found)


def target_of(call: Call) -> str:
    """What one call acts on; placeholders stay as they are spelled."""
    if any(wrapper.tool in ("xargs", "parallel") for wrapper in call.within):
        return "what is fed to it"
    describe = _DESCRIBE.get(call.program)
    if describe is not None:
        return describe(call)
    place = _place(call.within)
    if call.program in _SHELL_ONLY:
        return "the shell it is typed into"
    if call.program in TOOLS:
        return place or _HERE
    written = call.words[0].source if call.words else call.program
    return f"whatever {written} acts on" + (f" in {place}" if place else "")


def _place(within: Sequence[Wrapper]) -> str:
    """The machine or container that it runs in, "" for this one."""
    for wrapper in reversed(within):
        if not wrapper.where:
            continue
        if wrapper.tool.startswith("kubectl"):
            namespace = next((wrapper.flags[name][-1] for name in ("--namespace", "-n") if name in wrapper.flags), "")
            return f"pod {wrapper.where}" + (f" in namespace {namespace}" if namespace else "")
        if "compose" in wrapper.tool:
            return f"Compose service {wrapper.where}"
        if wrapper.tool.startswith(("docker", "podman", "nerdctl")):
            started = "a new container of " if wrapper.tool.endswith(" run") else "container "
            return f"{started}{wrapper.where}"
        if wrapper.tool in ("ssh", "gcloud compute ssh"):
            return f"host {wrapper.where}"
    return ""


def _gcloud(call: Call) -> str:
    tokens = call.verb.split()
    groups = (" ".join(tokens[:count]) for count in range(len(tokens) - 1, 0, -1))
    known = next((group for group in groups if group in _GCLOUD), "")
    if tokens[-1:] == ["restore"] and known == "sql backups":
        known = "sql instances"
    noun = _GCLOUD.get(known) or " ".join(tokens[:-1]) or call.verb
    name = next((value for flag in _OWNER_FLAGS if (value := call.flag(flag))), "")
    if not name and call.args:
        name = call.args[0].text
    if known == "logging":
        return f"logs matching {call.args[0].text}" if call.args else "logs"
    if known == "compute project-info":
        name = call.flag("--project") or ""
    region = call.flag("--region", "--zone", "--location")
    project = call.flag("--project") if known != "compute project-info" else None
    every = f"every {noun}" if known else f"all {noun}"
    text = f"{noun} {name}" if name else every if tokens[-1:] == ["list"] else noun
    text += f" in {region}" if region else ""
    return text + (f" of project {project}" if project else "")


def _kubectl(call: Call) -> str:
    tokens = call.verb.split()
    words = [word.text for word in call.args]
    verb = tokens[0] if tokens else ""
    if verb in _NO_OBJECT:
        return "the cluster of the current context"
    if verb == "top":
        what = " ".join([*tokens[1:], *words])
    elif verb in ("logs", "exec", "port-forward", "attach"):
        what = (
            words[0]
            if words
            else f"pods with {call.flag('-l', '--selector')}"
            if call.has("-l", "--selector")
            else "pods"
        )
        what = f"pod {what}" if words and "/" not in what else what
    elif file := call.flag("-f", "--filename", "-k", "--kustomize"):
        what = "what is fed to it" if file == "-" else f"what {file} names"
    elif verb in ("set", "rollout", "label", "annotate") and words and "/" in words[0]:
        what = words[0]
    else:
        what = "/".join(words[:2]) if len(words) > 1 and "/" not in words[0] else " ".join(words[:1]) or "objects"
    if selector := call.flag("-l", "--selector"):
        what = what if selector in what else f"{what} with {selector}"
    kind = what.split("/")[0].split(" ")[0]
    context = f" of context {call.flag('--context')}" if call.flag("--context") else ""
    if kind in _CLUSTER_WIDE:
        return what + context
    if call.has("-A", "--all-namespaces"):
        return f"{what} in all namespaces{context}"
    namespace = call.flag("--namespace", "-n")
    return f"{what} in {f'namespace {namespace}' if namespace else 'the current namespace'}{context}"


def _docker(call: Call) -> str:
    words = [word.text for word in call.args]
    tokens = call.verb.split()
    if call.program.endswith("compose") or tokens[:1] == ["compose"]:
        services = [*words, *(value.split("=")[0] for value in call.flags.get("--scale", ()) if value)]
        return f"Compose service {', '.join(services)}" if services else "the Compose project of the current folder"
    verb = tokens[-1] if tokens else ""
    place = (
        f"host {call.flag('-H', '--host')}" if call.flag("-H", "--host") else _place(call.within) or "this machine"
    )
    if verb in ("pull", "push", "rmi", "run", "build", "tag"):
        image = call.flag("-t", "--tag") if verb == "build" else (words or [""])[0]
        return f"image {image}" if image else f"Docker on {place}"
    if words and verb != "prune":
        noun = tokens[0] if len(tokens) > 1 else "container"
        return f"{noun} {', '.join(words)}"
    return f"Docker on {place}"


def _sql(call: Call) -> str:
    flags = dict(call.flags)
    for wrapper in call.within:
        if wrapper.tool == "psql":
            flags = {**wrapper.flags, **flags}

    def given(*names: str) -> str:
        return next((flags[name][-1] for name in names if name in flags and flags[name][-1]), "")

    psql = next((wrapper for wrapper in call.within if wrapper.tool == "psql"), None)
    database = given("-d", "--dbname")
    host = given("-h", "--host") or (psql.where if psql else "")
    if not database and call.statement is None and call.args:
        database = call.args[0].text
    instance = next((wrapper.where for wrapper in call.within if wrapper.tool.startswith("gcloud sql")), "")
    place = f"Cloud SQL instance {instance}" if instance else _place(call.within)
    text = f"database {database}" if database else "PostgreSQL"
    if host and host != database:
        text += f" on {host}"
    elif not place and not database:
        return "PostgreSQL where psql connects by default" if psql else "PostgreSQL, which one is not said"
    return f"{text} in {place}" if place else text


def _redis(call: Call) -> str:
    flags = dict(call.flags)
    for wrapper in call.within:
        if wrapper.tool == "redis-cli":
            flags = {**wrapper.flags, **flags}
    host = next((flags[name][-1] for name in ("-h", "--host", "-u", "--uri") if name in flags), "")
    number = next((flags[name][-1] for name in ("-n", "--db") if name in flags), "")
    place = _place(call.within)
    text = "Redis" + (f" database {number}" if number else "")
    text += f" on {host}" if host else ""
    return f"{text} in {place}" if place else text if host else f"{text} on this machine"


def _http(call: Call) -> str:
    return " and ".join(word.text for word in call.args) or "the URL"


def _git(call: Call) -> str:
    if call.verb.startswith("push"):
        words = [word.text for word in call.args]
        return f"{words[1]} on {words[0]}" if len(words) > 1 else "the branch on its remote"
    return "the local repository"


def _gh(call: Call) -> str:
    repository = call.flag("-R", "--repo")
    return f"repository {repository} on GitHub" if repository else "this repository on GitHub"


def _dump(call: Call) -> str:
    name = call.flag("-d", "--dbname") or next((word.text for word in call.args), "")
    if call.program == "pg_restore" and not call.flag("-d", "--dbname"):
        return f"file {name}" if name else "an archive"
    return f"database {name}" if name else "PostgreSQL where it connects by default"


def _bucket(call: Call) -> str:
    return next((word.text for word in call.args if "://" in word.text), "Cloud Storage")


def _project(call: Call) -> str:
    place = _place(call.within)
    project = f"the project in {place}" if place else "the project in the current folder"
    migrates = any("migrat" in word.text or word.text.startswith("db:") for word in call.words)
    return f"the database of {project}" if migrates else project


def _migration(call: Call) -> str:
    if call.verb in ("revision", "merge", "init", "generate"):  # these write a file to be reviewed
        return _project(call)
    return f"the database that {call.program} is set up for"


def _files(call: Call) -> str:
    place = _place(call.within)
    named = ", ".join(word.text for word in call.args) or "files"
    return f"{named} in {place}" if place else named


_AWS_NAMES = (
    "--service",
    "--services",
    "--cluster",
    "--db-instance-identifier",
    "--db-cluster-identifier",
    "--instance-ids",
    "--function-name",
    "--table-name",
    "--queue-url",
    "--secret-id",
    "--bucket",
    "--log-group-name",
)


def _aws(call: Call) -> str:
    given = call.flag(*_AWS_NAMES) or next((word.text for word in call.args if "/" in word.text), "")
    region = call.flag("--region")
    return (given or "the current account") + " on AWS" + (f" in {region}" if region else "")


def _az(call: Call) -> str:
    given = call.flag("-n", "--name")
    group = call.flag("-g", "--resource-group")
    return (given or "the current subscription") + (f" in {group}" if group else "") + " on Azure"


def _heroku(call: Call) -> str:
    given = call.flag("-a", "--app")
    return f"app {given} on {call.program}" if given else f"the app of the current folder on {call.program}"


def _described(call: Call) -> str:
    return "what the Terraform files of the current folder describe"


def _hosts(call: Call) -> str:
    given = call.flag("-i", "--inventory", "-l", "--limit")
    return f"the hosts of {given}" if given else "the hosts of the inventory"


def _server(call: Call) -> str:
    """Clients whose server stands in their settings."""
    place = _place(call.within)
    return f"what {call.program} is connected to" + (f" in {place}" if place else "")


def _openssl(call: Call) -> str:
    return call.flag("-connect") or _place(call.within) or "this machine"


def _helm(call: Call) -> str:
    name = call.args[0].text if call.args else "releases"
    namespace = call.flag("-n", "--namespace")
    return f"release {name} in {f'namespace {namespace}' if namespace else 'the current namespace'}"


def _render(call: Call) -> str:
    return f"{call.args[0].text if call.args else 'the current workspace'} at Render"


_DESCRIBE: dict[str, Callable[[Call], str]] = {
    "gcloud": _gcloud,
    **dict.fromkeys(("kubectl", "oc"), _kubectl),
    **dict.fromkeys(("docker", "docker-compose", "compose", "podman", "nerdctl", "podman-compose"), _docker),
    **dict.fromkeys(("sql", "psql"), _sql),
    **dict.fromkeys(("redis", "redis-cli"), _redis),
    **dict.fromkeys(("http", "curl", "wget"), _http),
    **dict.fromkeys(("pg_dump", "pg_dumpall", "pg_restore", "dropdb"), _dump),
    **dict.fromkeys(("rm", "mv", "cp", "unlink", "truncate", "rmdir"), _files),
    "git": _git,
    "gh": _gh,
    "gsutil": _bucket,
    "openssl": _openssl,
    "aws": _aws,
    "az": _az,
    **dict.fromkeys(("heroku", "fly", "flyctl", "vercel"), _heroku),
    **dict.fromkeys(("terraform", "tofu"), _described),
    **dict.fromkeys(("ansible", "ansible-playbook"), _hosts),
    **dict.fromkeys(
        names("mysql mariadb mongo mongosh sqlite3 cqlsh vault consul etcdctl argocd celery bq"), _server
    ),
    **dict.fromkeys(names("rabbitmqctl mysqldump pg_ctl vacuumdb reindexdb createdb pg_isready"), _server),
    **dict.fromkeys(
        ("npm", "yarn", "pnpm", "pip", "pip3", "poetry", "make", "pytest", "cargo", "go", "mvn"), _project
    ),
    **dict.fromkeys(("alembic", "flyway", "prisma", "knex", "liquibase", "goose", "dbmate", "sqitch"), _migration),
    "helm": _helm,
    "render": _render,
}
_SHELL_ONLY = SHELL_ONLY | {"assign"}
