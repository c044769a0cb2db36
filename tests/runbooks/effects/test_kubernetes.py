from __future__ import annotations

from collections.abc import Callable

import pytest

from cockpit.model.command import EffectClass
from cockpit.runbooks.effects.ruling import Ruling

Judge = Callable[[str], Ruling]


@pytest.mark.parametrize(
    "text",
    [
        "kubectl get pods -n shop -o wide",
        "kubectl -n shop describe deployment api",
        "kubectl logs -f deploy/api -n shop --since=1h | grep -i error",
        "kubectl top pods --sort-by=memory",
        "kubectl get --raw /healthz",
        "kubectl rollout status deployment/api --timeout=60s",
        "kubectl rollout history deployment/api",
        "kubectl wait --for=condition=Ready pod -l app=api",
        "kubectl auth can-i delete pods",
        "kubectl config get-contexts",
        "kubectl config current-context",
        "kubectl port-forward svc/api 8080:80",
        "kubectl apply -f shop.yaml --dry-run=server",
        "kubectl cluster-info",
        "helm list -n shop",
        "helm get values api",
        "helm history api",
        "helm upgrade api ./chart --dry-run",
    ],
)
def test_what_looks_reads(judge: Judge, text: str) -> None:
    assert judge(text).effect is EffectClass.READS


def test_secrets_with_their_values_are_said_to_be_exposed(judge: Judge) -> None:
    assert "secrets" in judge("kubectl get secret db -o yaml").why
    assert "secrets" not in judge("kubectl get secret db").why


@pytest.mark.parametrize(
    "text",
    [
        "kubectl exec -it api-1 -- cat /etc/hostname",
        "kubectl exec db-1 -- psql -U shop -c 'SELECT 1'",
        "kubectl exec -it api-1 -- sh",
        'kubectl exec -it api-1 -- bash -c "$SCRIPT"',
        "kubectl exec api-1 -- ./heal",
        "kubectl apply -f shop.yaml",
        "kubectl apply -f shop.yaml --dry-run=none",
        "kubectl scale deployment api --replicas=3",
        "kubectl rollout undo deployment/api",
        "kubectl rollout restart deployment/api",
        "kubectl set image deployment/api api=shop:2",
        "kubectl patch configmap shop -p '{}'",
        "kubectl label pod api-1 tier=web",
        "kubectl cordon node-1",
        "kubectl config use-context staging",
        "kubectl run probe --image=busybox -- cat /etc/hosts",
        "kubectl get all -o yaml > backup.yaml",
        "kubectl create --raw /apis/x -f x.json",
        "helm upgrade --install api ./chart",
        "helm rollback api 3",
    ],
)
def test_what_updates_changes(judge: Judge, text: str) -> None:
    assert judge(text).effect is EffectClass.CHANGES


@pytest.mark.parametrize(
    ("text", "final"),
    [
        ("kubectl delete pod api-1", False),
        ("kubectl delete namespace shop", True),
        ("kubectl delete ns/shop", True),
        ("kubectl delete pvc data-db-0", True),
        ("kubectl delete secret tls", True),
        ("kubectl delete pod,secret web", True),
        ("kubectl delete pods --all", True),
        ("kubectl delete -f shop.yaml", True),
        ("kubectl drain node-1 --ignore-daemonsets", False),
        ("kubectl scale deployment api --replicas=0", False),
        ("kubectl replace --force -f shop.yaml", False),
        ("kubectl apply -f . --prune -l app=shop", False),
        ("kubectl get pods | xargs kubectl delete", True),
        ("kubectl get pods -o name | xargs -n1 kubectl delete", True),
        ("watch kubectl delete pod api-1", False),
        ("helm uninstall api", True),
        ("helm upgrade --force api ./chart", False),
    ],
)
def test_what_deletes_or_stops_destroys(judge: Judge, text: str, final: bool) -> None:
    assert (judge(text).effect, judge(text).final) == (EffectClass.DESTROYS, final)


@pytest.mark.parametrize(
    "text",
    [
        "kubectl attach api-1",
        "kubectl $CMD pods",
        "$KUBECTL get pods",
        "kubectl sniff api-1",
        "helm frobnicate api",
    ],
)
def test_what_is_typed_or_filled_in_later_is_not_known(judge: Judge, text: str) -> None:
    assert judge(text).effect is EffectClass.UNKNOWN
