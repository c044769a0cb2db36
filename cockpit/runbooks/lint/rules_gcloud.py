"""gcloud in general: commands that there are not, what they need to be told, what they do not show."""

from __future__ import annotations

import difflib
from dataclasses import replace

from cockpit.model.command import Call
from cockpit.model.runbook import Level
from cockpit.runbooks.lint import gcloud
from cockpit.runbooks.lint.engine import Book, Found, Scene, on_call
from cockpit.runbooks.lint.gcloud import goes, named, path, rebuilt
from cockpit.runbooks.lint.gcloud_verbs import BETA_ONLY, unknown

_KNOWN_MISTAKES = {
    ("secrets", "access-secret"): "gcloud secrets versions access latest --secret={0}",
    ("run", "domain-mappings", "update"): (
        "gcloud beta run domain-mappings delete --domain={domain} --region={region}, then create it with "
        "--service=; for a certificate of your own: gcloud compute target-https-proxies update PROXY "
        "--ssl-certificates={cert}"
    ),
    ("monitoring", "time-series"): (
        "GET https://monitoring.googleapis.com/v3/projects/PROJECT/timeSeries with filter={filter}, "
        "interval.startTime and interval.endTime; a distribution needs "
        "aggregation.perSeriesAligner=ALIGN_PERCENTILE_99"
    ),
    ("run", "services", "restart"): (
        "gcloud run services update {0} --region={region} --update-env-vars=RESTARTED_AT=$(date +%s)"
    ),
    ("run", "services", "rollback"): (
        "gcloud run services update-traffic {0} --region={region} --to-revisions=GOOD_REVISION=100"
    ),
}
# verb -> what it needs, the property that also provides it, whether gcloud asks
_NEEDS_REGION = {
    "run services describe": "run/region",
    "run services update": "run/region",
    "run services update-traffic": "run/region",
    "run services delete": "run/region",
    "run services replace": "run/region",
    "run services logs read": "run/region",
    "run services proxy": "run/region",
    "run revisions list": "run/region",
    "run revisions describe": "run/region",
    "run revisions delete": "run/region",
    "run deploy": "run/region",
    "run jobs execute": "run/region",
    "run jobs describe": "run/region",
    "run jobs update": "run/region",
    "redis instances describe": "redis/region",
    "redis instances list": "redis/region",
    "redis instances update": "redis/region",
    "redis instances failover": "redis/region",
    "redis instances delete": "redis/region",
    "redis instances create": "redis/region",
    "redis instances export": "redis/region",
    "redis instances import": "redis/region",
    "redis instances get-auth-string": "redis/region",
    "compute networks vpc-access connectors describe": "compute/region",
    "container clusters get-credentials": "compute/zone",
}
_NEEDS_ZONE = {
    "compute ssh": " It also makes an SSH key and puts it into the project's metadata.",
    "compute scp": "",
    "compute instances describe": "",
    "compute instances start": "",
    "compute instances stop": "",
    "compute instances reset": "",
    "compute instances delete": "",
    "compute instances get-serial-port-output": "",
}
_USAGE = r"\b(?:usage|used|utili[sz]ation|consumption|full)\b"
_NO_USAGE = {
    "redis instances describe": ("the provisioned size", "redis.googleapis.com/stats/memory/usage_ratio"),
    "sql instances describe": ("the tier and its settings", "cloudsql.googleapis.com/database/cpu/utilization"),
    "run services describe": ("the limits that are set", "run.googleapis.com/container/memory/utilizations"),
    "compute instances describe": ("the machine type", "compute.googleapis.com/instance/cpu/utilization"),
}


@on_call(
    "gcloud-no-such-command",
    Level.ERROR,
    "gcloud has no command of that name in any track: it fails before it asks anything.",
    "gcloud",
)
def no_such_command(call: Call, scene: Scene) -> Found | None:
    """Only in groups that are known whole."""
    wrong = unknown(path(call))
    if wrong is None:
        return None
    words, there = wrong
    if words[-1].startswith(("-", "<", "$", "{")) or words[-1].isupper():
        return None
    instead = _mistake(call, scene, words)
    if not instead:
        near = difflib.get_close_matches(words[-1], there, 1, 0.6)
        group = " ".join(words[:-1])
        instead = f"gcloud {group} {near[0]}" if near else f"gcloud {group} knows: {', '.join(sorted(there)[:12])}"
    return Found(f"There is no `gcloud {' '.join(words)}`: gcloud refuses it before it sends anything.", instead)


