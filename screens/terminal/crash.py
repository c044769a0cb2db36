"""The crash report: a file with the way to the error, without local variables; the screen gets one sentence."""

from __future__ import annotations

import os
import platform
import re
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

import platformdirs
from textual.worker import WorkerFailed

from cockpit.text import clean_lines

_FRAMES = 60
# A message may quote what the program was working on: user:password@ in an address, and anything said to be secret.
_USERINFO = re.compile(r"(\w+://)[^\s/@]*:[^\s/]*@")
_NAMED = re.compile(
    r"(?i)((?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|authorization|bearer|cookie|signature)\b"
    r"['\"]?\s*[=:]?\s*)(?:bearer\s+)?(\"[^\"]*\"|'[^']*'|[^\s,;&)'\"]+)"
)


def mask(text: str) -> str:
    """`text` with what looks like a credential replaced."""
    return _NAMED.sub(r"\1***", _USERINFO.sub(r"\1***@", text))


def state_folder() -> Path:
    """The cockpit's own folder for what it writes, made with mode 0700 if it is not there."""
    folder = platformdirs.user_state_path("cockpit")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def report_text(error: BaseException | None) -> str:
    """Versions, and where the error came from. Messages are masked and cleaned; locals are not captured."""
    lines = [
        f"cockpit {_version('oncall-cockpit')}, textual {_version('textual')}, rich {_version('rich')}",
        f"python {platform.python_version()} on {platform.system()} {platform.machine()}",
        f"TERM={os.environ.get('TERM', '')}",
        f"at {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "",
    ]
    cause = error.error if isinstance(error, WorkerFailed) else error
    if cause is None:
        lines.append("no exception was given")
    else:
        report = traceback.TracebackException.from_exception(cause, capture_locals=False, limit=-_FRAMES)
        for part in report.format():
            lines.extend(clean_lines(mask(part.rstrip("\n"))))
    return "\n".join(lines) + "\n"


def save_report(error: BaseException | None) -> Path | None:
    """Write the report (0600) into the state folder, else into a new temporary one; None when neither takes it."""
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    for folder in (state_folder, lambda: Path(tempfile.mkdtemp(prefix="cockpit-"))):
        try:
            path = folder() / f"crash-{stamp}-{os.getpid()}.txt"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(report_text(error))
        except OSError:
            continue
        return path
    return None


def write_report(error: BaseException | None) -> str:
    """Write the report and return the sentence for the screen: what happened, and where the report is."""
    cause = error.error if isinstance(error, WorkerFailed) else error
    name = type(cause).__name__ if cause is not None else "unknown error"
    said = f"The cockpit ended because of an error of its own ({name})."
    path = save_report(error)
    if path is None:
        return f"{said} The report could not be written: no space, or no permission."
    return f"{said} The report, without local variables, is in {path}"


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version  # slow to import, and needed only here

    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
