from __future__ import annotations

from collections.abc import Callable

import pytest

from cockpit.model.command import EffectClass
from cockpit.runbooks.effects.ruling import Ruling

Judge = Callable[[str], Ruling]


@pytest.mark.parametrize(
    "text",
    [
        "docker ps -a",
        "docker logs api --tail 100 -f",
        "docker container ls",
        "docker inspect api",
        "docker stats --no-stream",
        "docker system df",
        "docker compose ps",
        "docker-compose logs -f api",
        "docker compose -f prod.yml config",
        "docker exec db pg_isready",
        "docker exec -it cache redis-cli INFO memory",
        "git log --oneline -10",
        "git status",
        "git -C shop diff HEAD~1",
        "git branch -a",
        "git remote -v",
        "git stash list",
        "git clean -n",
        "gh run watch",
        "gh pr list --state open",
        "gh api repos/shop/api/deployments",
    ],
)
def test_what_looks_reads(judge: Judge, text: str) -> None:
    assert judge(text).effect is EffectClass.READS


@pytest.mark.parametrize(
    "text",
    [
        "docker restart api",
        "docker compose restart api",
        "docker-compose up -d --scale worker=3",
        "docker pull shop/api:7",
        "docker run --rm shop/api:7 ls",
        "docker compose run --rm api ls",
        "docker cp api:/tmp/heap .",
        "docker save shop/api -o api.tar",
        "docker compose config -o flat.yml",
        "git checkout main",
        "git pull",
        "git commit -m 'fix'",
        "git push origin main",
        "git revert HEAD",
        "git log --output=f",
        "git branch hotfix",
        "git reset --soft HEAD~1",
        "gh pr create --title fix",
        "gh pr merge --squash",
        "gh run rerun 42",
        "gh workflow run deploy.yml",
        "gh api -X POST repos/shop/api/dispatches",
        "gh api repos/shop/api/issues -f title=x",
        "gh release download v1",
    ],
)
def test_what_makes_or_moves_changes(judge: Judge, text: str) -> None:
    assert judge(text).effect is EffectClass.CHANGES


@pytest.mark.parametrize(
    ("text", "final"),
    [
        ("docker rm -f api", False),
        ("docker rm -v api", True),
        ("docker stop api", False),
        ("docker kill api", False),
        ("docker system prune -af", False),
        ("docker system prune --volumes", True),
        ("docker volume rm shop_data", True),
        ("docker volume prune", True),
        ("docker compose down", False),
        ("docker compose down -v", True),
        ("docker compose stop api", False),
        ("docker compose up -d --scale api=0", False),
        ("docker service scale shop_api=0", False),
        ("docker exec db psql -c 'DROP TABLE orders'", True),
        ("git push --force origin main", False),
        ("git push origin +main", False),
        ("git push origin --delete hotfix", False),
        ("git reset --hard origin/main", False),
        ("git clean -fd", False),
        ("git checkout -- .", False),
        ("git rebase main", False),
        ("git branch -D hotfix", False),
        ("git stash drop", False),
        ("gh repo delete shop/api --yes", True),
        ("gh secret delete DB", True),
        ("gh api -X DELETE repos/shop/api/keys/1", False),
    ],
)
def test_what_removes_stops_or_forces_destroys(judge: Judge, text: str, final: bool) -> None:
    assert (judge(text).effect, judge(text).final) == (EffectClass.DESTROYS, final)


@pytest.mark.parametrize(
    "text",
    [
        "docker exec -it api bash",
        'docker exec -it api sh -c "$X"',
        "docker attach api",
        "docker frobnicate",
        "git -c core.pager='rm -rf x' log",
        "git ls-remote --upload-pack='rm x' origin",
        "git grep -O'rm x' y",
        "git ls-remote ext::sh%20-c%20x",
        "git frobnicate",
        "gh alias set x '!rm y'",
        "gh frobnicate",
    ],
)
def test_sessions_and_ways_to_run_anything_are_not_known(judge: Judge, text: str) -> None:
    assert judge(text).effect is EffectClass.UNKNOWN
