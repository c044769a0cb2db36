"""How the tools of runbooks read their command lines: sub-commands, switches, flags with a value. Data only."""

from __future__ import annotations

from collections.abc import Mapping

from cockpit.runbooks.shell.containers import COMPOSE, DOCKER, KUBECTL
from cockpit.runbooks.shell.databases import PG, PSQL, REDIS
from cockpit.runbooks.shell.gcloud import GCLOUD
from cockpit.runbooks.shell.tool import Tool, names, pairs

SWITCHES = names(
    """
    --all --allow-empty --apply --autogenerate --clean --color --debug --delete --disable --dry-run --enable
    --execute --fix --follow --force --fresh --full --help --info --insecure --interactive --json --live --local
    --no-cache --no-input --noinput --no-color --no-verify --now --production --prune --quiet --raw --recursive
    --reset --silent --skip-checks --staging --stat --sudo --test --trace --verbose --verify --version --wait
    --watch --yes --oneline --outdated
    """
)

_CURL = Tool(
    greedy=False,
    switches=names(
        """
        -s -S -f -L -k -i -I -v -g -G -N -O -J -R -p -q -0 -1 -2 -3 -4 -6 -a -B -j -l -M -n -Z -# --silent
        --show-error --fail --location --insecure --include --head --verbose --get --no-buffer --remote-name
        --compressed
        """
    ),
    valued=names(
        """
        -X -H -d -o -u -A -b -c -C -e -E -F -K -m -P -Q -r -t -T -U -w -x -y -Y -z  --request --header --data
        --data-raw --data-binary --data-ascii --data-urlencode --json --output --user --user-agent --cookie
        --cookie-jar --referer --cert --key --cacert --capath --form --form-string --config --max-time
        --connect-timeout --range --upload-file --proxy --proxy-user --write-out --retry --retry-delay
        --retry-max-time --resolve --connect-to --interface --limit-rate --max-redirs --url --url-query
        --unix-socket --stderr --trace --trace-ascii --aws-sigv4 --oauth2-bearer --dump-header -D --output-dir
        --ciphers --tls-max --cert-type --key-type --pass --request-target --max-filesize --noproxy --socks5
        --socks5-hostname --netrc-file --variable --etag-save --etag-compare --speed-limit --speed-time
        --time-cond --continue-at --dns-servers --doh-url --keepalive-time --local-port --proto
        """
    ),
    aliases=pairs(
        """
        -X=--request -H=--header -d=--data -o=--output -O=--remote-name -u=--user -A=--user-agent -b=--cookie
        -c=--cookie-jar -F=--form -m=--max-time -T=--upload-file -w=--write-out -x=--proxy -I=--head
        -L=--location -k=--insecure -f=--fail -s=--silent -S=--show-error -i=--include -v=--verbose -G=--get
        -K=--config -D=--dump-header -Z=--parallel -E=--cert
        """
    ),
)
_GIT = Tool(
    depth=1,
    greedy=False,
    groups=names("stash remote submodule worktree bisect notes reflog lfs"),
    valued=names(
        """
        -m -b -B -C -c -n  -o --message --author --date --since --until --grep --format --depth --branch
        --onto
        """
    ),
    aliases=pairs("-m=--message -f=--force"),
)
_GH = Tool(
    depth=1,
    groups=names(
        """
        pr run issue release workflow repo secret variable auth gist cache ruleset label project codespace
        extension config org alias gpg-key ssh-key attestation search
        """
    ),
    switches=names(
        """
        --auto --admin --squash --merge --rebase --delete-branch -d -s --draft --fill --web -w --exit-status
        --watch --failed --log --log-failed --verbose --yes -y --force --paginate --all --compact --dismissed
        --disable-auto --debug --latest --prerelease --generate-notes --cleanup-tag --dry-run --required
        --fail-fast
        """
    ),
    valued=names("-R -t -b -B -H -F -f -l -L -a -A -r -m -j -q -X -n -e -u -o"),
    aliases=pairs("-R=--repo -t=--title -b=--body -B=--base -L=--limit -d=--delete-branch -y=--yes"),
)
_HELM = Tool(
    depth=1,
    groups=names("repo get show dependency plugin registry search"),
    switches=names(
        """
        --install -i --wait --atomic --force --dry-run --reuse-values --reset-values --create-namespace
        --cleanup-on-fail --no-hooks --recreate-pods --wait-for-jobs --debug --all -a --keep-history -A
        --all-namespaces --devel --short -q --reset-then-reuse-values --rollback-on-failure --take-ownership
        --disable-openapi-validation --render-subchart-notes
        """
    ),
    valued=names("-n -f -o -l -m"),
    aliases=pairs("-n=--namespace -f=--values -o=--output -i=--install -A=--all-namespaces"),
)
_SSH = Tool(
    greedy=False,
    switches=names("-4 -6 -A -a -C -f -G -g -K -k -M -N -n -q -s -T -t -V -v -X -x -Y -y"),
    valued=names("-B -b -c -D -E -e -F -I -i -J -L -l -m -O -o -p -Q -R -S -W -w"),
    inner={"": 1},
)
_GREP = Tool(
    greedy=False,
    valued=names(
        """
        -A -B -C -e -f -m --context --after-context --before-context --regexp --file --max-count --include
        --exclude
        """
    ),
)
_OPENSSL = Tool(
    depth=1,
    single=True,
    greedy=False,
    valued=names(
        """
        -connect -servername -in -out -inform -outform -CAfile -CApath -cert -key -keyout -days -subj -newkey
        -port -starttls -passin -passout -pass -config -extensions -extfile  -verify -checkend
        -nameopt -cipher -sess_out -sess_in -CA -CAkey -name -certfile -addext -digest -engine -proxy -host
        -inkey -sigfile
        """
    ),
)
_ALIKE = Tool(depth=1)

