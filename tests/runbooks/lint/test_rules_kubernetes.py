"""Each rule about kubectl: a command that it must find, and one that is nearly the same and fine."""

from __future__ import annotations

import pytest

# rule, heading, the faulty block, the block that is fine
SAMPLES = (
    ("kubectl-no-namespace", "Ask", "kubectl delete pod web-0", "kubectl delete --raw /apis/shop/v1/carts/1"),
    ("kubectl-deletes-what-files-name", "Tidy", "kubectl delete -f k8s/", "kubectl delete -f k8s/job.yaml"),
    (
        "kubectl-deletes-what-files-name",
        "Tidy",
        "kubectl delete -k k8s/prod",
        "kubectl delete -f k8s/ --dry-run=client",
    ),
    (
        "step-says-look-but-changes",
        "Check",
        "# Check memory\nkubectl exec web-0 -n shop -- rm -rf /tmp/x",
        "# Check memory\nkubectl exec web-0 -n shop -- free -m",
    ),
    ("kubectl-no-namespace", "Scale", "kubectl delete pod web-0", "kubectl delete pod web-0 -n shop"),
    (
        "kubectl-no-namespace",
        "Scale",
        "kubectl rollout restart deploy/web",
        "kubectl config set-context --current --namespace=shop\nkubectl rollout restart deploy/web",
    ),
    ("kubectl-no-namespace", "Nodes", "kubectl label pod web-0 a=b", "kubectl label node n1 a=b"),
    (
        "kubectl-undo-names-no-revision",
        "Roll back",
        "kubectl -n shop rollout undo deployment web",
        "kubectl -n shop rollout undo deployment web --to-revision=7",
    ),
    (
        "kubectl-selector-switch-unchecked",
        "Switch",
        """kubectl patch svc web -n shop --patch '{"spec":{"selector":{"track":"b"}}}'""",
        """kubectl patch svc web -n shop --patch '{"spec":{"type":"ClusterIP"}}'""",
    ),
    (
        "kubectl-deletes-the-way-back",
        "Clean up",
        "kubectl delete deployment web-old -n shop\nkubectl rollout status deployment/web-old -n shop --timeout=1m",
        "kubectl delete deployment load-test -n shop",
    ),
    (
        "kubectl-deletes-live-certificate",
        "Renew",
        "kubectl delete secret shop-tls -n shop",
        "kubectl delete secret shop-settings -n shop",
    ),
    (
        "kubectl-placeholder-tag",
        "Deploy",
        "kubectl set image deploy/web web=registry.example/web:your-tag -n shop",
        "kubectl set image deploy/web web=registry.example/web:2026.11.4 -n shop",
    ),
    (
        "kubectl-scale-and-autoscaler",
        "Scale",
        "kubectl scale deploy web --replicas=8 -n shop",
        "kubectl scale deploy web --replicas=8 --current-replicas=4 -n shop",
    ),
    (
        "kubectl-scale-to-zero-loses-evidence",
        "Security: isolate the pod",
        "kubectl scale deploy web --replicas=0 -n shop",
        "kubectl scale deploy web --replicas=2 --current-replicas=4 -n shop",
    ),
    (
        "kubectl-restart-before-secret-arrives",
        "Rotate",
        "gcloud secrets versions add web-key --data-file=k\nkubectl rollout restart deploy/web -n shop",
        "gcloud secrets versions add web-key --data-file=k\n"
        "kubectl wait externalsecret/web --for=condition=Ready -n shop\nkubectl rollout restart deploy/web -n shop",
    ),
    (
        "kubectl-restart-takes-capacity",
        "Restart",
        "kubectl rollout restart deploy/web -n shop",
        "kubectl rollout restart deploy/web -n shop && kubectl rollout status deploy/web -n shop --timeout=5m",
    ),
    (
        "kubectl-config-change-reaches-nothing",
        "Read-only mode",
        """kubectl patch cm web -n shop -p '{"data":{"READ_ONLY":"1"}}'""",
        """kubectl patch deploy web -n shop -p '{"spec":{"paused":true}}'""",
    ),
    (
        "kubectl-logs-names-no-pod",
        "Look",
        "kubectl logs -n shop --tail=50",
        "kubectl logs deploy/web -n shop --tail=50",
    ),
    (
        "kubectl-logs-selector-shows-ten-lines",
        "Look",
        "kubectl logs -l app=web -n shop | grep 500",
        "kubectl logs -l app=web -n shop --tail=-1 | grep 500",
    ),
    (
        "kubectl-logs-do-not-show-oom",
        "Killed",
        "kubectl logs web-0 -n shop | grep -i oomkilled",
        "kubectl get pod web-0 -n shop -o yaml | grep -i oomkilled",
    ),
    (
        "kubectl-previous-log-needs-container",
        "Crashed",
        "kubectl logs web-0 -p -n shop",
        "kubectl logs web-0 -p -c web -n shop",
    ),
    (
        "kubectl-describe-nodes-is-no-disk-usage",
        "Check disk usage",
        "kubectl describe nodes | grep -A8 Allocated",
        "kubectl describe nodes | grep DiskPressure",
    ),
    (
        "kubectl-nodes-show-no-image-pull",
        "Check that nodes can pull the image",
        "kubectl get nodes",
        "# Check that nodes are ready\nkubectl get nodes",
    ),
    (
        "kubectl-wait-right-after-apply",
        "Deploy",
        "kubectl apply -f web.yaml -n shop\nkubectl wait pod -l app=web --for=condition=Ready -n shop",
        "kubectl apply -f web.yaml -n shop\nkubectl wait job/migrate --for=condition=Complete -n shop",
    ),
    (
        "kubectl-rollout-status-has-no-deadline",
        "Deploy",
        "kubectl rollout status deploy/web -n shop",
        "kubectl rollout status deploy/web -n shop --timeout=90s",
    ),
    ("kubectl-get-secrets-hands-out-values", "Look", "kubectl get secrets -n shop", "kubectl get configmaps -n shop"),
    (
        "kubectl-all-namespaces",
        "Look",
        "kubectl get pods -A",
        "kubectl get pods -A --field-selector=status.phase=Failed",
    ),
    (
        "kubectl-roles-are-half-of-rbac",
        "Save",
        "kubectl get roles,rolebindings -n shop -o yaml",
        "kubectl get roles,rolebindings,clusterroles,clusterrolebindings -n shop -o yaml",
    ),
    (
        "kubectl-delete-namespace",
        "Tidy",
        "kubectl delete ns preview-12",
        "kubectl delete ns preview-12 --dry-run=server",
    ),
    (
        "kubectl-get-all-is-no-backup",
        "Save",
        "kubectl get all -n shop -o yaml > shop.yaml",
        "kubectl get all -n shop",
    ),
    (
        "kubectl-secrets-written-to-file",
        "Save",
        "kubectl get secret db -n shop -o json > db.json",
        "kubectl get secret -n shop -o name > names.txt",
    ),
    (
        "kubectl-restore-does-not-apply",
        "Restore",
        "kubectl get all -n shop -o yaml > saved.yaml\nkubectl apply -f saved.yaml -n shop",
        "kubectl get all -n shop -o yaml > saved.yaml\nkubectl apply -f manifests.yaml -n shop",
    ),
    (
        "kubectl-pipe-into-delete",
        "Tidy",
        "kubectl get pods -A | grep Error | awk '{print $2}' | xargs kubectl delete pod -n shop",
        "kubectl get pods -n shop -o name --field-selector=status.phase=Failed | xargs kubectl delete -n shop",
    ),
    (
        "expands-on-the-wrong-machine",
        "Look",
        'kubectl exec web-0 -n shop -- psql "$DATABASE_URL" -c "select 1"',
        """kubectl exec web-0 -n shop -- sh -c 'psql "$DATABASE_URL" -c "select 1"'""",
    ),
    (
        "expands-on-the-wrong-machine",
        "Look",
        'ssh db.example.com "df -h $DATA_DIR"',
        'DATA_DIR=/srv/pg\nssh db.example.com "df -h $DATA_DIR"',
    ),
    (
        "expands-on-the-wrong-machine",
        "Look",
        'docker exec -i db sh -c "psql -U $POSTGRES_USER -l"',
        "docker exec -i $CONTAINER sh -c 'psql -U \"$POSTGRES_USER\" -l'",
    ),
    (
        "port-forward-blocks",
        "Test",
        "kubectl port-forward svc/web 8080:80 -n shop\ncurl -f -m 5 http://localhost:8080/health",
        "kubectl port-forward svc/web 8080:80 -n shop &\ncurl -f -m 5 http://localhost:8080/health",
    ),
    (
        "exec-needs-a-terminal",
        "Look",
        "kubectl exec -it web-0 -n shop -- df -h",
        "kubectl exec web-0 -n shop -- df -h",
    ),
)


