"""Read a study file: YAML in; a checked `Study`, or one line, out.

    extends: FILE --> the file --> scales: NAME --> overrides --> variables: ${NAME} --> Study

Each is laid over the one before: mappings are merged, everything else is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from reprlib import Repr
from typing import Any

from pydantic import BaseModel, ValidationError

from espalier.errors import SpecError, choices
from espalier.study import Study

SUFFIXES = (".yaml", ".yml")


def shipped() -> dict[str, Path]:
    """Return the studies that come with Espalier, by name."""
    installed = Path(str(files("espalier"))) / "studies"
    folder = installed if installed.is_dir() else Path(__file__).parents[2] / "studies"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find(name: str) -> Path:
    """Return the study file that `name` means: a path, or the name of a shipped study."""
    path = Path(name)
    if path.is_file():
        return path
    if path.is_dir():
        raise SpecError(f"{name} is a folder; name a study file in it")
    if name in shipped():
        return shipped()[name]
    if path.suffix in SUFFIXES or "/" in name:
        raise SpecError(f"{name}: no such file; `espalier init {path.stem}` writes a study to edit")
    raise SpecError(f"{name}: neither a file nor a shipped study; {choices(name, shipped())}")


def load(path: Path, overrides: Sequence[str] = ()) -> Study:
    """Read the study at `path`, with `train.learning_rate=1e-4`-like overrides on top.

    Relative paths in the file start from the file's own folder; those given as overrides, from
    the folder the command runs in, as a shell user expects.  The override `scale=hour` chooses
    one of the file's `scales:`, and `variables.world=1` changes one of its `variables:`; either
    makes another name, so that its results lie beside the others, unless `name=` is given too.
    """
    given = _read(path, ())
    scale = _scaled(given, overrides, path)
    variables = dict(_variables(given, path))
    for override in overrides:
        if not override.startswith("scale="):
            _override(given, override)
    given = _filled(given, path)
    if not any(override.startswith("name=") for override in overrides):
        changed = {n: v for n, v in _variables(given, path).items() if v != variables[n]}
        _rename(given, scale, changed)
    given.pop("variables", None)
    if "extends" in given:
        raise SpecError("extends: stands in a study file; it cannot be given as an override")
    if "root" in given:
        raise SpecError(f"{path}: root: no such field; sources start from `data:`")
    return check(given, str(path), root=path.parent)


def check(given: Mapping[str, Any], where: str, *, root: Path) -> Study:
    """Return the study `given` describes, or refuse it in one line that begins with `where`."""
    try:
        return Study.model_validate({**given, "root": str(root.resolve())})
    except ValidationError as error:
        raise SpecError(f"{where}: {explain(error, Study)}") from None
    except SpecError as error:
        raise SpecError(f"{where}: {error}") from None


def _scaled(given: dict[str, Any], overrides: Sequence[str], path: Path) -> str | None:
    """Lay the scale that is asked for over a study, and return its name."""
    scales = given.pop("scales", None) or {}
    if not isinstance(scales, dict) or not all(isinstance(s, dict) for s in scales.values()):
        raise SpecError(f"{path}: scales: write {{hour: {{seeds: 2, ...}}}}, what each one changes")
    for name, changes in scales.items():
        if inside := {"name", "extends", "scales", "root"} & changes.keys():
            raise SpecError(f"{path}: scales.{name}.{min(inside)}: no scale can change it")
    asked = [o.partition("=")[2] for o in overrides if o.startswith("scale=")]
    if not asked:
        return None
    if asked[-1] not in scales:
        known = choices(asked[-1], map(str, scales)) if scales else "the study has no `scales:`"
        raise SpecError(f"{path}: no scale '{asked[-1]}'; {known}")
    _merge(given, scales[asked[-1]])
    return asked[-1]


def _variables(given: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """Return a study's variables: names with a text or a number each."""
    variables = given.get("variables") or {}
    plain = isinstance(variables, dict) and all(
        re.fullmatch(r"\w+", str(name)) and type(value) in (str, int, float)
        for name, value in variables.items()
    )
    if not plain:
        raise SpecError(
            f"{path}: variables: write {{world: 0}}, names with a text or a number each"
        )
    return variables


