"""Compute Engine v1, as far as Cloud Armor needs it: security policies, the backends that they protect, operations;
and, to be read only, machines (instances/aggregatedList) and the quotas of the project.

https://cloud.google.com/compute/docs/reference/rest/v1/securityPolicies. What is played from there: a fingerprint
that changes with every change, 412 conditionNotMet for an old one, at most 10 source ranges a rule, deny(403|404|502)
and what a default rule must be; `validateOnly` of addRule; operations that are PENDING, then RUNNING, then DONE, and
that failed where they are DONE with `error`. One change of a policy at a time: a second gets 400 resourceNotReady.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from cockpit.sandbox.gcp.access import Permissions
from cockpit.sandbox.gcp.armor import ComputeError, Policy, Rule, checked, unknown_rule
from cockpit.sandbox.gcp.log_store import LogStore
from cockpit.sandbox.gcp.model import stamp
from cockpit.sandbox.http import Request

_PATH = re.compile(r"/compute/v1/projects/([^/]+)(?:/(global|aggregated)/(\w+)(?:/([^/]+))?(?:/(\w+))?)?")
_PUBLIC = "https://www.googleapis.com/compute/v1"
_WAIT_S = 30.0  # the real one waits up to two minutes; this is less than a request may take here
_OPERATIONS_KEPT = 200
_URL_SAFE = str.maketrans("-_", "+/")
_CHANGES = {"addRule", "patchRule", "removeRule"}


class Compute:
    """Security policies of one project. `stall` leaves operations running for good, `fail` lets the next one fail."""

    def __init__(
        self, project: str, number: str, logs: LogStore, permissions: Permissions, *, settle_s: float = 1.0
    ) -> None:
        self.project = project
        self.settle_s = settle_s
        self.policies: dict[str, Policy] = {}
        self.backends: list[dict[str, Any]] = []
        self.machines: list[dict[str, Any]] = []
        self.quotas: list[dict[str, Any]] = []
        self.stall = False
        self.fail: tuple[str, int, str] | None = None  # code, HTTP status, message
        self._number = number
        self._logs = logs
        self._permissions = permissions
        self._operations: dict[str, dict[str, Any]] = {}
        self._done: dict[str, asyncio.Event] = {}
        self.busy: set[str] = set()  # policies with a change under way
        self._tasks: set[asyncio.Task[None]] = set()
        self._ids = itertools.count(4_210_000_000_000_000_001)

    def seed(self, name: str, *rules: Rule, backends: tuple[str, ...] = (), description: str = "") -> Policy:
        """A policy with these rules and, last, one that lets everybody in; and the backend services that use it."""
        policy = Policy(name, str(next(self._ids)), datetime.now(UTC), description)
        for rule in (*rules, Rule(2147483647, "allow", ("*",), description="default rule")):
            policy.rules[rule.priority] = rule.json()
        self.policies[name] = policy
        link = f"{self._root}/global/securityPolicies/{name}"
        self.backends += [
            {"kind": "compute#backendService", "name": each, "securityPolicy": link} for each in backends
        ]
        return policy

    def seed_machine(self, name: str, zone: str, address: str, *, status: str = "RUNNING") -> dict[str, Any]:
        """A virtual machine with one address inside."""
        root, now = f"{self._root}/zones/{zone}", stamp(datetime.now(UTC))
        made = {
            "kind": "compute#instance",
            "id": str(next(self._ids)),
            "name": name,
            "zone": root,
            "machineType": f"{root}/machineTypes/e2-small",
            "status": status,
            "creationTimestamp": now,
            "lastStartTimestamp": now,
            "networkInterfaces": [{"name": "nic0", "networkIP": address, "accessConfigs": []}],
            "selfLink": f"{root}/instances/{name}",
        }
        self.machines.append(made)
        return made

    async def close(self) -> None:
        """Stop what is still settling."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def takes(self, path: str) -> bool:
        """Whether the request is meant for this API."""
        return path.startswith("/compute/v1/")

    async def handle(self, request: Request, principal: str) -> dict[str, Any]:
        """Answer one request; raises ApiError."""
        match = _PATH.fullmatch(request.path)
        if match is None or match[1] not in (self.project, self._number):
            raise self._nothing(request.path)
        match (request.method, match[2], match[3], match[4], match[5]):
            case "GET", None, None, None, None:
                self._may(principal, "compute.projects.get", "")
                known = {"name": self.project, "id": self._number, "selfLink": self._root}
                return {"kind": "compute#project", **known, "quotas": deepcopy(self.quotas)}
            case "GET", "aggregated", "instances", None, None:
                self._may(principal, "compute.instances.list", "")
                return self._list_machines()
            case "GET", scope, "securityPolicies", None, None:
                self._may(principal, "compute.securityPolicies.list", f"{scope}/securityPolicies")
                return self._list(str(scope))
            case "GET", "global", "securityPolicies", name, None:
                self._may(principal, "compute.securityPolicies.get", f"global/securityPolicies/{name}")
                return self._json(self._policy(str(name)))
            case "GET", "global", "securityPolicies", name, "getRule":
                self._may(principal, "compute.securityPolicies.get", f"global/securityPolicies/{name}")
                return self._rule(self._policy(str(name)), request)
            case "PATCH", "global", "securityPolicies", name, None:
                return self._patch(request, str(name), principal)
            case "POST", "global", "securityPolicies", name, str(verb) if verb in _CHANGES:
                return self._change_rules(request, str(name), str(verb), principal)
            case "GET", "global", "backendServices", None, None:
                self._may(principal, "compute.backendServices.list", "global/backendServices")
                return {"kind": "compute#backendServiceList", "items": deepcopy(self.backends)}
            case "GET", "global", "operations", name, None:
                return deepcopy(self._operation(str(name), principal))
            case "POST", "global", "operations", name, "wait":
                return await self._wait(str(name), principal)
        raise self._nothing(request.path)

    @property
    def _root(self) -> str:
        return f"{_PUBLIC}/projects/{self.project}"

    def _nothing(self, path: str) -> ComputeError:
        return ComputeError(404, "notFound", f"The resource '{path.removeprefix('/compute/v1/')}' was not found")

    def _may(self, principal: str, permission: str, resource: str) -> None:
        if not self._permissions.allowed(principal, permission):
            where = f"projects/{self.project}/{resource}"
            raise ComputeError(403, "forbidden", f"Required '{permission}' permission for '{where}'")

    def _policy(self, name: str) -> Policy:
        if name not in self.policies:
            raise self._nothing(f"projects/{self.project}/global/securityPolicies/{name}")
        return self.policies[name]

    def _json(self, policy: Policy) -> dict[str, Any]:
        return policy.json(f"{self._root}/global/securityPolicies/{policy.name}")

    def _list(self, scope: str) -> dict[str, Any]:
        found = [self._json(policy) for policy in self.policies.values()]
        if scope == "global":
            return {"kind": "compute#securityPolicyList", "items": found}
        none = {"warning": {"code": "NO_RESULTS_ON_PAGE", "message": "There are no results for scope 'global'."}}
        items = {"global": {"securityPolicies": found} if found else none}
        return {"kind": "compute#securityPoliciesAggregatedList", "items": items}

    def _list_machines(self) -> dict[str, Any]:
        scopes: dict[str, dict[str, Any]] = {}
        for each in self.machines:
            zone = f"zones/{each['zone'].rpartition('/')[2]}"
            scopes.setdefault(zone, {"instances": []})["instances"].append(deepcopy(each))
        return {"kind": "compute#instanceAggregatedList", "items": scopes}

    def _rule(self, policy: Policy, request: Request) -> dict[str, Any]:
        priority = int(request.query.get("priority") or 0)
        if priority not in policy.rules:
            raise unknown_rule(priority)
        return deepcopy(policy.rules[priority])

    def _patch(self, request: Request, name: str, principal: str) -> dict[str, Any]:
        self._may(principal, "compute.securityPolicies.update", f"global/securityPolicies/{name}")
        policy, body = self._policy(name), dict(request.json())
        given = str(body.pop("fingerprint", "")).translate(_URL_SAFE)  # gcloud writes bytes in the other alphabet
        if given != policy.fingerprint:
            raise ComputeError(412, "conditionNotMet", "Invalid fingerprint.", "If-Match")
        wrong = body.keys() - {"description", "adaptiveProtectionConfig", "advancedOptionsConfig", "name", "kind"}
        if wrong:
            raise ComputeError(400, "invalid", f"Invalid value for field 'resource.{min(wrong)}'.")

        def apply() -> None:
            policy.description = str(body.get("description", policy.description))
            policy.adaptive = body.get("adaptiveProtectionConfig", policy.adaptive)

        return self._begin(policy, request, principal, "patch", body, apply)

    def _change_rules(self, request: Request, name: str, verb: str, principal: str) -> dict[str, Any]:
        self._may(principal, "compute.securityPolicies.update", f"global/securityPolicies/{name}")
        policy = self._policy(name)
        body: dict[str, Any] = {} if verb == "removeRule" else request.json()
        if verb == "addRule":
            rule = checked(body)
            if rule["priority"] in policy.rules:
                raise ComputeError(
                    400, "invalid", "Invalid value for field 'resource.rules': ''. Cannot have rules with the same "
                    f"priorities: {rule['priority']}.")  # fmt: skip
        else:
            priority = int(request.query.get("priority") or 0)
            if priority not in policy.rules:
                raise unknown_rule(priority)
            if verb == "removeRule" and priority == 2147483647:
                raise ComputeError(400, "invalid", "The default rule cannot be removed.")
            rule = checked({**policy.rules[priority], **body})

        def apply() -> None:
            if verb == "removeRule":
                policy.rules.pop(priority, None)
            else:
                policy.rules[rule["priority"]] = rule

        if request.query.get("validateOnly") == "true":
            return {**self._new_operation(policy, verb, principal), "status": "DONE", "progress": 100}
        return self._begin(policy, request, principal, verb, body, apply)

    def _new_operation(self, policy: Policy, verb: str, principal: str) -> dict[str, Any]:
        number = str(next(self._ids))
        name = f"operation-{number}"
        return {
            "kind": "compute#operation",
            "id": number,
            "name": name,
            "operationType": verb,
            "targetLink": f"{self._root}/global/securityPolicies/{policy.name}",
            "targetId": policy.id,
            "status": "PENDING",
            "user": principal,
            "progress": 0,
            "insertTime": stamp(datetime.now(UTC)),
            "selfLink": f"{self._root}/global/operations/{name}",
        }

    def _begin(
        self,
        policy: Policy,
        request: Request,
        principal: str,
        verb: str,
        body: Mapping[str, Any],
        apply: Callable[[], None],
    ) -> dict[str, Any]:
        if policy.name in self.busy:
            raise ComputeError(400, "resourceNotReady", f"The resource 'projects/{self.project}/global/"
                                                        f"securityPolicies/{policy.name}' is not ready")  # fmt: skip
        operation = self._new_operation(policy, verb, principal)
        name = str(operation["name"])
        self._operations[name], self._done[name] = operation, asyncio.Event()
        while len(self._operations) > _OPERATIONS_KEPT:
            self._done.pop(oldest := next(iter(self._operations)))
            del self._operations[oldest]
        self.busy.add(policy.name)

        def audit(*, first: bool, failed: str = "") -> None:
            self._logs.activity(
                "compute.googleapis.com",
                f"v1.compute.securityPolicies.{verb}",
                f"projects/{self.project}/global/securityPolicies/{policy.name}",
                principal,
                kind="network_security_policy",
                labels={"policy_name": policy.name, "location": "global"},
                request=request,
                body=body,
                operation=name,
                first=first,
                failed=failed,
            )

        audit(first=True)
        task = asyncio.ensure_future(self._settle(policy, operation, apply, audit))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return deepcopy(operation)

    async def _settle(
        self, policy: Policy, operation: dict[str, Any], apply: Callable[[], None], audit: Callable[..., None]
    ) -> None:
        failure, self.fail = self.fail, None
        await asyncio.sleep(self.settle_s / 2)
        operation |= {"status": "RUNNING", "progress": 20, "startTime": stamp(datetime.now(UTC))}
        if self.stall:
            return
        await asyncio.sleep(self.settle_s / 2)
        if failure is None:
            apply()
            policy.touch()
        else:
            code, status, message = failure
            operation |= {
                "error": {"errors": [{"code": code, "message": message}]},
                "httpErrorStatusCode": status,
                "httpErrorMessage": code,
            }
        operation |= {"status": "DONE", "progress": 100, "endTime": stamp(datetime.now(UTC))}
        self.busy.discard(policy.name)
        audit(first=False, failed=failure[2] if failure else "")
        self._done[str(operation["name"])].set()

    def _operation(self, name: str, principal: str) -> dict[str, Any]:
        self._may(principal, "compute.globalOperations.get", f"global/operations/{name}")
        if name not in self._operations:
            raise self._nothing(f"projects/{self.project}/global/operations/{name}")
        return self._operations[name]

    async def _wait(self, name: str, principal: str) -> dict[str, Any]:
        operation = self._operation(name, principal)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WAIT_S):
                await self._done[name].wait()
        return deepcopy(operation)
