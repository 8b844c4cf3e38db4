"""Hostile and damaged notebooks: edits of the whole file, and what must come of each (see edits.py)."""

from tests.bank.damage import attacks, harmless, tampered, unreadable
from tests.bank.damage.edits import EDITS, STEM

__all__ = ["EDITS", "STEM", "attacks", "harmless", "tampered", "unreadable"]