def _filled(given: dict[str, Any], path: Path) -> dict[str, Any]:
    """Put variables in the place of `${NAME}` in every text.

    A text that is nothing else becomes the value itself, a number where it is one.
    """
    variables = _variables(given, path)

    def value(name: str, where: str) -> Any:
        if name in variables:
            return variables[name]
        known = choices(name, variables) if variables else "the study has no `variables:`"
        raise SpecError(f"{path}: {where}: no variable '{name}'; {known}")

    done: dict[int, Any] = {}

    def fill(part: Any, where: list[str | int]) -> Any:
        if isinstance(part, dict | list):  # an anchor may stand in many places, or in itself
            if id(part) not in done:
                done[id(part)] = part
                pairs = part.items() if isinstance(part, dict) else enumerate(part)
                filled = {n: fill(v, [*where, n]) for n, v in pairs}
                done[id(part)] = filled if isinstance(part, dict) else [*filled.values()]
            return done[id(part)]
        if not isinstance(part, str) or "${" not in part:
            return part
        if whole := _VARIABLE.fullmatch(part):
            return value(whole[1], _dotted(where))
        return _VARIABLE.sub(lambda found: str(value(found[1], _dotted(where))), part)

    return {n: v if n == "variables" else fill(v, [n]) for n, v in given.items()}


def _rename(given: dict[str, Any], scale: str | None, changed: Mapping[str, Any]) -> None:
    """Name a study after its scale and its changed variables, as dong2023-hour-world1."""
    if isinstance(given.get("name"), str):
        parts = [scale] if scale else []
        parts += [re.sub(r"[^\w.+]+", "_", f"{n}{v}") for n, v in changed.items()]
        given["name"] = "-".join((given["name"], *parts))


_VARIABLE = re.compile(r"\$\{(\w+)\}")

_BRIEF = Repr()
_BRIEF.maxlevel, _BRIEF.maxstring, _BRIEF.maxother = 2, 60, 60

PLAINLY = {
    "tuple_type": "should be a list",
    "list_type": "should be a list",
    "model_type": "should be a mapping",
    "dict_type": "should be a mapping",
    "too_short": "should hold at least one entry",
    "string_pattern_mismatch": "may hold only letters, digits and . _ + -, "
    "and begins with a letter or digit",
}
"""Mistakes in the words of a study file rather than in those of the checker."""


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Return the first mistake in one line: where, what, and what else there is."""
    errors = _own(error.errors(include_url=False))
    first = errors[0]
    location = [part for part in first["loc"] if not str(part).startswith("function-")]
    where = _dotted(location)
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        known = _fields(model, location[:-1])
        return f"{where}: no such field; {choices(str(location[-1]), known)}{more}"
    if first["type"] == "missing":
        needs = "the list is too short" if isinstance(location[-1], int) else _needs(location)
        return f"{where}: is missing; {needs}{more}"
    if first["type"] in PLAINLY:
        return f"{where}: {PLAINLY[first['type']]}, not {_short(first['input'])}{more}"
    if first["type"] not in ("value_error", "assertion_error"):
        message = f"{message[0].lower()}{message[1:]}, not {_short(first['input'])}"
    return f"{where}: {message}{more}" if where else f"{message}{more}"


def _own(errors: list[Any]) -> list[Any]:
    """Leave out lists that are only too short because of mistakes in their entries."""

    def follows(one: Any) -> bool:
        size = len(one["loc"])
        return one["type"] == "too_short" and any(
            other["loc"][:size] == one["loc"] and len(other["loc"]) > size for other in errors
        )

    return [one for one in errors if not follows(one)]


def _needs(location: Sequence[Any]) -> str:
    """Say what every entry of the innermost list of a location needs, in the singular."""
    lists = [str(part) for part in location[:-1] if isinstance(part, str)]
    names = {"abilities": "ability", "strategies": "strategy"}
    noun = names.get(lists[-1], lists[-1].removesuffix("s")) if lists else "study"
    return f"every {noun} needs it"


def _short(value: Any) -> str:
    """Write a value shortly, however large: aliases can make a small file say a lot."""
    text = _BRIEF.repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _dotted(location: Iterable[Any]) -> str:
    text = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in location)
    return text.lstrip(".")


def _fields(model: type[BaseModel], location: Sequence[Any]) -> list[str]:
    """Return the fields known at `location` inside `model`."""
    from typing import get_args

    def inner(annotation: Any) -> type[BaseModel] | None:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return annotation
        return next((m for a in get_args(annotation) if (m := inner(a)) is not None), None)

    for part in location:
        if isinstance(part, str) and part in model.model_fields:
            model = inner(model.model_fields[part].annotation) or model
    known = [name for name in model.model_fields if name != "root"]
    return known if location else [*known, "extends", "scales", "variables"]


def _read(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    """Read one YAML file, and beneath it the file it extends."""
    if path.resolve() in seen:
        raise SpecError(f"{path}: extends itself: {' -> '.join(str(p.name) for p in seen)}")
    given = parse(path)
    parent = given.pop("extends", None)
    if parent is None:
        return given
    if not isinstance(parent, str):
        raise SpecError(f"{path}: extends: give one file name, not {_short(parent)}")
    base = shipped().get(parent) or path.parent / parent
    if not base.is_file():
        raise SpecError(f"{path}: extends: no file {base}; {choices(parent, shipped())}")
    below = _read(base, (*seen, path.resolve()))
    if base.parent.resolve() != path.parent.resolve():
        _rebase(below, base.parent)
    return _merge(below, given)


def parse(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds one mapping."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    try:
        given = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise SpecError(f"{path}: {_yaml_mistake(error)}") from None
    except RecursionError:
        raise SpecError(f"{path}: nested too deeply to be a study file") from None
    if not isinstance(given, dict):
        kind = "is empty" if given is None else f"holds a {type(given).__name__}"
        raise SpecError(f"{path}: {kind}; a study file is a mapping that begins with `name:`")
    return given


def _yaml_mistake(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    line = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    problem = getattr(error, "problem", None) or str(error)
    return f"{line}{' '.join(problem.split())}"


def _rebase(given: dict[str, Any], folder: Path) -> None:
    """Make the paths of a file in another folder absolute, so that they stay true."""
    scales = given.get("scales")
    for scale in scales.values() if isinstance(scales, dict) else ():
        if isinstance(scale, dict):
            _rebase(scale, folder)
    for shelf in ("sources", "models"):
        if isinstance(given.get(shelf), list):
            given[shelf] = [
                {**entry, "path": _from(folder, entry.get("path"))}
                if isinstance(entry, dict)
                else _from(folder, entry)
                for entry in given[shelf]
            ]
    for entry in given.get("abilities") or ():
        for name in ("data", "file"):
            if isinstance(entry, dict) and isinstance(entry.get(name), str):
                entry[name] = _from(folder, entry[name])
    if isinstance(given.get("data"), str):
        given["data"] = str((folder / given["data"]).resolve())


def _from(folder: Path, path: Any) -> Any:
    """Make a path or pattern absolute where it leads somewhere from `folder`."""
    if not isinstance(path, str) or not path or ":" in path:
        return path
    whole = folder.resolve() / Path(path).expanduser()
    pattern = any(sign in whole.name for sign in "*?[")
    there = (whole.parent if pattern else whole).exists()
    return str(whole) if there else path


def _merge(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `above` over `below`: mappings are merged, everything else is replaced."""
    for name, value in above.items():
        if isinstance(value, Mapping) and isinstance(below.get(name), dict):
            below[name] = _merge(below[name], value)
        else:
            below[name] = value
    return below


