from __future__ import annotations

from collections.abc import Callable

import pytest

from cockpit.model.action import Tier
from cockpit.model.command import EffectClass
from cockpit.runbooks.effects import tier_of
from cockpit.runbooks.effects.ruling import Ruling

Judge = Callable[[str], Ruling]


@pytest.mark.parametrize(
    "text",
    [
        "ls -lh backups/ | tail -10",
        "grep -c ERROR app.log",
        "awk '{print $1 \" > \" $2}' app.log",
        "awk '$3 > 100 {print $1}' app.log",
        "awk -F: '{ if ($1 > 3) print $2 }' app.log",
        "sed -n '1,20p' app.log",
        "sed 's/a w b/c/g; /x/d' app.log",
        "sort -k2 -rn app.log | uniq -c | head",
        "find . -name '*.log' -mtime +7",
        "find . -name '*.log' -exec grep -l ERROR {} \\;",
        "cat app.log | tee /dev/stderr | wc -l",
        "cat app.log | xargs grep ERROR",
        "du -sh /var/lib/docker 2>/dev/null",
        "dig +short shop.example",
        "openssl s_client -connect shop.example:443 </dev/null 2>/dev/null | openssl x509 -noout -dates",
        "nc -zv db 5432",
        "tar -tzf backup.tar.gz",
        "gunzip -c dump.sql.gz | head",
        "curl -s https://shop.example/health | python3 -m json.tool",
        "systemctl status nginx",
        "journalctl -u nginx --since '1 hour ago'",
        "crontab -l",
        "sysctl vm.swappiness",
        "pip list --outdated",
        "npm outdated",
        "terraform show",
        "alembic current",
        "ssh web-1 uptime",
        "sudo -u postgres psql -c 'SELECT 1'",
        "timeout 5 cat app.log",
        "export RATE=5",
        "cd deploy",
        "RATE=5",
        "sh -c 'cat app.log'",
        "for pod in a b; do kubectl get pod $pod; done",
    ],
)
def test_what_is_proven_to_only_look_reads(judge: Judge, text: str) -> None:
    assert judge(text).effect is EffectClass.READS


@pytest.mark.parametrize(
    "text",
    [
        "echo x > out.txt",
        "cat app.log >> all.log",
        "cat app.log | tee out.txt",
        "sort -o f f",
        "sort -uo f f",
        "sed -i 's/a/b/' app.conf",
        "uniq in.txt out.txt",
        "tar -xzf backup.tar.gz",
        "gunzip dump.sql.gz",
        "openssl req -new -out shop.csr",
        "git diff > fix.patch",
        "systemctl restart nginx",
        "journalctl --vacuum-size=100M",
        "sysctl -w vm.swappiness=1",
        "alembic upgrade head",
        "npm install",
        "ansible-playbook site.yml",
        "ss -t | tee -a log.txt",
        "date -s 12:00",
    ],
)
def test_what_writes_changes(judge: Judge, text: str) -> None:
    assert judge(text).effect is EffectClass.CHANGES


@pytest.mark.parametrize(
    ("text", "final"),
    [
        ("rm app.log", False),
        ("rm -rf /var/lib/shop", True),
        ("sudo rm -fr data", True),
        ("rm *.log", True),
        ("find . -name '*.log' -delete", True),
        ("find . -name '*.log' -exec rm {} +", False),
        ("kill -9 4711", False),
        ("pkill -f worker", False),
        ("reboot", False),
        ("systemctl stop nginx", False),
        ("mkfs -t ext4 /dev/sdb", True),
        ("dd if=/dev/zero of=/dev/sda", True),
        ("echo x > /etc/passwd", True),
        ("echo x | sudo tee /etc/hosts", True),
        ("crontab -r", True),
        ("terraform destroy", True),
        ("terraform apply -auto-approve", True),
        ("alembic downgrade -1", True),
        ("npm run migration:revert", True),
        ("passwd root", True),
        ("ss -K dst 10.0.0.1", False),
        ("truncate -s 0 app.log", False),
        ("rsync -a --delete a/ b/", False),
    ],
)
def test_what_deletes_or_stops_destroys(judge: Judge, text: str, final: bool) -> None:
    assert (judge(text).effect, judge(text).final) == (EffectClass.DESTROYS, final)


