"""Reads the lines of one block from top to bottom: which of them form one command, of which kind and caption."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cockpit.model.command import Call, Command
from cockpit.runbooks.shell import clients, content, grammar, http, redis, sql, unwrap
from cockpit.runbooks.shell.statements import Boundaries

_REMEMBERED = 2000  # characters of a command whose reading is kept
_LEAVES = frozenset({"exit", "quit", "\\q", "exit;", "quit;", "logout"})


_MOST_UNCLOSED = 20
_MOST_CONTINUED = 200  # lines
_COMMENTED = re.compile(
    r"(?<=\s)\\[ \t]+#[^'\"\n]*$", re.MULTILINE
)  # "--size=1 \\  # or more": goes on in the next line
_Read = tuple[tuple[Call, ...], str, str]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a block stands."""

    language: str
    line: int
    file: str = ""
    headings: tuple[str, ...] = ()
    caption: str = ""


@functools.lru_cache(maxsize=8192)
def _place(text: str) -> list[tuple[int, _Read]]:
    """Where the reading of a text is kept with the line that it was read for: runbooks repeat themselves."""
    return []


def _understood(text: str, line: int) -> _Read:
    """Its calls, why it is broken, and its comment."""
    kept = _place(text) if len(text) <= _REMEMBERED else []
    if kept:
        before, (calls, fault, comment) = kept[0]
        if before == line:
            return calls, fault, comment
        return tuple(call.moved(line - before) for call in calls), fault, comment
    reading = grammar.read(text)
    read = unwrap.calls_of(reading.simples, line), reading.fault, reading.comment
    kept.append((line, read))
    return read


