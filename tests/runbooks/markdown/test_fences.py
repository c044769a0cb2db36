"""A fence that stands in a runbook again reads as it would had it not been read before."""

from __future__ import annotations

from cockpit.model.runbook import Runbook
from cockpit.runbooks.markdown import fences
from cockpit.runbooks.read import parse

_FENCES = """Look first:

```bash
# Step 1: who waits
kubectl get pods -n shop | grep Pending

# call the owner of the queue

psql "$DATABASE_URL" <<'SQL'
SELECT count(*) FROM jobs WHERE state = 'late';
UPDATE jobs SET state = 'new' WHERE state = 'late';
SQL
redis-cli -h cache
SELECT 2
GET depth
exit
for pod in a b; do
  kubectl logs "$pod"
done
```

```
0 2 * * * /opt/shop/backup.sh
```

```sql
SELECT 1;
```
"""


def _cold(name: str, text: str) -> Runbook:
    fences._kept.cache_clear()
    return parse([(name, text)])


def test_a_fence_further_down_in_another_file_under_another_heading() -> None:
    below = f"# Other\n\nSome words.\n\n## Queue stands\n\n{_FENCES}"
    expected = _cold("b.md", below)
    _cold("a.md", f"# Shop\n\n{_FENCES}")
    assert parse([("b.md", below)]) == expected
    assert [command.line for command in expected.commands] == [11, 15, 19, 20, 21, 22, 23, 29, 33]


def test_a_fence_twice_in_one_file() -> None:
    first, second = (f"# {title}\n\n{_FENCES}" for title in ("Queue", "Stock"))
    lines = first.count("\n") + 1
    both = _cold("a.md", f"{first}\n{second}")
    alone = _cold("a.md", "\n" * lines + second)
    assert both.commands[len(both.commands) // 2 :] == alone.commands


def test_another_sentence_above_is_another_caption() -> None:
    text = "# Shop\n\nLook:\n\n```bash\nuptime\n```\n\nLook again:\n\n```bash\nuptime\n```\n"
    assert [command.caption for command in _cold("a.md", text).commands] == ["Look", "Look again"]
