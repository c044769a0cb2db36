"""Cloud Run: what restarts nothing, stops nothing, or brings the bad image back."""

from __future__ import annotations

from cockpit.model.command import Call
from cockpit.model.runbook import Level
from cockpit.runbooks.lint import gcloud
from cockpit.runbooks.lint.engine import Book, Found, Scene, calls_of, on_call
from cockpit.runbooks.lint.gcloud import changes, goes, named, operands, rebuilt
from cockpit.runbooks.lint.tools import names

_UPDATE = "run services update"
_TRAFFIC = "run services update-traffic"
_TEMPLATE = names("""
    --max-instances --min-instances --memory --cpu --concurrency --timeout --update-env-vars --set-env-vars
    --remove-env-vars --update-secrets --set-secrets --remove-secrets --service-account --cpu-boost
    --update-labels --revision-suffix
    """)


def _where(call: Call, scene: Scene) -> str:
    name = named(call, "run deploy" if goes(call, "run deploy") else _UPDATE, "SERVICE")
    project = f" --project={call.flag('--project')}" if call.flag("--project") else ""
    return f"{name} --region={call.flag('--region') or gcloud.region(scene, name)}{project}"


def _restart(call: Call, scene: Scene) -> str:
    return f"gcloud run services update {_where(call, scene)} --update-env-vars=RESTARTED_AT=$(date +%s)"


@on_call(
    "cloud-run-update-restarts-nothing",
    Level.ERROR,
    "An update without a change is refused: 'No configuration change requested'. Cloud Run has no restart; a new "
    "revision of the same image is what comes nearest.",
    "gcloud",
)
def restarts_nothing(call: Call, scene: Scene) -> Found | None:
    """`update` with nothing to update."""
    if not goes(call, _UPDATE) or len(operands(call, _UPDATE)) != 1 or changes(call):
        return None
    return Found(
        "There is nothing to change in it: gcloud refuses it with 'No configuration change requested', and nothing "
        "restarts.",
        _restart(call, scene),
    )


@on_call(
    "cloud-run-no-traffic-restarts-nothing",
    Level.ERROR,
    "--no-traffic alone pins the traffic to the present revision: nothing starts, and later deployments silently "
    "get no traffic.",
    "gcloud",
)
def no_traffic(call: Call, scene: Scene) -> Found | None:
    """`update --no-traffic` as the only change."""
    if not goes(call, _UPDATE) or changes(call) != {"--no-traffic"}:
        return None
    return Found(
        "It starts nothing. It pins the traffic to the present revision, so that later deployments get none until "
        "somebody runs update-traffic --to-latest.",
        _restart(call, scene),
    )


@on_call(
    "cloud-run-to-latest-takes-no-value",
    Level.ERROR,
    "--to-latest is a switch: with a value gcloud refuses the command.",
    "gcloud",
)
def to_latest(call: Call, scene: Scene) -> Found | None:
    """`--to-latest=100`."""
    if not goes(call, _TRAFFIC) or not call.flag("--to-latest"):
        return None
    return Found(
        "--to-latest is a switch and takes no value: gcloud refuses the command, and the traffic stays where it is.",
        rebuilt(call, without=["--to-latest"], added=["--to-latest"]),
    )


@on_call(
    "cloud-run-max-instances-zero-stops-nothing",
    Level.ERROR,
    "A maximum of 0 instances means 'not set', which is the default: the service goes on, in a new revision.",
    "gcloud",
)
def max_zero(call: Call, scene: Scene) -> Found | None:
    """`--max-instances=0` or `--max=0`."""
    flag = next((name for name in ("--max-instances", "--max") if call.flag(name) == "0"), "")
    if not flag or not (goes(call, _UPDATE) or goes(call, "run deploy")):
        return None
    return Found(
        f"{flag}=0 means 'no limit of its own': it deploys a new revision that serves and writes as before. It "
        "stops nothing.",
        f"gcloud beta run services update {_where(call, scene)} --scaling=0, and to start it again --scaling=auto",
    )


