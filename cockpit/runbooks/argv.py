"""When a command can run as a plain list of words, without a shell, and why it cannot otherwise."""

from __future__ import annotations

import re

from cockpit.model.command import Command, PlaceholderStyle, Word
from cockpit.runbooks.effects.ruling import names

_BUILT_IN = names(
    """
    cd pushd popd export unset local readonly declare typeset set shopt alias unalias umask ulimit source .
    eval exec wait read trap history jobs type return exit let shift getopts hash times command builtin bg fg
    [ [[ :
    """
)
_METHODS = names("GET POST PUT PATCH DELETE HEAD OPTIONS")
_BRACES = re.compile(r"\{[^{}'\"]*(?:,|\.\.)[^{}'\"]*\}")


def argv_of(command: Command) -> tuple[tuple[str, ...], str]:
    """The words, placeholders as they are spelled; or nothing and the sentence why a shell is needed."""
    if command.broken:
        return (), "It is shown as it stands: it could not be read to its end."
    if command.schedule:
        return (), "It is shown as it stands: it belongs into a crontab."
    if command.opener or (command.calls and not command.calls[0].words):
        return (), "It is typed into a client, not into a shell."
    if len(command.calls) != 1:
        return (), "It needs a shell: it is made of several commands."
    call = command.calls[0]
    words, text = call.words, call.text
    if not call.within and (call.program in ("sql", "redis", "promql") or words[0].text in _METHODS):
        return (), "It is a question to a client or a server, not a program with its words."
    if call.within or words[0].text != call.program:  # the words are only those of the innermost program
        from cockpit.runbooks.shell import grammar

        reading = grammar.read(command.text)
        if reading.fault or len(reading.simples) != 1:
            return (), "It needs a shell: it is made of several commands."
        whole = reading.simples[0]
        words, text = tuple(whole.words), whole.text
        redirects, assigned, body = bool(whole.redirects), bool(whole.assigned), whole.body
    else:
        redirects, assigned, body = bool(call.redirects), bool(call.assigned), call.body
    if redirects or body:
        return (), "It needs a shell: it redirects input or output."
    if assigned or not words:
        return (), "It needs a shell: it sets a variable."
    return _plain(command, words, text)


def _plain(command: Command, words: tuple[Word, ...], text: str) -> tuple[tuple[str, ...], str]:
    rest = command.text.strip().removeprefix(text.strip()).strip()
    if rest not in ("", ";") and not rest.startswith("#"):
        return (), "It needs a shell: there is more around the call."
    if words[0].text in _BUILT_IN:
        return (), f"It needs a shell: {words[0].text} is a word of the shell itself."
    sources = [word.source for word in words]
    if any([word.globs for word in words]) or any([source[:1] == "~" for source in sources]):
        return (), "It needs a shell: file names are to be expanded."
    if any(_BRACES.search(source) for source in sources if "{" in source and source[:1] not in "'\""):
        return (), "It needs a shell: words in braces are to be expanded."
    styles = {placeholder.style for word in words for placeholder in word.placeholders}
    if PlaceholderStyle.SUBSTITUTION in styles or any(map(_expands, words)):
        return (), "It needs a shell: something in it is to be computed."
    return tuple(word.text for word in words), ""


def _expands(word: Word) -> bool:
    """A dollar or backtick that is no placeholder, outside of single quotes."""
    if "$" not in word.source and "`" not in word.source:
        return False
    source = re.sub(r"'[^']*'", "", word.source) if not word.source.startswith('"') else word.source
    for placeholder in word.placeholders:
        source = source.replace(placeholder.spelled, "")
    return bool(re.search(r"(?<!\\)[$`]", source))
