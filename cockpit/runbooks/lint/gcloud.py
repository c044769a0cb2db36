"""How the rules read a gcloud call: its path of groups and verb, what it names, where the runbook says things are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cockpit.model.command import Call
from cockpit.runbooks.lint.engine import Book, Scene
from cockpit.runbooks.lint.tools import names

# Flags that say where and how, never what is to be changed.
WHERE = names("""
    --region --project --platform --zone --location --cluster --cluster-location --namespace --account --async
    --billing-project --configuration --context --kubeconfig --flags-file --flatten --format --help -h
    --impersonate-service-account --log-http --quiet -q --trace-token --user-output-enabled --no-user-output-enabled
    --verbosity --access-token-file --no-async --breakglass
    """)


def path(call: Call) -> tuple[str, ...]:
    """Groups, verb and positional arguments in order, without the channel: ("run", "services", "update", "api")."""
    return (*call.verb.split(), *(word.text for word in call.args))


def goes(call: Call, verb: str) -> bool:
    """It is this command: `goes(call, "run services update")`."""
    wanted = tuple(verb.split())
    return path(call)[: len(wanted)] == wanted


def operands(call: Call, verb: str) -> tuple[str, ...]:
    """The positional arguments after groups and verb."""
    return path(call)[len(verb.split()) :]


def named(call: Call, verb: str, otherwise: str) -> str:
    """The first positional argument, or what stands for it."""
    return next(iter(operands(call, verb)), otherwise)


def changes(call: Call) -> frozenset[str]:
    """Its flags that say what is to be changed."""
    return frozenset(call.flags) - WHERE


def property_is_set(scene: Scene, name: str) -> bool:
    """An earlier `gcloud config set NAME`, or an exported CLOUDSDK variable of the runbook, provides it."""
    firsts = (
        scene.book.once(_properties).get(name),
        scene.book.variables.get(f"CLOUDSDK_{name.replace('/', '_').upper()}"),
    )
    return any(first is not None and first <= scene.index for first in firsts)


def _properties(book: Book) -> dict[str, int]:
    """Properties that the runbook sets -> index of the first command that does."""
    found: dict[str, int] = {}
    for index, call in book.calls("gcloud"):
        if goes(call, "config set"):
            found.setdefault(next(iter(operands(call, "config set")), "").partition("=")[0], index)
    return found


def region(scene: Scene, name: str = "") -> str:
    """The region in which the runbook has this service or instance, else its only region, else REGION."""
    own = _places(scene.book, name) if name else ()
    found = own or _places(scene.book, "")
    return found[0] if found and (own or len(found) == 1) else "REGION"


def _places(book: Book, name: str) -> tuple[str, ...]:
    """Regions in which a service or instance is named, of all where none is given; the most frequent first."""
    return tuple(place for place, _ in book.once(_regions).get(name, Counter()).most_common())


def _regions(book: Book) -> dict[str, Counter[str]]:
    """Name of a service or instance -> regions that stand beside it; "" -> all regions."""
    found: dict[str, Counter[str]] = {"": Counter()}
    for _, call in book.calls("gcloud"):
        where = call.flag("--region")
        if where:
            for name in {"", call.flag("--service") or "", *path(call)}:
                found.setdefault(name, Counter())[where] += 1
    return found


def zone(scene: Scene) -> str:
    """The zone that the runbook uses, else one of its region, else ZONE."""
    known = scene.book.once(_first_zone)
    if known:
        return known
    where = region(scene)
    return "ZONE" if where == "REGION" else f"{where}-a"


def _first_zone(book: Book) -> str:
    return next((call.flag("--zone") or "" for _, call in book.calls("gcloud") if call.flag("--zone")), "")


def pinned(book: Book) -> frozenset[str]:
    """Services whose traffic this runbook sends to a revision by name: their template may then hold the bad image."""
    return book.once(_pinned)


def _pinned(book: Book) -> frozenset[str]:
    return frozenset(
        named(call, "run services update-traffic", "")
        for _, call in book.calls("gcloud")
        if goes(call, "run services update-traffic") and _names_revision(call)
    )


def _names_revision(call: Call) -> bool:
    value = call.flag("--to-revisions") or ""
    return bool(value) and not all(part.startswith("LATEST=") for part in value.split(","))


def uses_serverless(book: Book) -> bool:
    """The system that it is about runs on Cloud Run or behind a load balancer with Cloud Armor."""
    return book.once(_serverless)


def _serverless(book: Book) -> bool:
    return any(
        goes(call, "run services") or goes(call, "run deploy") or goes(call, "compute security-policies")
        for _, call in book.calls("gcloud")
    )


def rebuilt(call: Call, *, without: Sequence[str] = (), added: Sequence[str] = ()) -> str:
    """The call on one line, some flags left out and some put at its end."""
    kept: list[str] = []
    skip = False
    for index, word in enumerate(call.words):
        if skip:
            skip = False
            continue
        name = word.text.partition("=")[0]
        if name in without:
            follows = call.words[index + 1].text if index + 1 < len(call.words) else ""
            skip = "=" not in word.text and call.flags.get(name) == (follows,)
            continue
        kept.append(word.source)
    place = kept.index("--") if "--" in kept else len(kept)
    return " ".join(" ".join([*kept[:place], *added, *kept[place:]]).replace("\\\n", " ").split())
