"""What of this machine's files a worker sees, and where: the system and Python, read-only, and nothing of the course."""

import os
import sys
from pathlib import Path

from grader.errors import SandboxError
from grader.wall.inside import wire

SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/alternatives")
# wherever it lies outside: a tmpfs covers /tmp, where a fresh one may well be
ENVIRONMENT_INSIDE = "/env"
INSIDE = str(Path(wire.__file__).parent)  # the code of the students' side


def python_folders() -> list[tuple[str, str]]:
    """What Python needs to run, and nothing of the course, as (place inside, outside): the base installation, this environment."""
    folders = {os.path.realpath(sys.base_prefix): os.path.realpath(sys.base_prefix)}
    if sys.prefix != sys.base_prefix:
        folders[ENVIRONMENT_INSIDE] = sys.prefix
    return sorted((inside, outside) for inside, outside in folders.items() if outside != "/usr")


def python_inside() -> str:
    """The interpreter by its place inside."""
    if sys.prefix == sys.base_prefix:
        return sys.executable
    return sys.executable.replace(sys.prefix, ENVIRONMENT_INSIDE, 1)


def check_outside(*paths: Path) -> None:
    """SandboxError if one of these lies where every worker can read."""
    for path in paths:
        for folder in (*SYSTEM, *(outside for _, outside in python_folders())):
            if Path(path).resolve().is_relative_to(Path(folder).resolve()):
                raise SandboxError(
                    f"{path} lies below {folder}, which every submission can read: move the course to another folder,"
                    " or the Python environment to a folder of its own"
                )


def mounts(stage: str | None) -> list[str]:
    """The system, Python and our code, as bubblewrap's options; `stage` has what the user cannot reach by itself."""
    options = [part for path in SYSTEM if Path(path).exists() for part in place(path)]
    for number, (place_inside, path) in enumerate(python_folders()):
        options += ["--ro-bind", f"{stage}/{number}" if stage else path, place_inside]
    return [*options, "--ro-bind", f"{stage}/inside" if stage else INSIDE, "/grader/inside"]


def place(path: str) -> list[str]:
    """Merged-usr systems have /lib and /bin as links; they must be links inside as well."""
    if Path(path).is_symlink():
        return ["--symlink", str(Path(path).readlink()), path]
    return ["--ro-bind", path, path]


def devices() -> list[str]:
    """A /dev with the four that programs need. bubblewrap's own holds every pseudo-terminal of the machine, too."""
    names = ("null", "zero", "random", "urandom")
    bound = [part for name in names for part in ("--dev-bind", f"/dev/{name}", f"/dev/{name}")]
    ends = {"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"}.items()
    links = [
        part for name, to in ends for part in ("--symlink", f"/proc/self/fd{to}", f"/dev/{name}")
    ]
    return ["--tmpfs", "/dev", *bound, *links, "--dir", "/dev/shm"]
