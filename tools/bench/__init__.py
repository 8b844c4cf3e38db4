"""How fast the course trains: `python -m tools.bench` against TRL's defaults, `python -m tools.bench.breakdown` part by part."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "source" / "sentiment"))
