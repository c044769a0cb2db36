"""A new version of a secret, and one version switched on or off. Values go in by reference and are never shown.

`latest` is the newest version whatever its state: where that is disabled it fails, and gives no older one
(https://cloud.google.com/secret-manager/docs/access-secret-version).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from cockpit.actions.gcloud_secrets import replacements
from cockpit.actions.google import GoogleAction, GoogleGround
from cockpit.actions.handler import ActionHandler, RunControl
from cockpit.adapters.gcp.roles import ROLES
from cockpit.errors import CockpitError, NotFound
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Choice,
    Grant,
    Outcome,
    Param,
    ParamKind,
    Permission,
    Plan,
    Refusal,
    RunResult,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.secretstore import SecretVersion, StoredSecret
from cockpit.model.severity import SourceKind

if TYPE_CHECKING:
    from cockpit.adapters.payload import Origin, Payload

_SECRET = Param("secret", ParamKind.CHOICE, "short name of the secret")
_VERSION = Param("version", ParamKind.CHOICE, "number of the version")
_ETAG = Param("etag", ParamKind.TEXT, "etag of the version as it was read", False, identity=True)
_FROM = Param("from", ParamKind.REFERENCE, "where the value is: file:PATH or env:NAME; never the value itself")

ADD = ActionSpec(
    "secrets.add",
    "Add version",
    SourceKind.SECRETS,
    "V",
    Tier.T3,
    "Adds a version from a file or an environment variable; whoever reads `latest` gets it from then on.",
    (_SECRET, _FROM),
    short="Add",
)
DISABLE = ActionSpec(
    "secrets.disable",
    "Disable version",
    SourceKind.SECRETS,
    "D",
    Tier.T3,
    "Makes a version unreadable until it is enabled again; the value stays.",
    (_SECRET, _VERSION, _ETAG),
    reversible=True,
    short="Disable",
)
ENABLE = ActionSpec(
    "secrets.enable",
    "Enable version",
    SourceKind.SECRETS,
    "",
    Tier.T3,
    "Makes a disabled version readable again.",
    (_SECRET, _VERSION, _ETAG),
    reversible=True,
    short="Enable",
)
ROTATE = ActionSpec(
    "secrets.rotate",
    "Rotate secret",
    SourceKind.SECRETS,
    "O",
    Tier.T4,
    "Adds a version, restarts who uses it, sees them come up, then disables the old version; stops at a failure.",
    (_SECRET, _FROM),
    reversible=True,
    short="Rotate",
)
SPECS = (ADD, DISABLE, ENABLE, ROTATE)
ADDS = "secretmanager.versions.add"
BACK = (
    "add the former value once more, or let who reads it name version {old} by number (Cloud Run:"
    " --update-secrets=VARIABLE=SECRET:{old})"
)
SWITCHES = {"enable": "secretmanager.versions.enable", "disable": "secretmanager.versions.disable"}


class Vault(Protocol):
    """The secrets of one project; no value can be read."""

    @property
    def project(self) -> str:
        """Project id."""

    async def names(self) -> tuple[list[str], bool]:
        """The secrets that are shown, and whether there are more."""

    async def secret(self, name: str) -> StoredSecret:
        """One of them, with its versions, newest first."""

    async def add_version(self, name: str, payload: Payload) -> SecretVersion:
        """A new version, once; no error holds a word of the value."""

    async def enable(self, name: str, version: str, etag: str) -> SecretVersion:
        """Once; Conflict where the etag is old."""

    async def disable(self, name: str, version: str, etag: str) -> SecretVersion:
        """Once; Conflict where the etag is old."""

    def add_request(self, name: str) -> str:
        """The request as text, the value masked."""

    def switch_request(self, name: str, version: str, etag: str, verb: str) -> str:
        """The request as text."""

    async def missing_on(self, name: str, permissions: Sequence[str]) -> Sequence[str]:
        """Those that are not held on that secret."""


class Values(Protocol):
    """Where new values come from."""

    def keep(self, value: str) -> str:
        """Hold what was typed, in memory; the reference to it."""

    async def look(self, reference: str) -> Origin:
        """What a reference leads to, unread. Raises Misconfigured."""

    async def read(self, reference: str) -> Payload:
        """The value. Raises Misconfigured."""


class SecretAction(GoogleAction):
    """What all have in common: the secret, the permission on it, its names as choices."""

    DEADLINE_S = 60.0

    def __init__(self, spec: ActionSpec, ground: GoogleGround, vault: Vault) -> None:
        super().__init__(spec, ground)
        self._vault = vault

    async def choices(self, param: str) -> Sequence[Choice]:
        """The secrets of the profile, or of the project."""
        if param != "secret":
            return ()
        names, _ = await self._vault.names()
        return [Choice(name, name) for name in names]

    async def permission(self, name: str, needs: Sequence[str]) -> Permission:
        """Asked of the secret itself."""
        try:
            missing = list(await self._vault.missing_on(name, needs))
        except CockpitError as error:
            return Permission(Grant.UNKNOWN, ", ".join(needs), f"{error.message}. {self._grant(name, needs)}")
        if not missing:
            return Permission(Grant.GRANTED, ", ".join(needs))
        return Permission(Grant.DENIED, ", ".join(missing), self._grant(name, missing))

    def full(self, name: str) -> str:
        """The name of the resource."""
        return f"projects/{self._vault.project}/secrets/{name}"

    def target(self, name: str) -> str:
        """How a person names it."""
        return f"{name} in Secret Manager {self._vault.project}"

    def _grant(self, name: str, missing: Sequence[str]) -> str:
        """The commands that grant all of them; no role grants adding and switching, so they may be two."""
        roles = list(dict.fromkeys(ROLES[each] for each in missing if each in ROLES))
        if not roles:
            return f"a role with {', '.join(missing)} on the secret"
        binding = f"gcloud secrets add-iam-policy-binding {name} --project={self._vault.project} --member=user:YOU"
        return f"{' and '.join(roles)} on the secret: {' && '.join(f'{binding} --role={role}' for role in roles)}"


class Add(SecretAction):
    """secrets.add."""

    def __init__(self, ground: GoogleGround, vault: Vault, values: Values) -> None:
        super().__init__(ADD, ground, vault)
        self._values = values

    def keep(self, value: str) -> str:
        """What was typed; its reference."""
        return self._values.keep(value)

    async def plan(self, request: ActionRequest) -> Plan:
        """Which version is the newest now, where the value would come from; the value is not read."""
        name, reference = request.get("secret"), request.get("from")
        origin = await self._values.look(reference)
        secret = await self._vault.secret(name)
        newest = newest_number(secret)
        return self.card(
            request,
            title=f"Add a version of {name} from {origin.said}",
            target=self.target(name),
            identity={**identity(secret, self.full(name)), "value from": origin.identity},
            permission=await self.permission(name, [ADDS]),
            undo=Undo(
                "cannot be undone: `latest` is the new version from then on, and fails where that is disabled; to go"
                f" back, {BACK.format(old=newest or 'NUMBER')}"
            ),
            warnings=(*origin.warnings, *_as_it_is(reference)),
            changes=(Change("newest version", newest or "none", "a new one"),),
            objects=(self.full(name),),
            affected=f"who reads `latest` of {name}, from its next start or read on; who names a number keeps it",
            operation=self._vault.add_request(name),
            equivalent=(by_hand(name, self._vault.project, origin),),
            basis={"newest": newest},
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Read the value and send it, once."""
        name = plan.request.get("secret")
        payload = await self._values.read(plan.request.get("from"))
        version = await self._vault.add_version(name, payload)
        noted = ("the value ends with a line break, which is part of it now",) if payload.ends_with_break else ()
        said = f"version {version.number} of {name} was added and is {version.state}"
        return RunResult(Outcome.SUCCEEDED, said, details=noted, undo=plan.undo)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Whether there is a newer version, enabled."""
        secret = await self._vault.secret(plan.request.get("secret"))
        return grown(secret, str(plan.basis["newest"]))


class Switch(SecretAction):
    """secrets.enable and secrets.disable."""

    def __init__(self, spec: ActionSpec, ground: GoogleGround, vault: Vault) -> None:
        super().__init__(spec, ground, vault)
        self._verb = spec.id.partition(".")[2]
        self._state = f"{self._verb.upper()}D"

    async def choices_among(self, param: str, given: Mapping[str, str]) -> Sequence[Choice]:
        """Versions of the secret that is chosen, those that it can be done to; oldest first."""
        if param != "version" or not given.get("secret"):
            return await self.choices(param)
        secret = await self._vault.secret(given["secret"])
        state = "DISABLED" if self._verb == "enable" else "ENABLED"
        fitting = [each for each in reversed(secret.versions) if each.state == state]
        return [Choice(each.number, _version_words(each, newest_number(secret))) for each in fitting]

    async def plan(self, request: ActionRequest) -> Plan:
        """The state of the version now, and who may notice."""
        name, number = request.get("secret"), request.get("version")
        secret = await self._vault.secret(name)
        version = version_of(secret, number)
        refusals: list[Refusal] = []
        if request.get("etag") not in ("", version.etag):
            reason = f"version {number} was changed since the row was drawn"
            refusals.append(Refusal("identity", reason, "look, then plan again", outdated=("etag",)))
        if version.state == self._state:
            refusals.append(Refusal("preconditions", f"version {number} is {version.state} already"))
        elif version.state == "DESTROYED":
            reason = f"version {number} is DESTROYED: its value is gone"
            refusals.append(Refusal("preconditions", reason, "add the value as a new version"))
        back = ENABLE if self._verb == "disable" else DISABLE
        undo = Undo(
            f"{back.id.partition('.')[2]} version {number} again",
            ActionRequest(back.id, request.source, {"secret": name, "version": number}),
        )
        disabling = self._verb == "disable"
        reads = "can no longer read it, at the latest at its next start" if disabling else "can read it again"
        return self.card(
            request,
            title=f"{self._verb.capitalize()} version {number} of {name}",
            target=self.target(name),
            identity={**identity(secret, self.full(name)), "version": number, "etag": version.etag},
            permission=await self.permission(name, [SWITCHES[self._verb]]),
            undo=undo,
            refusals=refusals,
            warnings=_misses(secret, version) if disabling else (),
            changes=(Change(f"version {number}", version.state, self._state),),
            objects=(f"{self.full(name)}/versions/{number}",),
            affected=f"whoever uses version {number} of {name} {reads}",
            operation=self._vault.switch_request(name, number, version.etag, self._verb),
            equivalent=(
                f"gcloud secrets versions {self._verb} {number} --secret={name} --project={self._vault.project}",
            ),
            basis={"etag": version.etag, "undo": undo},
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Send it once, with the etag."""
        name, number = plan.request.get("secret"), plan.request.get("version")
        send = self._vault.enable if self._verb == "enable" else self._vault.disable
        version = await send(name, number, str(plan.basis["etag"]))
        said = f"version {number} of {name} is {version.state}"
        if version.state != self._state:
            return RunResult(Outcome.FAILED, said, done=0)
        return RunResult(Outcome.SUCCEEDED, said, undo=plan.undo)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Look at the version again."""
        number = plan.request.get("version")
        version = version_of(await self._vault.secret(plan.request.get("secret")), number)
        return Verification(version.state == self._state, f"version {number} is {version.state}")


def _version_words(version: SecretVersion, newest: str) -> str:
    made = f", of {version.created:%Y-%m-%d %H:%M} UTC" if version.created is not None else ""
    latest = ", what `latest` reads" if version.number == newest else ""
    return f"version {version.number}{made}{latest}"


def version_of(secret: StoredSecret, number: str) -> SecretVersion:
    """The version of that number. Raises NotFound."""
    found = next((each for each in secret.versions if each.number == number), None)
    if found is None:
        known = ", ".join(each.number for each in secret.versions[:5]) or "none"
        raise NotFound(f"{secret.name} has no version {number}", hint=f"the newest: {known}")
    return found


def newest_number(secret: StoredSecret) -> str:
    """Of the newest version whatever its state, "" for none."""
    return secret.versions[0].number if secret.versions else ""


def identity(secret: StoredSecret, full: str) -> dict[str, str]:
    """The secret, and how far its versions have come."""
    created = secret.created.isoformat() if secret.created is not None else ""
    return {"secret": full, "created": created, "newest version": newest_number(secret) or "none"}


def grown(secret: StoredSecret, former: str) -> Verification:
    """Whether there is a version after `former`, enabled."""
    newest = secret.versions[0] if secret.versions else None
    if newest is None or newest.number == former:
        return Verification(False, f"there is no version after {former or 'none'}")
    return Verification(newest.state == "ENABLED", f"the newest is version {newest.number}, {newest.state}")


def by_hand(name: str, project: str, origin: Origin) -> str:
    """The same with gcloud; a variable goes through a pipe, so that it stands on no command line."""
    return f"{origin.before}gcloud secrets versions add {name} --project={project} {origin.option}"


def _as_it_is(reference: str) -> tuple[str, ...]:
    if not reference.startswith("file:"):
        return ()
    return ("the file goes in byte for byte: a line break at its end becomes part of the value",)


def _misses(secret: StoredSecret, version: SecretVersion) -> tuple[str, ...]:
    """What breaks with it."""
    others = [each for each in secret.versions if each.state == "ENABLED" and each.number != version.number]
    found: list[str] = []
    if version.number == newest_number(secret):
        found.append("it is the newest version: `latest` fails from then on, and gives no older one")
    if not others and version.state == "ENABLED":
        found.append(f"no other version is enabled: nobody can read {secret.name} any more")
    return tuple(found)


REPLACES = replacements(ADD, DISABLE, ENABLE)


def handlers(ground: GoogleGround, vault: Vault, values: Values) -> list[ActionHandler]:
    """All but the rotation, which needs who is to be restarted."""
    return [Add(ground, vault, values), Switch(DISABLE, ground, vault), Switch(ENABLE, ground, vault)]
