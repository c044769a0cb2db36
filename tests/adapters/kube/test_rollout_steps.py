"""Where a rollout stands by one state of its workload, as `kubectl rollout status` judges it."""

from __future__ import annotations

from typing import Any

import pytest

from cockpit.adapters.kube.rollout import How, refusal, step_of


def deployment(status: dict[str, Any], generation: int = 2, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"generation": generation},
        "spec": {"replicas": 3, **spec},
        "status": {"observedGeneration": 2, **status},
    }


def counts(total: int, updated: int, available: int, **more: Any) -> dict[str, Any]:
    return {
        "replicas": total,
        "updatedReplicas": updated,
        "readyReplicas": available,
        "availableReplicas": available,
        **more,
    }


LATE = {"conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}
FULL = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota", "lastTransitionTime": "T"}


@pytest.mark.parametrize(
    ("obj", "ended", "said"),
    [
        (deployment(counts(3, 3, 3)), How.DONE, "all 3 pods are available"),
        (deployment(counts(3, 3, 3), generation=3), None, "waiting for its controller to see the last change"),
        (deployment(counts(4, 1, 3)), None, "1 of 3 new pods have been made"),
        (deployment(counts(4, 3, 3)), None, "1 pod of before still has to end"),
        (deployment(counts(3, 3, 1)), None, "1 of 3 updated pods are available"),
        (deployment(counts(4, 1, 3, **LATE)), How.FAILED, "no progress within 600 s (ProgressDeadlineExceeded)"),
        (deployment(counts(0, 0, 0), replicas=0), How.DONE, "no pod runs"),
        (deployment(counts(3, 2, 3), paused=True), How.DONE, "changes of its template wait until it is resumed"),
        (deployment(counts(2, 2, 2), paused=True), None, "changes of its template wait until it is resumed"),
        (deployment(counts(3, 3, 3, conditions=[FULL])), How.DONE, "exceeded quota"),
    ],
)
def test_deployments(obj: dict[str, Any], ended: How | None, said: str) -> None:
    step = step_of(obj, "deployment")
    assert (step.ended, step.said) == (ended, said) and 0 <= step.done <= 3


def test_pods_that_are_replaced_by_hand_are_nobodys_to_wait_for() -> None:
    obj = deployment({"updateRevision": "b", "currentRevision": "a"}, updateStrategy={"type": "OnDelete"})
    assert step_of(obj, "statefulset").ended is How.DONE
    daemons = {"desiredNumberScheduled": 2, "updatedNumberScheduled": 1, "numberAvailable": 2}
    assert step_of(deployment(daemons), "daemonset").ended is None


def test_a_refusal_of_pods_is_told_with_its_moment_so_that_an_old_one_is_known() -> None:
    assert refusal(deployment({"conditions": [FULL]})) == "T exceeded quota"
    assert refusal(deployment({"conditions": [{**FULL, "status": "False"}]})) == ""
