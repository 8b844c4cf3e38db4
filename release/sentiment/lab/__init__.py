"""The machinery behind the six modules beside this folder: settings, models, training, measuring, drawing."""

import os
from pathlib import Path

# Threads that wait for each other by spinning keep a shared core busy with nothing. OpenMP reads this as torch loads, which whoever
# imports from here first does later; a user's own setting stays.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

COURSE = Path(__file__).resolve().parent.parent  # the folder that students get
