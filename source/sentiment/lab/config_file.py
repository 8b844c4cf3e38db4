"""A run's settings as a YAML file: `--config` takes it, and every run leaves its own beside it.

The form is that of TRL's parser, a mapping from flags to values. What TRL's lets pass in silence is an error here: another type, an
`env` that would change variables of the process.
"""

from dataclasses import Field
from pathlib import Path
from typing import Any

from lab.errors import ConfigError

KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text (quote it)"}
HEAD = "# The settings of the run beside this file; `python train.py --config THIS_FILE` trains with them again.\n"


def from_file(name: str, known: "tuple[Field[Any], ...]") -> dict[str, Any]:
    """Return the settings of a YAML file by name, each of its field's type; an empty file has none.

    Raises:
        ConfigError: one line; there is no such file, it is no mapping in YAML, or a setting is unknown or of another type.
    """
    import yaml

    try:
        found = yaml.safe_load(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"--config {name}: {error.strerror or error}") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: no UTF-8
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1})" if mark else ""
        raise ConfigError(f"--config {name}: it is no YAML{place}") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ConfigError(f"--config {name}: it must be lines of the form `setting: value`")
    kinds: dict[Any, Any] = {field.name: field.type for field in known}
    if unknown := [str(key) for key in found if key not in kinds]:
        raise ConfigError(
            f"--config {name}: unknown setting {', '.join(unknown)}: `train.py --help` lists them all"
        )
    return {key: typed(name, key, value, kinds[key]) for key, value in found.items()}


def typed(name: str, key: str, value: Any, kind: type) -> Any:
    """Return a value as its setting's type; ConfigError where it is of another.

    YAML's 1e-5 is text, as it has no point; a whole number is a number, too.
    """
    if kind is float and isinstance(value, (int, str)) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass
    elif type(value) is kind:
        return value
    raise ConfigError(f"--config {name}: {key} is {value!r}: it must be {KINDS[kind]}")


def write_settings(path: Path, settings: dict[str, Any]) -> None:
    """Write settings as a file for `--config`, without `resume`, which is no setting of a run."""
    import yaml

    kept = {key: value for key, value in settings.items() if key != "resume"}
    text = yaml.safe_dump(kept, sort_keys=False, allow_unicode=False)
    path.write_text(HEAD + text, encoding="utf-8")
