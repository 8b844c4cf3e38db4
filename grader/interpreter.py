"""Commands as one types them in the course's folder, as README has them."""

import sys
from pathlib import Path


def program(name="python"):
    """`.venv/bin/<name>` where the environment lies below this folder; the bare name outside of environments."""
    if sys.prefix == sys.base_prefix:
        return name
    path = Path(sys.executable).with_name(name)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