def _mistake(call: Call, scene: Scene, words: tuple[str, ...]) -> str:
    template = _KNOWN_MISTAKES.get(words, "")
    if not template:
        return ""
    rest = path(call)[len(words) :]
    name = rest[0] if rest else "NAME"
    return template.format(
        name,
        region=call.flag("--region") or gcloud.region(scene, name),
        domain=call.flag("--domain") or "DOMAIN",
        cert=call.flag("--certificate") or "CERTIFICATE",
        filter=call.flag("--filter") or 'metric.type="..."',
    )


@on_call(
    "gcloud-needs-beta",
    Level.ERROR,
    "The command, or the flag that it is given, exists only in the beta track: plain gcloud refuses it.",
    "gcloud",
)
def needs_beta(call: Call, scene: Scene) -> Found | None:
    """A whole command of the beta track, or Cloud Run's domain mappings by region."""
    if call.channel:
        return None
    words = path(call)
    track = BETA_ONLY.get(words[:2], "")
    plain = " ".join(words[:2])
    if not track and words[:2] == ("run", "domain-mappings"):
        if unknown(words) is not None or call.flag("--platform") in ("gke", "kubernetes") or call.has("--cluster"):
            return None
        track, plain = "beta", "run domain-mappings --region"
    if not track:
        return None
    instead = rebuilt(call).replace("gcloud ", f"gcloud {track} ", 1)
    return Found(
        f"`gcloud {plain}` exists only in the {track} track: without it gcloud refuses the command.", instead
    )


@on_call(
    "gcloud-needs-region",
    Level.ERROR,
    "Without a region or zone gcloud stops to ask, and fails where nobody can answer.",
    "gcloud",
)
def needs_region(call: Call, scene: Scene) -> Found | None:
    """Unless the runbook has set the property before."""
    if any(each.startswith("projects/") or "/locations/" in each for each in path(call)) or call.has("--flags-file"):
        return None
    for verb, property_ in _NEEDS_REGION.items():
        if goes(call, verb):
            if _only_named(call, verb, scene):
                return None
            if call.has("--region", "--cluster", "--location", "--zone") or call.flag("--platform") in (
                "gke",
                "kubernetes",
            ):
                return None
            if gcloud.property_is_set(scene, property_):
                return None
            name = call.flag("--service") or named(call, verb, "")
            place = gcloud.region(scene, name)
            asks = (
                "fails, it does not ask for one" if verb.startswith("redis") else "stops to ask, or fails in a script"
            )
            return Found(f"No --region: gcloud {asks}.", rebuilt(call, added=[f"--region={place}"]))
    for verb, more in _NEEDS_ZONE.items():
        if goes(call, verb) and not call.has("--zone") and not gcloud.property_is_set(scene, "compute/zone"):
            fixed = rebuilt(call, added=[f"--zone={gcloud.zone(scene)}"])
            return Found(f"No --zone: gcloud stops to ask, or fails in a script.{more}", fixed)
    return None


def _only_named(call: Call, verb: str, scene: Scene) -> bool:
    """`gcloud run services update --update-env-vars` in a sentence is a name: it does not say of which service."""
    if scene.command.language != "inline" or verb.endswith(" list"):
        return False
    said = tuple(each for each in path(call) if each not in ("…", "..."))
    return said == tuple(verb.split())


@on_call(
    "gcloud-describe-shows-no-usage",
    Level.ERROR,
    "A description holds what was configured. How much of it is used is a metric.",
    "gcloud",
)
def describe_shows_no_usage(call: Call, scene: Scene) -> Found | None:
    """`describe` under a caption about usage."""
    for verb, (shows, metric) in _NO_USAGE.items():
        if goes(call, verb) and scene.says(_USAGE):
            name = named(call, verb, "it")
            why = f"This prints {shows} of {name}, not how much is used: the question is answered wrongly."
            return Found(why, f"read the metric {metric} of {name} (Cloud Monitoring, or the cockpit's pane)")
    return None


@on_call(
    "gcloud-compute-quota-is-not-that-quota",
    Level.ERROR,
    "project-info shows the quotas of Compute Engine only.",
    "gcloud",
)
def compute_quota(call: Call, scene: Scene) -> Found | None:
    """Under a caption that names another service."""
    if not goes(call, "compute project-info describe") or not scene.says("quota|limit"):
        return None
    services = {
        "vertex|gemini|ai platform": "aiplatform.googleapis.com",
        "cloud run": "run.googleapis.com",
        "pub/?sub": "pubsub.googleapis.com",
        "bigquery": "bigquery.googleapis.com",
        "cloud sql": "sqladmin.googleapis.com",
        "storage": "storage.googleapis.com",
    }
    service = next((api for words, api in services.items() if scene.says(words)), "")
    if not service:
        return None
    project = call.flag("--project") or "PROJECT"
    return Found(
        f"It lists quotas of Compute Engine only; those of {service} are not in it.",
        f"gcloud alpha services quota list --service={service} --consumer=projects/{project}",
    )


