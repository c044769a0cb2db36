"""Nodes that play kubelets for an API server, real or played; no container ever runs.

Pods are bound, get their states through the status subresource, and are confirmed when deleted, so that Deployments
become available, Endpoints fill and budgets count. What a pod does is its annotation `fake-node/behaviour` (set on
it or in its template; changing it takes effect at once), or else follows from a word in its image tag:

    ok          running and ready (the default)
    crash[=N]   CrashLoopBackOff after exit code N (1), the restart count grows        tag has "crash"
    oom         the same with OOMKilled, exit code 137                                 tag has "oom"
    init-crash  the first init container crashes                                       tag has "badinit"
    nopull      ErrImagePull, then ImagePullBackOff                                    tag has "missing"
    unready     running, never ready                                                   tag has "unready"
    slow=N      running at once, ready after N seconds                                 tag has "slow" (8 s)
    pending     not scheduled, with the event that says why                            tag has "pending"
    evict       Failed, reason Evicted
    done        Succeeded (what pods of a Job do after a second)

Further annotations of a pod, all with the prefix `fake-node/`:
    container            which container crashes (the first)
    log, log.NAME        the log text, of all containers or of one; grows where the annotation does
    previous-log         the same for `--previous`
    log-rate             lines a second of the log that is made up where there is no text (1)
    cpu, memory          what metrics.k8s.io says of each container ("250m", "300Mi")
    terminate-seconds    how long deletion takes
    port-N               where port N is forwarded to: a loopback port ("5432")
    exec-output, exec-exit   what exec answers to any program but cat, echo and sh

Of a node: `down` ("true": NotReady, its pods stand still) and `pressure` ("memory", "disk" or "pid").
"""
