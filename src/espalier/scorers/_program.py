"""The program in a reply: what a model wrote as code, told apart from what it wrote around it."""

from __future__ import annotations

import ast
import re
import warnings

_FENCE = re.compile(
    r"^[ \t]*(?:```|~~~)[ \t]*([\w+#.-]*)[^\n]*\n(.*?)(?:^[ \t]*(?:```|~~~)|\Z)",
    re.MULTILINE | re.DOTALL,
)
_BEGINS = re.compile(r"^(?:import |from \S+ import |async def |def |class |@\w)", re.MULTILINE)
_PYTHON = ("", "python", "python3", "py", "py3")


def program(reply: str, *, prompt: str = "", name: str = "") -> str:
    r"""Return the program that a reply holds; `prompt` is the code it was to go on from.

    In this order:

    * a fenced block of Python: all blocks up to the first one that defines `name`, else the first;
    * a definition of `name`, or any, outside fences: from the first line that begins code to the
      last with which it is Python, so that prose before and after it falls away;
    * else the reply goes on from the prompt: it is put behind it, and indented as a function's body
      where its first line is not.

    A whole function is put behind what stands before `name` in the prompt: its imports and helpers.
    """
    text = reply.replace("\r\n", "\n").replace("\r", "\n")
    blocks = [code for kind, code in _FENCE.findall(text) if kind.lower() in _PYTHON]
    defined = re.compile(
        rf"^(?:async )?(?:def|class)\s+{re.escape(name)}\b|^{re.escape(name)}\s*=", re.MULTILINE
    )
    if blocks:
        found = next((n for n, code in enumerate(blocks) if name and defined.search(code)), 0)
        whole = "\n".join(blocks[: found + 1])
        if name and prompt and not defined.search(whole):
            return _continued(prompt, whole)
        return _joined(preamble(prompt, name), whole)
    if (name and defined.search(text)) or (not prompt and _BEGINS.search(text)):
        return _joined(preamble(prompt, name), _code(text))
    return _continued(prompt, text)


def preamble(prompt: str, name: str) -> str:
    """Return what stands in the prompt before the definition of `name`: imports and helpers."""
    found = (
        re.search(rf"^(?:async )?def\s+{re.escape(name)}\b", prompt, re.MULTILINE) if name else None
    )
    return prompt[: found.start()] if found else ""


def _joined(before: str, code: str) -> str:
    """Put the preamble first, but for future imports, which must stand at the very beginning."""
    return f"{before.rstrip()}\n\n{code}" if before.strip() and "__future__" not in code else code


def _continued(prompt: str, text: str) -> str:
    """Put a completion behind its prompt, up to the last line with which it is Python."""
    text = text.strip("\n") if text.strip() else "pass"
    if prompt and not text[:1].isspace():
        lines = text.split("\n")
        rest = [line for line in lines[1:] if line.strip()]
        # chat replies are stripped: then only the first line has lost its indent
        only_first = bool(rest) and all(line[:1].isspace() for line in rest)
        lines = ["    " + lines[0], *lines[1:]] if only_first else ["    " + line for line in lines]
        text = "\n".join(lines)
    return _whole(prompt if not prompt or prompt.endswith("\n") else prompt + "\n", text)


def _code(text: str) -> str:
    begins = _BEGINS.search(text)
    return _whole("", text[begins.start() :]) if begins else text


def _whole(before: str, text: str) -> str:
    """Return `before` with as many lines of `text` as are Python together; all where none are."""
    lines = text.split("\n")
    for end in range(len(lines), 0, -1):
        tried = before + "\n".join(lines[:end]) + "\n"
        if lines[end - 1].strip() and _parses(tried):
            return tried
        if len(lines) - end > 200:
            break  # so much prose behind the code that it is none
    return before + text


def _parses(text: str) -> bool:
    try:
        with warnings.catch_warnings(action="ignore"):  # of odd escapes in strings
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