@on_call(
    "firewall-does-not-filter-serverless",
    Level.ERROR,
    "A VPC firewall rule filters machines of that network. Requests to Cloud Run or through an external load "
    "balancer never meet it.",
    "gcloud",
)
def firewall_and_serverless(call: Call, scene: Scene) -> Found | None:
    """A blocking rule by source address, in a runbook whose system is not on machines."""
    if not goes(call, "compute firewall-rules create") or not gcloud.uses_serverless(scene.book):
        return None
    sources = call.flag("--source-ranges")
    if sources is None or (call.flag("--action") or "").upper() != "DENY":
        return None
    policy = scene.book.once(_policy)
    return Found(
        f"It blocks {sources} on machines of one VPC network. Cloud Run and external load balancers do not ask it: "
        "the attacker gets through, and the step looks done.",
        f"gcloud compute security-policies rules create 9999 --security-policy={policy} --action=deny-403 "
        f"--src-ip-ranges={sources}",
    )


@on_call(
    "container-registry-is-gone",
    Level.WARNING,
    "Container Registry is shut down; its names are served by Artifact Registry, where tags are listed differently.",
    "gcloud",
)
def container_registry(call: Call, scene: Scene) -> Found | None:
    """`gcloud container images` on a gcr.io name."""
    if not goes(call, "container images"):
        return None
    image = next((word for word in path(call) if "gcr.io/" in word), "")
    if not image:
        return None
    host, _, rest = image.partition("/")
    project, _, name = rest.partition("/")
    repository = {"gcr.io": "us", "eu.gcr.io": "europe", "asia.gcr.io": "asia", "us.gcr.io": "us"}.get(host, "us")
    return Found(
        f"Container Registry is shut down. What {host} still serves comes from Artifact Registry, which has its own "
        "commands.",
        f"gcloud artifacts docker images list {repository}-docker.pkg.dev/{project}/{host}/{name} --include-tags",
    )


@on_call(
    "gsutil-glob-unquoted",
    Level.NOTE,
    "The shell may expand the * before the tool sees it, or refuse the command because no local file fits.",
    "gsutil",
    "gcloud",
)
def remote_glob(call: Call, scene: Scene) -> Found | None:
    """An unquoted glob in a gs:// URL."""
    word = next((each for each in call.words if each.globs and "gs://" in each.text), None)
    if word is None or (call.program == "gcloud" and not goes(call, "storage")):
        return None
    text = rebuilt(call).replace(word.source, f"'{word.text}'")
    if call.program == "gsutil" and call.words[1:2] and call.words[1].text in ("ls", "cp", "mv", "rm", "cat"):
        text = text.replace("gsutil ", "gcloud storage ", 1)
    return Found("The * is not quoted: zsh refuses the line where no local file fits.", text)


def _policy(book: Book) -> str:
    """The security policy that the runbook names, else POLICY."""
    named_ = (
        each.flag("--security-policy") or named(each, "compute security-policies describe", "")
        for _, each in book.calls("gcloud")
        if goes(each, "compute security-policies")
    )
    return next((each for each in named_ if each), "POLICY")


def _ssh_without_zone(scene: Scene) -> Found | None:
    """`gcloud compute ssh VM -- COMMAND`: the call is the command, gcloud stands around it."""
    tool = "gcloud compute ssh"
    around = next((each for call in scene.command.calls for each in call.within if each.tool == tool), None)
    if around is None or "--zone" in around.flags or gcloud.property_is_set(scene, "compute/zone"):
        return None
    text = " ".join(scene.command.text.split())
    more = _NEEDS_ZONE["compute ssh"]
    fixed = text.replace(around.where, f"{around.where} --zone={gcloud.zone(scene)}", 1)
    return Found(f"No --zone: gcloud stops to ask, or fails in a script.{more}", fixed)


RULES = (
    no_such_command,
    needs_beta,
    replace(needs_region, on_command=_ssh_without_zone),
    describe_shows_no_usage,
    compute_quota,
    firewall_and_serverless,
    container_registry,
    remote_glob,
)
