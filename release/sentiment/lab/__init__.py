"""The machinery behind the six modules beside this folder: settings, models, training, measuring, drawing."""

from pathlib import Path

COURSE = Path(__file__).resolve().parent.parent  # the folder that students get