def book(heading: str, block: str) -> str:
    return f"# Shop\n\n## {heading}\n\n```bash\n{block}\n```\n"


@pytest.mark.parametrize(("rule", "heading", "faulty", "fine"), SAMPLES)
def test_finds_the_fault_and_leaves_its_neighbour_alone(faults_of, rule, heading, faulty, fine) -> None:
    assert rule in {fault.rule for fault in faults_of(book(heading, faulty))}
    assert rule not in {fault.rule for fault in faults_of(book(heading, fine))}


def test_an_autoscaler_in_the_prose_makes_a_manual_scale_worse(faults_of) -> None:
    text = "# Shop\n\n- Scaling: HPA, 2 to 6 replicas\n\n" + book(
        "Scale", "kubectl scale deploy web --replicas=8 -n shop"
    )
    found = {fault.rule: fault.level.value for fault in faults_of(text)}
    assert found["kubectl-scale-and-autoscaler"] == "warning"


def test_deleting_a_namespace_is_worst_as_a_step_of_a_restore(faults_of) -> None:
    alone = faults_of(book("Tidy", "kubectl delete namespace preview"))
    restore = faults_of(book("Disaster", "kubectl delete namespace shop\nkubectl apply -f saved.yaml"))
    levels = [fault.level.value for fault in (*alone, *restore) if fault.rule == "kubectl-delete-namespace"]
    assert levels == ["warning", "error"]


def test_instead_keeps_the_namespace(faults_of) -> None:
    found = faults_of(book("Back", "kubectl rollout undo deploy/web --namespace shop"))
    instead = {fault.rule: fault.instead for fault in found}["kubectl-undo-names-no-revision"]
    assert instead.startswith("kubectl rollout history deploy/web -n shop, then kubectl rollout undo deploy/web")


def test_an_autoscaler_that_is_denied_or_was_stopped_before_makes_nothing_worse(faults_of) -> None:
    none = "# Shop\n\nThere is no HPA here.\n\n" + book("Scale", "kubectl scale deploy web --replicas=8 -n shop")
    again = "kubectl scale deploy web --replicas=0 -n shop\nkubectl scale deploy web --replicas=3 -n shop"
    started = "# Shop\n\nAn HPA scales the web.\n\n" + book("Restore", again)
    levels = [
        fault.level.value
        for text in (none, started)
        for fault in faults_of(text)
        if fault.rule == "kubectl-scale-and-autoscaler"
    ]
    assert levels == ["note"]
