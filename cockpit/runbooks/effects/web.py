"""Effects of HTTP requests."""

from __future__ import annotations

import re
from urllib.parse import unquote

from cockpit.model.command import Call
from cockpit.runbooks.effects.ruling import Ruling, changes, destroys, names, reads, unknown, worst

_READS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_SENDS = names(
    """
    -d --data --data-raw --data-binary --data-ascii --data-urlencode --json -F --form --form-string
    """
) | {"--post-data", "--post-file", "--body-data", "--body-file"}
_WRITES = names(
    """
    -o --output -O --remote-name --remote-name-all -J -D --dump-header -c --cookie-jar --trace --trace-ascii
    --libcurl --etag-save --output-dir --stderr --hsts --alt-svc --output-document -P --directory-prefix
    """
)
# Options of curl, wget and HTTPie that neither send, nor write, nor read options from elsewhere.
_HARMLESS = names(
    """
    -s -S -f -L -v -i -I -k -4 -6 -G -N -# -n -g -w -H -A -e -u -b -m -x -X -r -y -Y -z -E -0 -2 -l -a -p
    --silent --show-error --fail --fail-with-body --fail-early --location --location-trusted --verbose
    --include --head --insecure --ipv4 --ipv6 --get --no-buffer --progress-bar --netrc --globoff --write-out
    --header --user-agent --referer --user --cookie --max-time --proxy --request --range --connect-timeout
    --retry --retry-delay --retry-all-errors --retry-connrefused --retry-max-time --compressed --resolve
    --connect-to --cacert --cert --key --capath --ciphers --tlsv1 --tlsv1.2 --tlsv1.3 --tls-max --http0.9
    --http1.0 --http1.1 --http2 --http3 --url --oauth2-bearer --basic --digest --negotiate --anyauth
    --interface --max-redirs --max-filesize --noproxy --no-keepalive --keepalive-time --limit-rate --parallel
    --path-as-is --proto --proto-default --proto-redir --raw --rate --speed-limit --speed-time --styled-output
    --no-progress-meter --url-query --unix-socket --abstract-unix-socket --haproxy-protocol
    --disallow-username-in-url --doh-url --dns-servers --cert-type --key-type --pass --pinnedpubkey
    --http2-prior-knowledge --no-sessionid --no-alpn --no-npn --tcp-nodelay --tcp-fastopen -q --quiet
    --server-response --spider -T --timeout -t --tries --no-check-certificate --waitretry --method --body
    --headers --check-status --ignore-stdin --print --pretty --auth --verify -A
    """
)
# Words of a path by which a GET does something all the same, and those that do so at its end only.
_ACTS = names(
    """
    delete destroy drop flush purge wipe truncate shutdown restart reboot kill quitquitquit quit cancel rollback
    invalidate revoke drain failover requeue reindex
    """
)
_ACTS_LAST = names(
    """
    remove clear reset reload stop start run trigger execute exec cleanup migrate deploy enable disable retry promote
    abort pause resume unlock refresh replay rebuild suspend terminate evict
    """
)
_ACTS_AS_KEY = names("cmd exec delete destroy flush purge shutdown restart kill drop truncate")
_METHODS = _READS | {"POST", "PUT", "PATCH", "DELETE"}
_OVERRIDES = re.compile(r"x-(http-)?method(-override)?", re.IGNORECASE)
_METHOD_IN_URL = re.compile(r"[?&]_?method=(\w+)", re.IGNORECASE)
_GUESSES = ("http", "https", "xh", "xhs")
_ITEM = re.compile(r"^[\w.\[\]-]+(:=|=|@)(?!=)")
_HOOK = re.compile(r"https://api\.render\.com/deploy/")  # https://render.com/docs/deploy-hooks: a GET deploys, too
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://")


def http(call: Call) -> Ruling:
    """By method, what is sent, and where the answer goes."""
    return worst([_request(call), *_options(call)])


