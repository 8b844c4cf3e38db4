"""What the grader must know of this assignment: its notebook, and what a worker may use (`grader.assignment.Assignment`)."""

from pathlib import Path

from grader.assignment import Assignment

ASSIGNMENT = Assignment(notebook=Path("source/hw1/exercise.ipynb"))