def _override(given: dict[str, Any], override: str) -> None:
    """Set one dotted name, as `train.learning_rate=1e-4` or `sources[0].path=rows.jsonl`."""
    name, equals, text = override.partition("=")
    parts = [p for p in re.split(r"[.\[\]]+", name) if p]
    if not equals or not parts:
        raise SpecError(f"'{override}': an override is NAME=VALUE, as train.learning_rate=1e-4")
    is_path = parts[-1] in ("data", "path")  # taken as it stands: `*.jsonl` is no YAML
    value = _from(Path(), text) if is_path else _value(text, override)
    here: Any = given
    for part in parts[:-1]:
        here = _inside(here, part, override)
    last = parts[-1]
    if parts[0] == "variables" and isinstance(here, dict) and last not in here:
        known = choices(last, map(str, here)) if here else "the study has no `variables:`"
        raise SpecError(f"'{override}': no variable '{last}'; {known}")
    if isinstance(here, list):
        here[_index(here, last, override)] = value
    elif isinstance(here, dict):
        here[last] = value
    else:
        raise SpecError(f"'{override}': {'.'.join(parts[:-1])} has no parts to set")


def _value(text: str, override: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        raise SpecError(f"'{override}': the value is not YAML; put it in quotes") from None


def _inside(here: Any, part: str, override: str) -> Any:
    if isinstance(here, list):
        return here[_index(here, part, override)]
    if isinstance(here, dict):
        if here.get(part) is None:
            here[part] = {}
        return here[part]
    raise SpecError(f"'{override}': '{part}' lies inside a plain value")


def _index(entries: list[Any], part: str, override: str) -> int:
    """Find an entry by its number or by its name."""
    names = [e.get("name") if isinstance(e, dict) else e for e in entries]
    if part in names:
        return names.index(part)
    if part.isdecimal() and int(part) < len(entries):
        return int(part)
    known = [str(n) for n in names if n is not None]
    raise SpecError(f"'{override}': no entry '{part}'; {choices(part, known)}")