def _request(call: Call) -> Ruling:
    methods = {(call.verb or "GET").upper(), *(value.upper() for value in call.flags.get("--request", ()))}
    methods |= {value.strip().upper() for name, value in call.headers.items() if _OVERRIDES.fullmatch(name.strip())}
    methods |= {match.upper() for word in call.args for match in _METHOD_IN_URL.findall(word.text)}
    if _tool(call).rpartition("/")[2] in _GUESSES:
        methods |= _guessed(call)
    return worst([_method(call, method) for method in sorted(methods)])


def _method(call: Call, method: str) -> Ruling:
    if method == "DELETE":
        return destroys("DELETE asks the server to delete what the URL names")
    if method not in _READS:
        known = method in ("POST", "PUT", "PATCH")
        return (
            changes(f"{method} asks the server to change something")
            if known
            else unknown(f"{method} is not a method that only reads")
        )
    if call.has("-T", "--upload-file") and "curl" in _tool(call):
        return changes("it uploads a file")
    sends = any(flag in _SENDS for flag in call.flags) or bool(call.body)
    if sends and not call.has("-G", "--get", "-I", "--head") and not call.has("-X", "--request", "--method"):
        return changes("it sends data to the server")
    if any(_HOOK.match(word.text) for word in call.args):
        return changes("it is a deploy hook: whoever opens it deploys")
    if action := _action_of(call):
        return unknown(f"by its path ({action}) the request does something")
    return reads(f"{method} only reads")


def _guessed(call: Call) -> set[str]:
    """HTTPie and xh take the method from what there is to send, and standard input counts."""
    given = {word.text.upper() for word in call.words[1:3]} & _METHODS
    if given:
        return given
    sends = call.piped or bool(call.redirects) or any(_ITEM.search(word.text) for word in call.words[2:])
    return {"POST"} if sends else set()


def _action_of(call: Call) -> str:
    """A word of the path or of a parameter that asks for more than an answer, "" for none."""
    for word in call.args:
        address, _, query = unquote(word.text).partition("#")[0].partition("?")
        path = [part for part in address.partition("://")[2].split("/")[1:] or address.split("/")[1:] if part]
        pairs = [pair.partition("=") for pair in query.split("&")]
        found = {part for segment in path for part in _parts(segment)} & _ACTS
        found |= _parts(path[-1]) & _ACTS_LAST if path else set()
        found |= {value.lower() for _, _, value in pairs} & (_ACTS | _ACTS_LAST)
        found |= {part for key, _, _ in pairs for part in _parts(key)} & _ACTS_AS_KEY
        if found:
            return min(found)
    return ""


def _parts(text: str) -> set[str]:
    """delete-user, deleteUser, delete_user -> {"delete", "user"}; a word with a point is a file or a host."""
    if "." in text:
        return set()
    return {part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", text)}


def _options(call: Call) -> list[Ruling]:
    found: list[Ruling] = []
    for word in call.args:
        scheme = _SCHEME.match(word.text.lower())
        if scheme and scheme.group(1) not in ("http", "https", "file"):
            found.append(unknown(f"what is sent over {scheme.group(1)} was not looked at"))
    if any(value.startswith("@") for value in call.flags.get("--write-out", ())):
        found.append(unknown("what it writes is said by a file"))
    if any("%output" in value for value in call.flags.get("--write-out", ())):
        found.append(changes("it writes a file"))
    for flag, values in call.flags.items():
        if flag in _WRITES:
            if not all(value in ("/dev/null", "-", "/dev/stdout", "/dev/stderr") for value in values):
                found.append(changes("it writes the answer to a file"))
        elif flag in ("-K", "--config"):
            found.append(unknown("its options come from a file"))
        elif flag not in _HARMLESS and flag not in _SENDS and flag not in ("-T", "--upload-file"):
            found.append(unknown(f"the option {flag} is not known to be harmless"))
    if "wget" in _tool(call) and not call.has("-O", "--output-document", "--spider", "-qO-", "-O-"):
        found.append(changes("it writes the answer to a file"))
    return found


def _tool(call: Call) -> str:
    return call.words[0].text if call.words else ""