@pytest.mark.parametrize(
    "text",
    [
        "./heal.sh",
        "./heal.sh --dry-run",
        "bash heal.sh",
        "bash ls",
        "source env.sh",
        "eval $FIX",
        "heal --now",
        "$CMD pods",
        'sh -c "$X"',
        "ssh web-1",
        "ssh web-1 ./heal.sh",
        "sudo -i",
        "awk 'BEGIN{system(\"rm x\")}'",
        "awk '{print > \"out\"}' f",
        "awk '{print | \"sh\"}' f",
        "awk -f heal.awk f",
        "awk '{\"date\" | getline d; print d}' f",
        "sed 's/x/y/e' f",
        "sed 'w out' f",
        "sed -f heal.sed f",
        "env -S 'rm x'",
        "cat cmds | xargs -I{} sh -c '{}'",
        "cat files | xargs find",
        "cat files | xargs sort",
        "npx ls",
        "PAGER='rm x' git log",
        "PATH=/tmp/evil ls",
        "nc -l 9000",
        "pytest",
        "trap 'rm x' EXIT",
        "python3 heal.py",
    ],
)
def test_what_was_not_looked_at_is_not_known(judge: Judge, text: str) -> None:
    assert judge(text).effect is EffectClass.UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        "echo $(rm -rf x)",
        "cat <(rm x)",
        "kubectl get pods `rm x`",
        "timeout 5 rm x",
        "nohup sudo rm x",
        "ssh web-1 'reboot'",
        'ssh web-1 "sudo systemctl stop nginx"',
        "docker exec db psql -c 'DROP TABLE x'",
        "watch -n5 'rm x'",
        "sh -c 'cat x; rm x'",
        'bash -lc "redis-cli FLUSHALL"',
        "true && rm x || echo kept",
        "for x in a b; do rm $x; done",
        "if test -f x; then rm x; fi",
        "heal() { rm x; }",
        "(cd x; rm y)",
        "cat x | while read y; do rm $y; done",
        "X=$(rm x)",
        "env A=b rm x",
        "ls | parallel rm",
        "kubectl exec api-1 -- sh -c 'rm -rf /data'",
        "bash <<EOF\nrm x\nEOF",
        "echo 'rm x' | sh",
        "eval 'rm x'",
        "su -c 'rm x' postgres",
    ],
)
def test_a_disguise_hides_no_destruction(judge: Judge, text: str) -> None:
    assert judge(text).effect is EffectClass.DESTROYS


def test_jq_says_when_it_prints_the_environment(judge: Judge) -> None:
    ruling = judge("jq -n 'env'")
    assert ruling.effect is EffectClass.READS
    assert "secrets" in ruling.why


@pytest.mark.parametrize(
    "text",
    [
        "less +!reboot app.log",
        "curl $CURL_OPTS https://shop.example/",
        'git log "$@"',
        "ssh -o ProxyCommand='rm x' web-1 uptime",
        "alias ls='rm -rf'; ls x",
        "export PATH=/tmp/evil && ls",
        "rsync -n -e ./own a web-1:b",
        "cat names | xargs find . -exec ls {} +",
        "git log " + "--stat " * 300,
        "psql -v x='1; DROP TABLE y' <<EOF\nSELECT :x\nEOF",
    ],
)
def test_what_is_steered_from_elsewhere_is_not_known(judge: Judge, text: str) -> None:
    assert judge(text).effect is EffectClass.UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        "mysql -e 'DROP TABLE orders'",
        "mongosh --eval 'db.orders.drop()'",
        "npx prisma migrate reset",
        "rake db:drop",
        "python manage.py flush",
        "mkfs.ext4 /dev/sdb",
        "fuser -k 8080/tcp",
        "fly apps destroy shop",
        "rsync -e ssh --delete a/ web-1:b/",
        "redis-cli CLUSTER RESET HARD",
    ],
)
def test_a_name_that_says_loss_is_believed(judge: Judge, text: str) -> None:
    assert judge(text).effect is EffectClass.DESTROYS


def test_words_of_redis_in_capitals_are_not_to_be_filled_in(judge: Judge) -> None:
    assert judge("redis-cli CLUSTER NODES").effect is EffectClass.READS


@pytest.mark.parametrize("text", ["./restore-db.sh --target=staging", "./scripts/rotate_keys.sh --dry-run"])
def test_the_name_of_a_script_makes_it_weigh_more_but_not_better_known(judge: Judge, text: str) -> None:
    ruling = judge(text)
    assert ruling.effect is EffectClass.UNKNOWN
    assert tier_of(ruling) is Tier.T4
