"""The program in a reply: what a model wrote as code, told apart from what it wrote around it."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from textwrap import dedent

_OPENS = re.compile(r"(?P<indent>[ \t]*)(?P<fence>```|~~~)[ \t]*(?P<kind>[\w+#.-]*)[^`]*")
LONGEST = 2**15
"""The most characters that are looked at as Python: no solution is near it, and some take ages."""
_PYTHON = ("", "python", "python3", "py", "py3")
_BEGINS = re.compile(
    r"^(?:import |from \S+ import |async def |def |class |@\w|[A-Za-z_]\w*\s*=\s*[^\s=])",
    re.MULTILINE,
)
_BRINGS = (
    *(ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
    *(ast.Assign, ast.AnnAssign),
)
"""Statements that a later block may need; examples, outputs and calls are none."""


def program(reply: str, *, prompt: str = "", name: str = "") -> str:
    r"""Return the program that a reply holds; `prompt` is the code it was to go on from.

    In this order:

    * fenced blocks of Python: the first one that defines `name` (else the first one that is
      Python), and before it what blocks above it import and define.  A fence ends at the first
      closing one with which its text is Python, so that one within a string ends nothing;
    * a definition of `name`, or any, outside fences: from the first line that begins code to the
      last with which it is Python, so that prose around it falls away, and so do calls and asserts
      at its end;
    * else the reply goes on from the prompt: it is put behind it, and indented as a function's body
      where its first line is not.

    A whole function is put behind what stands before `name` in the prompt: its imports and helpers.
    """
    text = reply.replace("\r\n", "\n").replace("\r", "\n")
    blocks = list(_blocks(text))
    defined = re.compile(
        rf"^(?:async )?(?:def|class)\s+{re.escape(name)}\b|^{re.escape(name)}\s*(?::[^=\n]+)?=",
        re.MULTILINE,
    )
    if blocks:
        python = [n for n, code in enumerate(blocks) if _parsed(code) is not None]
        wanted = [n for n, code in enumerate(blocks) if name and defined.search(code)]
        found = next(iter([*wanted, *python, 0]))
        whole = "\n".join([*filter(_brings, blocks[:found]), blocks[found]])
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


def _blocks(text: str) -> Iterator[str]:
    """Yield the fenced blocks that may be Python, without the indent of a list they stand in."""
    lines, at = text.split("\n"), 0
    while at < len(lines):
        opened = _OPENS.fullmatch(lines[at])
        at += 1
        if not opened:
            continue
        ends = [*_ends(lines, at, opened["fence"])] or [(len(lines), "")]
        bodies = ["\n".join([*lines[at:end], last]) for end, last in ends]
        bodies = [dedent(body) if opened["indent"] else body for body in bodies]
        best = next((n for n, body in enumerate(bodies) if _parsed(body) is not None), 0)
        if opened["kind"].lower() in _PYTHON:
            yield bodies[best]
        at = ends[best][0] + 1


def _ends(lines: list[str], at: int, fence: str) -> Iterator[tuple[int, str]]:
    """Yield where a block may end, and what of that line still belongs to it.

    Not beyond the next fence that names a language: that one begins another block.
    """
    for number in range(at, min(at + 1000, len(lines))):
        line = lines[number].rstrip()
        if line.endswith(fence):
            yield number, line.removesuffix(fence).rstrip()
        elif line.lstrip().startswith(fence):
            return


def _brings(code: str) -> bool:
    """Say whether a block does nothing but import and define."""
    tree = _parsed(code)
    return tree is not None and all(isinstance(node, _BRINGS) for node in tree.body)


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
        tree = _parsed(tried) if lines[end - 1].strip() else None
        if tree is not None:
            return _without_end(tried, tree, before.count("\n"))
        if len(lines) - end > 200:
            break  # so much prose behind the code that it is none
    return before + text


def _without_end(code: str, tree: ast.Module, kept: int) -> str:
    """Leave out the calls, asserts and words at the end, but nothing of the first `kept` lines."""
    body = tree.body
    while len(body) > 1 and isinstance(body[-1], ast.Expr | ast.Assert):
        if body[-1].lineno <= kept:
            break
        body = body[:-1]
    if len(body) == len(tree.body):
        return code
    return "\n".join(code.split("\n")[: max(body[-1].end_lineno or 0, kept)]) + "\n"


def _parsed(text: str) -> ast.Module | None:
    if len(text) > LONGEST:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):  # of odd escapes in strings
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
