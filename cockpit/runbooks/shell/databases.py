"""How the clients of PostgreSQL and Redis read their command lines. Data only."""

from __future__ import annotations

from cockpit.runbooks.shell.tool import Tool, names, pairs

PSQL = Tool(
    greedy=False,
    switches=names("-t -A -q -x -1 -a -b -e -E -H -l -n -s -S -w -W -X -z -0 -? -V"),
    valued=names(
        """
        -c -f -h -p -U -d -o -v -P -F -R -T -L --command --file --host --port --username --dbname --output --set
        --variable --pset --field-separator --record-separator --table-attr --log-file
        """
    ),
    aliases=pairs(
        """
        -c=--command -f=--file -h=--host -p=--port -U=--username -d=--dbname -o=--output -v=--set -P=--pset
        -t=--tuples-only -A=--no-align -q=--quiet -x=--expanded -1=--single-transaction -l=--list -X=--no-psqlrc
        -L=--log-file
        """
    ),
)
PG = Tool(
    greedy=False,
    switches=names("-a -b -B -c -C -O -s -x -v -w -W  -l -e -1 -g -r"),
    valued=names(
        """
        -h -p -U -d -f -F -j -n -N -t -T -E -S -L -I -P -Z --host --port --username --dbname --file --format
        --jobs --schema --table --exclude-table --exclude-schema --compress --role --use-list --index --function
        --trigger
        """
    ),
    aliases=pairs(
        """
        -h=--host -p=--port -U=--username -d=--dbname -f=--file -F=--format -j=--jobs -t=--table -c=--clean
        -C=--create -a=--data-only -s=--schema-only -l=--list -1=--single-transaction
        """
    ),
)
REDIS = Tool(
    greedy=False,
    switches=names(
        """
        -c -x  -3 -2 --tls --raw --no-raw --csv --json --scan --bigkeys --memkeys --hotkeys --stat --latency
        """
    ),
    valued=names(
        """
        -h -p -a -n -u -s -r -i -t -D -d -X --pass --user --cacert --cert --key --sni --pattern --eval --rdb
        --pipe-timeout --memkeys-samples --count --lru-test --intrinsic-latency --cluster --quoted-pattern
        --functions-rdb --cacertdir
        """
    ),
    aliases=pairs(
        """
        -h=--host -p=--port -a=--pass -n=--db -u=--uri -s=--socket -r=--repeat -i=--interval -c=--cluster-mode
        """
    ),
)
