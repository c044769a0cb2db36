"""Effects of git and gh."""

from __future__ import annotations

import re

from cockpit.model.command import Call
from cockpit.runbooks.effects.ruling import Ruling, changes, destroys, name_of, names, pairs, reads, texts, unknown

_READS = names(
    """
    log status diff show blame annotate shortlog describe rev-parse rev-list ls-files ls-tree ls-remote
    cat-file grep name-rev merge-base cherry whatchanged range-diff for-each-ref show-ref count-objects
    version help check-ignore verify-commit verify-tag diff-tree diff-index show-branch
    """
)
# These run a program or write a file although the verb reads.
_NOT_READING = (
    "--output",
    "--ext-diff",
    "--textconv",
    "--exec",
    "--upload-pack",
    "-O",
    "--open-files-in-pager",
    "--filters",
    "--git-dir",
    "--config-env",
)
_CHANGES = {
    "add": "it stages files in the local tree",
    "commit": "it adds a commit to the local branch",
    "checkout": "it changes the files of the local tree",
    "switch": "it changes the files of the local tree",
    "pull": "it merges what others pushed into the local tree",
    "fetch": "it updates what the local repository knows of the others",
    "merge": "it changes the local branch",
    "cherry-pick": "it adds commits to the local branch",
    "revert": "it adds commits to the local branch that undo others",
    "push": "it publishes commits; what is deployed from that branch changes",
    "tag": "it creates a tag",
    "branch": "it creates, moves or renames a branch",
    "remote": "it changes where the repository is pushed to",
    "stash": "it moves changes out of the local tree, or back",
    "config": "it changes settings of git",
    "init": "it creates a repository",
    "clone": "it writes files",
    "am": "it adds commits to the local branch",
    "apply": "it changes the files of the local tree",
    "mv": "it moves files",
    "rm": "it deletes files of the local tree",
    "worktree": "it writes files",
    "submodule": "it writes files",
    "bisect": "it changes the files of the local tree",
    "gc": "it packs the repository",
    "format-patch": "it writes files",
    "archive": "it writes files",
    "bundle": "it writes files",
    "notes": "it changes notes",
    "lfs": "it changes files of the local tree",
    "symbolic-ref": "it changes references",
    "update-index": "it changes what is staged",
}
_DESTROYS = {
    "rebase": "it writes the history of the branch anew",
    "clean": "files that git does not know are deleted for good",
    "restore": "changes that were not committed are lost",
    "filter-branch": "it writes the whole history anew",
    "filter-repo": "it writes the whole history anew",
    "update-ref": "it moves references, and commits may be lost",
    "prune": "it deletes commits that nothing points to",
}
_ONLY_LISTS = {
    "branch": (
        "-a",
        "-r",
        "-v",
        "-vv",
        "--all",
        "--list",
        "-l",
        "--show-current",
        "--contains",
        "--merged",
        "--remotes",
    ),
    "tag": ("-l", "--list", "-n", "--contains", "--points-at", "--sort"),
    "config": ("--get", "--list", "-l", "--get-all", "--get-regexp"),
}
_READING_PAIRS = pairs(
    """
    remote show remote get-url stash list stash show worktree list submodule status bisect log notes show
    notes list lfs ls-files reflog show config list config get submodule summary
    """
)  # fmt: skip


def git(call: Call) -> Ruling:
    """By verb; force, deletion and what throws uncommitted work away destroy."""
    tokens = [*call.verb.split(), *texts(call)]
    verb = tokens[0] if tokens else ""
    pair = " ".join(tokens[:2])
    if _settings(call, verb):
        return unknown("a setting given before the verb can make git run any program")
    if (loss := _loss(call, verb, tokens[1:])) is not None:
        return loss
    if verb in _READS or pair in _READING_PAIRS or _lists(call, verb, tokens):
        if verb == "help" and len(call.flags):
            return unknown("it opens a browser")
        if call.has("--output"):
            return changes("it writes a file")
        if any(flag.startswith(_NOT_READING) for flag in call.flags) or any("::" in word for word in texts(call)):
            return unknown("one of its options runs a program or reads another repository")
        return reads(f"git {verb} only reads")
    if verb in _CHANGES:
        return changes(_CHANGES[verb])
    return unknown(f"{name_of(call)} is not a git command that the cockpit knows")


def _settings(call: Call, verb: str) -> bool:
    """-c and its like stand somewhere before the verb."""
    for word in call.words[1:]:
        if word.text == verb:
            return False
        if re.match(r"-c|--(config-env|exec-path|git-dir|attr-source|work-tree)", word.text):
            return True
    return False


