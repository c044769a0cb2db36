"""How gcloud reads its command line: groups, leaf verbs, switches. Data only."""

from __future__ import annotations

from cockpit.runbooks.shell.tool import Tool, names, pairs

_GCLOUD_GROUPS = names(
    """
    run services revisions jobs executions domain-mappings regions sql instances backups databases users
    operations ssl ssl-certs flags tiers export import logging logs sinks metrics buckets views secrets versions
    container clusters node-pools images hub memberships compute security-policies rules firewall-rules networks
    subnets vpc-access connectors routers nats addresses disks snapshots instance-groups managed unmanaged
    rolling-action instance-templates backend-services url-maps forwarding-rules target-https-proxies
    target-http-proxies health-checks ssl-certificates project-info zones redis memcache monitoring time-series
    dashboards policies channels channels-descriptors uptime alpha beta iam service-accounts keys roles projects
    organizations folders billing accounts auth application-default config configurations builds triggers
    artifacts repositories docker packages tags pubsub topics subscriptions schemas storage buckets objects
    functions app services scheduler tasks queues dns managed-zones record-sets transaction kms keyrings keys
    locations components deploy releases rollouts delivery-pipelines targets spanner firestore indexes datastore
    bigtable dataflow dataproc composer environments filestore endpoints api-gateway apis gateways
    certificate-manager certificates maps ai ai-platform models access-context-manager perimeters
    service-directory network-security network-services error-reporting events quotas info preferences workflows
    eventarc trace recommender insights recommendations resource-manager asset scc findings notebooks
    ha-policies os-login ssh-keys target-pools target-instances target-tcp-proxies target-ssl-proxies
    sole-tenancy reservations commitments vpn-tunnels vpn-gateways external-vpn-gateways interconnects
    network-endpoint-groups packet-mirrorings http-health-checks https-health-checks public-advertised-prefixes
    routes machine-types machine-images resource-policies snapshot-schedule zone-operations backup-dr
    workforce-pools providers workload-identity-pools worker-pools policies alerting snoozes
    """
)
GCLOUD = Tool(
    groups=_GCLOUD_GROUPS,
    switches=names(
        """
        -q -h --quiet --async --no-async --wait --help --to-latest --no-traffic --allow-unauthenticated
        --no-allow-unauthenticated --all --force --follow --uri  --log-http --user-output-enabled
        --no-user-output-enabled  --internal-ip --tunnel-through-iap --plain --dry-run --recursive
        --include-deleted --include-logs-with-status --ssl --cpu-throttling --no-cpu-throttling --cpu-boost
        --no-cpu-boost --use-http2 --no-use-http2 --session-affinity --no-session-affinity --no-launch-browser
        --update-adc --offload --no-offload --global --private --preview --no-preview --execute-now
        --enable-layer7-ddos-defense --show-labels --enable-autoscaling --no-enable-autoscaling
        --delete-contents --continue-on-error --destroy-scheduled  --active --activate --no-activate
        --enable-point-in-time-recovery --no-backup --no-assign-ip --assign-ip --deletion-protection
        --no-deletion-protection --promote --no-promote --stop-previous-version --version-in-use --replica
        --failover --no-user --ipv6  --zone-wide --dump-ssh-config
         --enable-private-path --update-pins --preserve-metadata
        """
    ),
    valued=names("-f"),
    aliases=pairs("-q=--quiet"),
    inner={},
)
GCLOUD_LEAVES = names(
    """
    list describe create delete update patch restart reset start stop resume suspend resize upgrade rollback
    deploy submit replace read tail write connect ssh scp get-credentials get-iam-policy set-iam-policy
    add-iam-policy-binding remove-iam-policy-binding update-traffic failover switchover restore clone
    promote-replica set-password enable disable access add destroy list-tags set get get-value unset login
    logout revoke activate print-access-token print-identity-token cp mv rm ls rsync cat call execute cancel
    wait migrate browse publish pull ack seek run
    """
)
