"""The gate: rewards that pass the laws must also teach a model, or `gate/__main__.py` says which check they fail."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "source" / "sentiment"

if str(SOURCE) not in sys.path:  # the teaching modules import each other by bare names
    sys.path.insert(0, str(SOURCE))