_SIMPLE = names(
    """
    poetry uv apt apt-get yum dnf apk brew snap cargo go certbot supervisorctl pm2 rabbitmqctl etcdctl flux
    istioctl linkerd eksctl kustomize launchctl ufw flask rails rake celery firebase vercel netlify railway
    render kubeadm minikube k3s crictl ansible stripe prisma knex sequelize typeorm symfony artisan nginx
    apachectl rc-service pg_ctl pg_ctlcluster
    """
)

TOOLS: Mapping[str, Tool] = {
    **dict.fromkeys(_SIMPLE, _ALIKE),
    "kubectl": KUBECTL,
    "oc": KUBECTL,
    "docker-compose": COMPOSE,
    "docker": DOCKER,
    "podman": DOCKER,
    "nerdctl": DOCKER,
    "gcloud": GCLOUD,
    "curl": _CURL,
    "psql": PSQL,
    "pg_dump": PG,
    "pg_dumpall": PG,
    "pg_restore": PG,
    "createdb": PG,
    "dropdb": PG,
    "vacuumdb": PG,
    "reindexdb": PG,
    "pg_isready": PG,
    "pgbench": PG,
    "redis-cli": REDIS,
    "valkey-cli": REDIS,
    "git": _GIT,
    "gh": _GH,
    "helm": _HELM,
    "ssh": _SSH,
    "scp": Tool(greedy=False, valued=names("-c -D -F -i -J -l -o -P -S -X")),
    "rsync": Tool(
        greedy=False, valued=names("-e -f -B -M --rsh --exclude --include --filter --files-from --bwlimit")
    ),
    "grep": _GREP,
    "egrep": _GREP,
    "fgrep": _GREP,
    "zgrep": _GREP,
    "rg": _GREP,
    "jq": Tool(greedy=False, valued=names("-f -L --indent --from-file")),
    "yq": Tool(greedy=False, valued=names("-o -p --indent")),
    "openssl": _OPENSSL,
    "find": Tool(
        single=True,
        greedy=False,
        valued=names(
            """
        -name -iname -type -mtime -mmin -size -path -maxdepth -mindepth -newer -user -group -perm -regex -printf
        -ctime -atime
        """
        ),
    ),
    "npm": Tool(
        depth=1,
        greedy=False,
        valued=names(
            """
        --prefix --registry --workspace -w --tag --loglevel --omit --only
        """
        ),
    ),
    "pnpm": _ALIKE,
    "yarn": Tool(depth=1, greedy=False),
    "pip": Tool(
        depth=1,
        greedy=False,
        valued=names("-r -c -e -i -t --requirement --index-url --extra-index-url --target --format"),
    ),
    "pip3": Tool(
        depth=1,
        greedy=False,
        valued=names(
            """
        -r -c -e -i -t --requirement --index-url --target --format
        """
        ),
    ),
    "alembic": Tool(
        depth=1,
        greedy=False,
        valued=names("-c -n -x -m -r --config --name --message --rev-id --head  "),
    ),
    "systemctl": Tool(
        depth=1, greedy=False, valued=names("-n -t -p -o -H -M --lines --type --property --state --signal")
    ),
    "journalctl": Tool(
        greedy=False,
        valued=names(
            """
        -u -n -p -S -U -o  -t -g --since --until --unit --lines --priority --output
        """
        ),
    ),
    "service": Tool(),
    "aws": Tool(
        depth=2,
        switches=names(
            """
        --recursive --dryrun --no-paginate --force --no-cli-pager --delete --follow --debug
        --force-new-deployment --no-verify-ssl --exact-timestamps --quiet --wait --apply-immediately
        --no-apply-immediately --skip-final-snapshot --force-failover --no-skip-final-snapshot
        """
        ),
    ),
    "az": Tool(
        groups=names(
            """
        vm webapp aks acr redis postgres server flexible-server deployment slot container app containerapp
        revision monitor metrics log-analytics keyvault secret network nsg rule storage account blob sql db
        functionapp config appsettings group identity role assignment cosmosdb
        """
        ),
        switches=SWITCHES,
    ),
    "terraform": Tool(depth=1, single=True, greedy=False, groups=names("state workspace providers")),
    "tofu": Tool(depth=1, single=True, greedy=False, groups=names("state workspace providers")),
    "gsutil": Tool(
        depth=1,
        greedy=False,
        groups=names("iam lifecycle versioning cors retention acl defacl"),
        valued=names("-h -o -p -c -l -b"),
    ),
    "bq": Tool(depth=1, switches=names("--nouse_legacy_sql  -f -r --force")),
    "vault": Tool(
        depth=1,
        single=True,
        greedy=False,
        groups=names(
            """
        kv auth secrets policy token lease operator audit
        """
        ),
    ),
    "nomad": Tool(
        depth=1,
        single=True,
        greedy=False,
        groups=names(
            """
        job node alloc deployment operator var acl server system
        """
        ),
    ),
    "consul": Tool(
        depth=1,
        single=True,
        greedy=False,
        groups=names(
            """
        kv operator acl catalog snapshot services
        """
        ),
    ),
    "argocd": Tool(depth=1, groups=names("app cluster repo proj account")),
    "velero": Tool(
        depth=1,
        groups=names(
            """
        backup restore schedule snapshot-location backup-location get create describe delete
        """
        ),
    ),
    "doctl": Tool(groups=names("apps compute droplet kubernetes cluster databases db registry")),
    "heroku": Tool(depth=1, valued=names("-a -r -s -n -p --app")),
    "fly": Tool(
        depth=1,
        groups=names(
            """
        apps machine machines scale postgres pg secrets volumes ips releases ssh
        """
        ),
    ),
    "flyctl": Tool(
        depth=1,
        groups=names(
            """
        apps machine machines scale postgres pg secrets volumes ips releases ssh
        """
        ),
    ),
    "render": Tool(
        depth=1,
        groups=names("deploys jobs workspace pg kv blueprints"),
        greedy=False,
        valued=names(
            """
        -r -o -c --resources --output --command --start --end --text --level --type --instance --host --status-code
        --method --path --limit --direction --commit --image --start-command --plan-id
        """
        ),
        aliases=pairs("-r=--resources -o=--output -c=--command"),
    ),
    "tail": Tool(greedy=False, valued=names("-n -c --lines --bytes --pid")),
    "head": Tool(greedy=False, valued=names("-n -c --lines --bytes")),
    "sort": Tool(greedy=False, valued=names("-k -t -o -S -T")),
    "cut": Tool(greedy=False, valued=names("-d -f -c -b")),
    "awk": Tool(greedy=False, valued=names("-F -v -f")),
    "sed": Tool(greedy=False, valued=names("-e -f")),
    "kill": Tool(greedy=False, valued=names("-s -n --signal")),
    "pkill": Tool(greedy=False, valued=names("-u -U -t -P -g -s --signal")),
    "wget": Tool(
        greedy=False,
        valued=names(
            """
        -O -o -P -t -T -U -e -i -a --output-document --header --post-data --post-file --method --body-data
        --user --password --timeout --tries --user-agent --directory-prefix --output-file
        """
        ),
        aliases=pairs("-O=--output-document -o=--output-file -P=--directory-prefix"),
    ),
    "mysql": Tool(
        greedy=False,
        valued=names("-h -u -P -D -e -S --host --user --port --database --execute"),
        aliases=pairs("-h=--host -u=--user -P=--port -D=--database -e=--execute"),
    ),
    "mysqldump": Tool(
        greedy=False,
        valued=names(
            """
        -h -u -P -S -r -w --host --user --port --result-file --where
        """
        ),
    ),
    "mongosh": Tool(
        greedy=False,
        valued=names(
            """
        -u -p -f --eval --host --port --username --password --authenticationDatabase
        """
        ),
    ),
    "make": Tool(greedy=False, valued=names("-C -f -j --directory --file")),
    "ps": Tool(greedy=False, valued=names("-u -p -C -o -t -g --sort --format --pid --user")),
    "lsof": Tool(greedy=False, valued=names("-p -u -c -d -g")),
    "nc": Tool(greedy=False, valued=names("-w -p -s -x -X -q -i")),
    "dig": Tool(greedy=False, valued=names("-t -p -x -f -k -b")),
    "ping": Tool(greedy=False, valued=names("-c -i -W -w -s -I -t")),
    "watch": Tool(greedy=False, valued=names("-n --interval"), inner={"": 0}),
}