def _lists(call: Call, verb: str, tokens: list[str]) -> bool:
    if verb == "reflog":
        return len(tokens) == 1
    if verb == "remote":
        return len(tokens) == 1 and set(call.flags) <= {"-v", "--verbose"}
    if verb not in _ONLY_LISTS:
        return False
    if verb in ("branch", "tag") and len(tokens) == 1 and not call.flags:
        return True
    return bool(call.flags) and set(call.flags) <= set(_ONLY_LISTS[verb])


def _loss(call: Call, verb: str, rest: list[str]) -> Ruling | None:
    if verb == "push":
        forced = call.has("-f", "--force", "--force-with-lease", "--force-if-includes", "--mirror", "--prune")
        removes = call.has("-d", "--delete") or any(word.startswith(("+", ":")) for word in rest)
        return destroys("commits or branches that others rely on are lost") if forced or removes else None
    if verb == "reset":
        kept = call.has("--soft", "--mixed") or not call.flags
        return changes("it moves the branch or what is staged") if kept else destroys("uncommitted work is lost")
    if verb == "gc" and call.has("--prune"):
        return destroys("commits that nothing points to are deleted")
    if verb == "clean" and call.has("-n", "--dry-run"):
        return reads("a dry run: nothing is deleted")
    if verb in _DESTROYS:
        return destroys(_DESTROYS[verb])
    if verb == "checkout" and (call.has("-f", "--force", "-B") or "." in rest or "--" in _words(call)):
        return destroys("changes that were not committed are lost")
    if verb == "switch" and call.has("-f", "--force", "--discard-changes", "-C"):
        return destroys("changes that were not committed are lost")
    if verb in ("branch", "tag") and call.has("-d", "-D", "--delete", "-M", "-f", "--force"):
        return destroys(f"a {verb} is deleted or moved")
    if (verb, rest[:1]) in _UNDOERS:
        return destroys("what it drops is lost")
    return None


_UNDOERS = (("stash", ["drop"]), ("stash", ["clear"]), ("reflog", ["expire"]), ("reflog", ["delete"]),
            ("worktree", ["remove"]), ("remote", ["remove"]), ("submodule", ["deinit"]))  # fmt: skip


def _words(call: Call) -> list[str]:
    return [word.text for word in call.words]


_GH_READS = names("list ls view status diff checks watch verify get browse logs ports")
_GH_NOUNS = names(
    """
    pr issue run workflow release repo secret variable cache label project gist org ruleset rs auth config
    attestation
    """
)
_GH_CHANGES = {
    "create": "it creates something that others see",
    "merge": "it merges, and what is deployed from that branch changes",
    "run": "it starts a workflow",
    "rerun": "it starts a workflow again",
    "cancel": "it stops a running workflow",
    "set": "it changes a secret, a variable or a setting",
    "download": "it writes files",
    **{
        verb: "it changes something that others see"
        for verb in names(
            """
    edit close reopen comment review ready update-branch sync enable disable upload develop lock unlock
    transfer add fork rename pin unpin revert approve dispatch set-default import archive unarchive
    """
        )
    },
    **{
        verb: "it changes files or settings of this machine"
        for verb in ["checkout", "clone", "login", "logout", "refresh"]
    },
}


def gh(call: Call) -> Ruling:
    """By the word after the kind of object; `api` by its method."""
    tokens = [*call.verb.split(), *texts(call)]
    noun = tokens[0] if tokens else ""
    verb = tokens[1] if len(tokens) > 1 else noun
    name = f"gh {noun} {tokens[1] if len(tokens) > 1 else ''}".strip()
    if noun == "api":
        return _gh_api(call)
    if noun == "search" or noun in ("version", "help", "status"):
        return reads(f"gh {noun} only reads")
    if verb in ("delete", "remove", "delete-asset"):
        return destroys(
            "it deletes something that others see", final=noun in ("repo", "secret", "variable", "project")
        )
    if verb == "token" and noun == "auth":
        return reads("gh auth token only reads, but what it prints is a secret")
    if noun in ("extension", "alias", "codespace", "copilot", "ssh-key", "gpg-key"):
        return reads(f"{name} only reads") if verb in ("list", "view") else unknown(f"{name} may run any program")
    if verb in _GH_CHANGES:
        return changes(_GH_CHANGES[verb])
    if verb in _GH_READS and noun in _GH_NOUNS and verb != "browse":
        return reads(f"{name} only reads")
    return unknown(f"{name} is not a gh command that the cockpit knows")


def _gh_api(call: Call) -> Ruling:
    method = (call.flag("-X", "--method") or "").upper()
    if method == "DELETE":
        return destroys("it asks the API to delete something")
    sends = call.has("-f", "-F", "--field", "--raw-field", "--input")
    if method in ("GET", "HEAD") or (not method and not sends):
        return reads("it asks the API and sends nothing")
    return changes("it sends something to the API")