class Reader:
    """One block. `kind`: "shell", "session" (with prompts and output), "sql", "redis", "http"."""

    def __init__(self, rows: Sequence[str], origin: Origin, kind: str) -> None:
        self.rows = list(rows)
        self.origin = origin
        self.kind = kind
        self.prompted = [False] * len(self.rows)
        self._unclosed = 0  # brackets that were looked after in vain
        self._typed = ""  # the client that the prompts are of
        if kind == "session":
            self._strip_prompts()
        self.boundaries = Boundaries(self.rows)
        self.ends = sql.Ends(self.rows)
        self.client = kind if kind in ("sql", "redis") else self._typed
        self.opener = ""
        self.comments: list[str] = []
        self.behind = ""  # the comment at the end of the command
        self.found: list[Command] = []
        self.index = 0

    def read(self) -> tuple[Command, ...]:
        """All commands in order."""
        while self.index < len(self.rows):
            line = self.rows[self.index].strip()
            if not line:
                self._blank()
            elif self._is_comment(line):
                self.comments.append(line.lstrip("#-/ ").rstrip("- "))
                self.index += 1
            elif not self._output(line):
                self._command(line)
        return tuple(self.found)

    def _strip_prompts(self) -> None:
        root = content.root_prompts(self.rows)
        first = next((row.strip() for row in self.rows if row.strip() and not row.lstrip().startswith("#")), "")
        angled = content.angled(first)
        if angled and redis.starts(content.ANGLE.sub("", first), typed=True):
            self._typed = "redis"
        for index, row in enumerate(self.rows):
            text = row.lstrip()
            if angled and content.ANGLE.match(text):
                self.rows[index], self.prompted[index] = content.ANGLE.sub("", text, count=1), True
                continue
            match = content.PROMPT.match(text)
            if match:
                self.rows[index], self.prompted[index] = text[match.end() :], True
            elif root and text.startswith("# "):
                self.rows[index], self.prompted[index] = text[2:], True
            elif text.startswith("> "):
                self.rows[index] = text[2:]

    def _blank(self) -> None:
        following = next((row.strip() for row in self.rows[self.index + 1 : self.index + 2]), "")
        if following and self._is_comment(following):
            self.comments.clear()
        self.index += 1

    def _is_comment(self, line: str) -> bool:
        if line.startswith("#"):
            return self.kind != "redis" or not line.startswith("#!")
        if line.startswith("--") and (self.client == "sql" or line.startswith("-- ")):
            return True
        return line.startswith("//") and (len(line) == 2 or line[2] == " ")

    def _output(self, line: str) -> bool:
        """What a program printed; no command."""
        if line[0] in "{[" and self.found and self.kind in ("shell", "session") and self._unclosed < _MOST_UNCLOSED:
            end = content.printed(self.rows, self.index)
            if end > self.index:
                self.index = end
                return True
            self._unclosed += 1
        if self.kind == "http" and not self._request_like(line):
            self.index += 1
            return True
        if self.kind != "session" or self.prompted[self.index]:
            return False
        if content.DATABASE_PROMPT.match(line) or content.REDIS_PROMPT.match(line):
            return False
        tagged = content.tag(self.origin.language)
        if tagged and tagged not in content.SESSION and content.known_command(line):
            return False
        self.index += 1
        return True

    def _request_like(self, line: str) -> bool:
        return (
            http.request_line(line) is not None
            or content.known_command(line)
            or line.startswith(("http://", "https://"))
        )

    def _command(self, line: str) -> None:
        if not self.client and line.split(None, 1)[0] in content.SHELL_ONLY:
            self._shell()
            return
        prompt = content.DATABASE_PROMPT.match(line)
        if prompt:
            self._sql(line[prompt.end() :], prompt=True)
            return
        prompt = content.REDIS_PROMPT.match(line)
        if prompt:
            self._redis(line[prompt.end() :])
            return
        if self.client and line.lower() in _LEAVES:
            self._leave(line)
        elif self.client == "redis" and redis.starts(line, typed=True):
            self._redis(line)
        elif self._is_sql(line):
            self._sql(line)
        elif (planned := content.schedule(line)) is not None:
            self._cron(line, *planned)
        elif self._is_request(line):
            self._request(line)
        elif self.client == "" and redis.starts(line, typed=False) and self.kind != "session":
            self._redis(line)
        else:
            self._shell()

    def _is_sql(self, line: str) -> bool:
        if self.client == "sql":
            return content.sql_starts(line, typed=True) or not content.known_command(line)
        return self.kind != "session" and content.sql_starts(line)

    def _is_request(self, line: str) -> bool:
        bare = self.kind == "http" and line.startswith(("http://", "https://")) and " " not in line
        return bare or http.request_line(line) is not None

    def _add(self, end: int, text: str, calls: tuple[Call, ...], *, broken: str = "", schedule: str = "") -> None:
        origin = self.origin
        opener = self.opener if self.client else ""
        self.found.append(
            Command(
                text,
                origin.line + self.index,
                origin.language,
                self._caption() or origin.caption,
                origin.headings,
                calls,
                origin.file,
                broken,
                schedule,
                opener,
                0 if origin.language == "inline" else origin.line,
            )
        )
        self.comments.clear()
        self.behind = ""
        self.index = end

    def _caption(self) -> str:
        before = " ".join(each for each in self.comments if each)
        return "; ".join(each for each in (before, self.behind) if each)

    @property
    def _line(self) -> int:
        return self.origin.line + self.index

    def _leave(self, line: str) -> None:
        program = "redis" if self.client == "redis" else "sql"
        base = Call(program, "QUIT" if program == "redis" else "\\q", text=line, line=self._line)
        if program == "sql":
            statement = next(sql.statements("\\q"))[1]
            base = replace(base, statement=statement)
        self._add(self.index + 1, line, (base,))
        self.client = self.opener = ""

    def _sql(self, first: str, *, prompt: bool = False) -> None:
        end, broken = (self.index + 1, "") if prompt else self.ends.end(self.index, apart=self.kind != "sql")
        text = first if prompt else "\n".join(self.rows[self.index : end]).strip()
        if prompt:
            end, text = self._prompted_sql(first)
        calls = clients.sql_calls(text, clients.sql_base(self._line))
        unread = next((f"not SQL that the parser knows: {call.text[:40]}" for call in calls if not call.verb), "")
        self._add(end, text, calls, broken=broken or unread)

    def _prompted_sql(self, first: str) -> tuple[int, str]:
        """`db=> SELECT 1` and its continuation lines `db-> FROM t;`."""
        kept, end = [first], self.index + 1
        while not kept[-1].rstrip().endswith(";") and not first.startswith("\\") and end < len(self.rows):
            prompt = content.DATABASE_PROMPT.match(self.rows[end].lstrip())
            if prompt is None or "=" in prompt.group():
                break
            kept.append(self.rows[end].lstrip()[prompt.end() :])
            end += 1
        return end, "\n".join(kept).strip()

    def _redis(self, line: str) -> None:
        base = Call("redis", line=self._line)
        self._add(self.index + 1, line, (clients.redis_call(line.rstrip(";"), base),))

    def _cron(self, line: str, schedule: str, command: str) -> None:
        reading = grammar.read(command)
        self._add(
            self.index + 1,
            line,
            unwrap.calls_of(reading.simples, self._line),
            broken=reading.fault,
            schedule=schedule,
        )

    def _request(self, line: str) -> None:
        request = http.request_line(line) or http.request_line(f"GET {line}")
        if request is None:
            self._shell()
            return
        end = self._headers(request, self.index + 1)
        end = self._body(request, end)
        text = "\n".join(self.rows[self.index : end]).strip()
        call = Call(
            "http",
            request.method,
            tuple(request.urls),
            words=tuple(request.urls),
            text=line,
            line=self._line,
            headers=request.headers,
            body=request.body,
        )
        self._add(end, text, (call,))

    def _headers(self, request: http.Request, end: int) -> int:
        while end < len(self.rows) and (pair := http.header(self.rows[end])) is not None:
            request.headers[pair[0]] = pair[1]
            end += 1
        return end

    def _body(self, request: http.Request, end: int) -> int:
        start = end + 1 if end < len(self.rows) and not self.rows[end].strip() else end
        if start >= len(self.rows) or self.rows[start].lstrip()[:1] not in ("{", "["):
            return end
        stop = start
        while stop < len(self.rows) and self.rows[stop].strip() and not self.rows[stop].startswith("#"):
            stop += 1
        request.body = "\n".join(self.rows[start:stop])
        return stop

    def _shell(self) -> None:
        end, broken = self.boundaries.end(self.index)
        last = end
        while end < min(len(self.rows), last + _MOST_CONTINUED):
            if not (_COMMENTED.search(self.rows[end - 1]) and self.rows[end].strip()):
                break
            end, broken = self.boundaries.end(end)
            broken = broken or "the comment behind a \\ ends the command there"
        text = "\n".join(self.rows[self.index : end]).strip()
        meant = _COMMENTED.sub(r"\\", text) if end > last else text
        calls, fault, self.behind = _understood(meant, self._line)
        self.client = self.opener = ""
        self._add(end, text, calls, broken=broken or fault)
        self.client = unwrap.opens(calls)
        self.opener = text if self.client else ""