@on_call(
    "cloud-run-template-change-after-rollback",
    Level.WARNING,
    "A change of the template deploys the newest image. After a rollback that is the bad one, and the change does "
    "not reach what serves.",
    "gcloud",
)
def template_change(call: Call, scene: Scene) -> Found | None:
    """A change of the template in a runbook that rolls back by pinning traffic."""
    if not goes(call, _UPDATE) or call.has("--no-traffic", "--image"):
        return None
    flags = sorted(changes(call) & _TEMPLATE)
    name = named(call, _UPDATE, "SERVICE")
    if (
        not flags
        or name not in gcloud.pinned(scene.book)
        or "0" in (call.flag("--max-instances"), call.flag("--max"))
    ):
        return None
    return Found(
        f"This runbook rolls {name} back by pinning its traffic. {', '.join(flags)} then deploys the newest image, "
        "the bad one, in a revision without traffic; what serves does not change.",
        _service_level(call, scene, name),
    )


def _service_level(call: Call, scene: Scene, name: str) -> str:
    low, high = call.flag("--min-instances"), call.flag("--max-instances")
    others = changes(call) & _TEMPLATE - {"--min-instances", "--max-instances"}
    where = _where(call, scene)
    if others:
        return f"{rebuilt(call)} --image=IMAGE_OF_THE_REVISION_THAT_SERVES, then update-traffic {name} --to-latest"
    if high is not None:
        least = f" --min={low}" if low is not None else ""
        return f"gcloud beta run services update {where}{least} --max={high}  (of the service: no new revision)"
    return f"gcloud run services update {where} --min={low}  (of the service: no new revision)"


@on_call(
    "cloud-run-pins-traffic",
    Level.NOTE,
    "Traffic sent to a revision by name stays there: later deployments get none until --to-latest.",
    "gcloud",
)
def pins_traffic(call: Call, scene: Scene) -> Found | None:
    """`--to-revisions=NAME=100` without the way back in the same section."""
    if not goes(call, _TRAFFIC) or not call.has("--to-revisions"):
        return None
    if all(part.startswith("LATEST=") for part in (call.flag("--to-revisions") or "").split(",")):
        return None
    if any(goes(each, _TRAFFIC) and each.has("--to-latest") for each in calls_of(scene.after, "gcloud")):
        return None
    return Found(
        "From here on new deployments get no traffic, and nothing says so. The section has no step that ends it.",
        "afterwards, once a good version is deployed: "
        f"{rebuilt(call, without=['--to-revisions'], added=['--to-latest'])}",
    )


@on_call(
    "cloud-run-tag-must-exist",
    Level.NOTE,
    "Traffic can only go to a tag that a deployment has set.",
    "gcloud",
)
def tag_must_exist(call: Call, scene: Scene) -> Found | None:
    """`--to-tags` where nothing in the runbook sets the tag."""
    if not goes(call, _TRAFFIC) or not call.has("--to-tags"):
        return None
    tags = [part.partition("=")[0] for part in (call.flag("--to-tags") or "").split(",")]
    missing = next((tag for tag in tags if tag and tag not in scene.book.once(_tags)), "")
    if not missing:
        return None
    name = named(call, _TRAFFIC, "SERVICE")
    return Found(
        f"Nothing in this runbook gives a revision the tag {missing}: without it gcloud refuses the split.",
        f"first: gcloud run deploy {name} --image=IMAGE --no-traffic --tag={missing} "
        f"--region={call.flag('--region') or gcloud.region(scene, name)}",
    )


def _tags(book: Book) -> str:
    """Everything that the runbook says in flags that set tags."""
    return " ".join(
        f"{each.flag('--tag') or ''} {each.flag('--update-tags', '--set-tags') or ''}"
        for _, each in book.calls("gcloud")
    )


@on_call(
    "cloud-run-set-drops-the-others",
    Level.WARNING,
    "--set-env-vars and --set-secrets replace the whole list: what they do not name is gone from the service.",
    "gcloud",
)
def set_drops(call: Call, scene: Scene) -> Found | None:
    """On what is there already; a first deployment has no list that could be lost."""
    if not goes(call, _UPDATE) and not goes(call, "run jobs update"):
        return None
    flag = next((each for each in ("--set-env-vars", "--set-secrets") if call.has(each)), "")
    if not flag or scene.says(r"\b(?:replace|overwrite)s?\b|\ball\b"):
        return None
    kind = "variable" if flag == "--set-env-vars" else "secret"
    return Found(
        f"It removes every {kind} that is not named here before it sets these: the new revision starts without them, "
        "or does not start.",
        rebuilt(call).replace(flag, flag.replace("--set", "--update")),
    )


RULES = (
    set_drops,
    restarts_nothing,
    no_traffic,
    to_latest,
    max_zero,
    template_change,
    pins_traffic,
    tag_must_exist,
)
