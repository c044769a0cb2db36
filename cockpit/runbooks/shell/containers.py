"""How kubectl, Docker and Docker Compose read their command lines. Data only."""

from __future__ import annotations

from cockpit.runbooks.shell.tool import Tool, names, pairs

KUBECTL = Tool(
    depth=1,
    groups=names("rollout set config auth certificate plugin"),
    switches=names(
        """
        -i -t -A -w -R -h -p --stdin --tty --all --all-namespaces --watch --watch-only --recursive --previous
        --follow --force --now --help --overwrite --list --local --wait-for-completion --prefix --timestamps
        --rm --quiet --show-labels --show-kind --ignore-not-found --no-headers --insecure-skip-tls-verify
        --all-containers --ignore-daemonsets --delete-emptydir-data --delete-local-data --disable-eviction
        --server-side --prune --validate --record --windows-line-endings --minify --flatten --raw --containers
        --use-protocol-buffers --expose --attach --leave-stdin-open --match-server-version --force-conflicts
        --export --short --client --ignore-errors --show-managed-fields --edit --save-config
        --allow-missing-template-keys --wait --dry-run --cascade --interactive --merge --append-server-path
        --current  --show-capacity
        """
    ),
    valued=names("-n -l -f -o -c -k -L -s -v"),
    aliases=pairs(
        """
        -n=--namespace -l=--selector -f=--filename -o=--output -c=--container -k=--kustomize -L=--label-columns
        -A=--all-namespaces -w=--watch -R=--recursive -i=--stdin -t=--tty -s=--server -p=--previous
        """
    ),
    by_verb={
        "logs": pairs("-f=--follow -p=--previous"),
        "patch": pairs("-p=--patch="),
        "scale": pairs("-f=--filename="),
        "run": pairs("-f=--filename="),
        "exec": pairs("-p=--pod="),
        "create": pairs("-f=--filename="),
    },
    inner={"exec": 1},
)
COMPOSE = Tool(
    depth=1,
    switches=names(
        """
        -d -T -q -h --detach --build --no-build --no-deps --force-recreate --no-recreate --always-recreate-deps
        --remove-orphans --no-start --wait --rm --service-ports --use-aliases --follow --timestamps --no-color
        --no-log-prefix --volumes --quiet --quiet-pull --all --services --force --stop --no-cache
         --privileged --interactive --no-TTY --no-tty --abort-on-container-exit --renew-anon-volumes
        -V --compatibility --dry-run --all-resources --ignore-pull-failures --include-deps --push --menu
        --orphans
        """
    ),
    by_verb={
        "": pairs("-f=--file="),
        "logs": pairs("-f=--follow -t=--timestamps"),
        "rm": pairs("-f=--force"),
        "run": pairs("-v=--volume= -l=--label= -p=--publish= -d=--detach -T=--no-TTY"),
        "up": pairs("-t=--timeout= -d=--detach -V=--renew-anon-volumes"),
        "down": pairs("-v=--volumes -t=--timeout="),
        "exec": pairs("-T=--no-TTY -d=--detach"),
        "build": pairs("-m=--memory="),
        "ps": pairs("-a=--all -q=--quiet"),
        "kill": pairs("-s=--signal="),
    },
    valued=names(
        """
        -p -e -u -w -t -n --tail --scale --timeout --index --env --user --workdir --profile --file
        """
    ),
    aliases=pairs("-d=--detach -p=--project-name -t=--timeout"),
    inner={"exec": 1, "run": 1},
)
DOCKER = Tool(
    depth=1,
    groups=names(
        """
        container image network volume system builder buildx context service stack swarm secret node manifest
        plugin config trust checkpoint
        """
    ),
    switches=names(
        """
        -d -i -t -a -f -q -s -D -P --detach --interactive --tty --all --force --quiet --rm --privileged --init
        --no-stdin --no-trunc --follow --timestamps --details --no-stream --size --no-cache --squash --volumes
        --link --read-only --publish-all --oom-kill-disable --help --debug --tls --tlsverify --no-healthcheck
        --latest --digests --prune --with-registry-auth  --push --load --pull --all-tags
        --disable-content-trust --no-prune --verbose --human --no-resolve
        """
    ),
    valued=names(
        """
        -e -u -v -p -w -n -h -l -m -c -H --tail --since --until --filter --format --name --network --volume
        --env --user --publish --workdir --entrypoint --signal --time
        """
    ),
    aliases=pairs(
        """
        -d=--detach -i=--interactive -t=--tty -e=--env -u=--user -v=--volume -p=--publish -w=--workdir -n=--tail
        -H=--host
        """
    ),
    by_verb={
        "build": pairs("-t=--tag= -f=--file= -q=--quiet -m=--memory="),
        "buildx build": pairs("-t=--tag= -f=--file="),
        "image build": pairs("-t=--tag= -f=--file="),
        "logs": pairs("-f=--follow -t=--timestamps -n=--tail="),
        "container logs": pairs("-f=--follow -t=--timestamps -n=--tail="),
        "ps": pairs("-f=--filter= -a=--all -n=--last= -s=--size"),
        "images": pairs("-f=--filter= -a=--all"),
        "image ls": pairs("-f=--filter= -a=--all"),
        "events": pairs("-f=--filter="),
        "search": pairs("-f=--filter="),
        "volume ls": pairs("-f=--filter="),
        "network ls": pairs("-f=--filter="),
        "inspect": pairs("-f=--format= -s=--size"),
        "version": pairs("-f=--format="),
        "info": pairs("-f=--format="),
        "rm": pairs("-f=--force -v=--volumes -l=--link"),
        "container rm": pairs("-f=--force -v=--volumes -l=--link"),
        "rmi": pairs("-f=--force"),
        "image rm": pairs("-f=--force"),
        "volume rm": pairs("-f=--force"),
        "system prune": pairs("-f=--force -a=--all"),
        "image prune": pairs("-f=--force -a=--all"),
        "volume prune": pairs("-f=--force -a=--all"),
        "container prune": pairs("-f=--force"),
        "network prune": pairs("-f=--force"),
        "builder prune": pairs("-f=--force -a=--all"),
        "stop": pairs("-t=--time= -s=--signal="),
        "restart": pairs("-t=--time= -s=--signal="),
        "kill": pairs("-s=--signal="),
        "commit": pairs("-m=--message= -a=--author= -c=--change="),
        "cp": pairs("-a=--archive -L=--follow-link"),
        "top": {},
    },
    inner={"exec": 1, "run": 1, "container exec": 1, "container run": 1},
)
