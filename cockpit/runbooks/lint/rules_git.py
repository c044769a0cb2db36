"""git and gh: more than is meant, past the checks, or half-way."""

from __future__ import annotations

from cockpit.model.command import Call
from cockpit.model.runbook import Level
from cockpit.runbooks.lint.engine import Book, Found, Scene, calls_of, on_call
from cockpit.runbooks.lint.kube import DATE
from cockpit.runbooks.lint.tools import line

_MAIN = ("main", "master", "trunk", "production", "release")


@on_call(
    "git-add-takes-everything",
    Level.NOTE,
    "git add . takes whatever lies in the folder: unfinished work, local settings, a key.",
    "git",
)
def add_all(call: Call, scene: Scene) -> Found | None:
    """`git add .` before a commit; worse in a hotfix."""
    if call.verb != "add" or not (
        call.has("-A", "--all") or any(word.text in (".", "*", ":/") for word in call.args)
    ):
        return None
    if not any(each.verb == "commit" for each in calls_of((scene.command, *scene.after), "git")):
        return None
    hasty = scene.stands_under(r"hot-?fix|emergency|incident|urgent|production")
    return Found(
        "It takes whatever lies in the folder into the fix: unfinished work, local settings, a key.",
        "git add -p FILES, then git diff --cached before the commit",
        Level.WARNING if hasty else None,
    )


@on_call(
    "git-revert-of-a-range",
    Level.WARNING,
    "A range is reverted commit by commit: each opens an editor, a merge commit in it stops everything half-way.",
    "git",
)
def revert_range(call: Call, scene: Scene) -> Found | None:
    """`git revert A..B`."""
    ranges = [word for word in call.args if ".." in word.text]
    if call.verb != "revert" or not ranges or call.has("--no-commit", "-n"):
        return None
    text = ranges[0].text
    filled = f" {ranges[0].placeholders[0].name} has to be filled in first." if ranges[0].placeholders else ""
    return Found(
        f"{text} is reverted commit by commit: each opens an editor, and a merge commit or a conflict stops it "
        f"half-way, with a branch that is neither old nor new.{filled}",
        "git revert --no-commit GOOD_COMMIT..HEAD && git commit -m 'Back to GOOD_COMMIT'  (merges: one by one with "
        "-m 1)",
    )


@on_call(
    "gh-merge-past-the-checks",
    Level.WARNING,
    "--admin merges past required reviews and failing checks.",
    "gh",
)
def merge_admin(call: Call, scene: Scene) -> Found | None:
    """`gh pr merge --admin`."""
    if call.verb != "pr merge" or not call.has("--admin"):
        return None
    return Found(
        "--admin merges past missing reviews and failing checks: a second mistake goes out unseen, in a hurry.",
        "gh pr merge --auto --squash, and a second person who approves; keep --admin for when the checks "
        "themselves are down",
    )


@on_call(
    "git-push-straight-to-main",
    Level.NOTE,
    "A push to the main branch goes past review, and fails where the branch is protected.",
    "git",
)
def push_main(call: Call, scene: Scene) -> Found | None:
    """`git push origin main`; worse where the runbook uses pull requests elsewhere."""
    if call.verb != "push" or call.has("--delete", "--tags") or len(call.args) < 2:
        return None
    branch = call.args[1].text.rpartition(":")[2]
    if branch not in _MAIN:
        return None
    reviewed = scene.book.once(_reviews)
    more = ", as this runbook does elsewhere" if reviewed else ""
    return Found(
        f"It goes straight to {branch}: refused where the branch is protected, unreviewed where it is not.",
        f"git push origin HEAD:refs/heads/revert-NAME, then gh pr create --fill and gh pr merge --auto{more}",
        Level.WARNING if reviewed else None,
    )


@on_call(
    "git-push-force",
    Level.WARNING,
    "--force overwrites what others have pushed since.",
    "git",
)
def push_force(call: Call, scene: Scene) -> Found | None:
    """`git push --force` without a lease."""
    if call.verb != "push" or not call.has("--force", "-f"):
        return None
    return Found("It overwrites what others have pushed since.", line(call).replace("--force", "--force-with-lease"))


@on_call(
    "git-throws-work-away",
    Level.WARNING,
    "What is not committed is gone, without a way back.",
    "git",
)
def throws_away(call: Call, scene: Scene) -> Found | None:
    """`reset --hard`, `clean -f`."""
    if call.verb == "reset" and call.has("--hard"):
        return Found("What is not committed is gone.", f"git stash -u, then {line(call)}")
    if call.verb == "clean" and any("f" in flag and not flag.startswith("--") for flag in call.flags):
        return Found(
            "Files that git does not know are deleted: local settings too.", "git clean -nd first, git stash -u"
        )
    return None


@on_call(
    "git-dated-branch-built-twice",
    Level.NOTE,
    "A branch named with the date has another name after midnight.",
    "git",
)
def dated_branch(call: Call, scene: Scene) -> Found | None:
    """`git push origin deploy/$(date ...)`."""
    if call.verb not in ("push", "pull", "merge", "rebase", "checkout", "switch"):
        return None
    if call.has("-b", "-c", "-B", "-C"):
        return None
    dated = next((word.text for word in call.args if DATE.search(word.text)), "")
    if not dated:
        return None
    return Found(
        f"{dated} is worked out again: after midnight, or with a time in it, that branch does not exist.",
        line(call).replace(dated, '"$(git branch --show-current)"'),
    )


def _reviews(book: Book) -> bool:
    """The runbook uses pull requests."""
    return any(each.verb in ("pr create", "pr merge") for _, each in book.calls("gh"))


RULES = (add_all, revert_range, merge_admin, push_main, push_force, throws_away, dated_branch)
