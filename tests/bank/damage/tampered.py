"""Damage that matters: repaired from the source, and reported."""

from tests.bank.damage.edits import STEM, cell_of, edit, mark


@edit({STEM})
def points_raised(document):
    """1000 points for one exercise."""
    mark(cell_of(document, f"{STEM}_laws"))["points"] = 1000
    return document


@edit({STEM})
def points_not_a_number(document):
    """NaN points."""
    mark(cell_of(document, f"{STEM}_laws"))["points"] = float("nan")
    return document


@edit({STEM})
def grade_cell_deleted(document):
    """A grade cell is missing."""
    document["cells"].remove(cell_of(document, f"{STEM}_laws"))
    return document


@edit({STEM})
def grade_cell_rewritten(document):
    """A locked grade cell that grants itself the marks."""
    cell_of(document, f"{STEM}_laws")["source"] = "3.0"
    return document


@edit({STEM})
def solution_unmarked(document):
    """A solution cell that lost its metadata, as after copy and paste."""
    cell_of(document, STEM)["metadata"] = {}
    return document


@edit({STEM})
def solution_as_markdown(document):
    """A solution cell turned into prose."""
    cell_of(document, STEM)["cell_type"] = "markdown"
    return document


@edit({STEM})
def solution_locked(document):
    """The metadata of solution and grade cell exchanged."""
    solution, grade = cell_of(document, STEM), cell_of(document, f"{STEM}_laws")
    mark(solution)["locked"], mark(grade)["locked"] = True, False
    return document


@edit({STEM})
def schema_of_the_past(document):
    """An nbgrader schema that no longer exists."""
    mark(cell_of(document, STEM))["schema_version"] = 1
    return document


@edit({STEM})
def schema_of_the_future(document):
    """An nbgrader schema that does not exist yet."""
    mark(cell_of(document, STEM))["schema_version"] = 99
    return document


@edit({STEM})
def metadata_emptied(document):
    """The nbgrader entry is there and empty, as nbgrader itself leaves it after it found a copied cell."""
    cell_of(document, STEM)["metadata"] = {"nbgrader": {}}
    return document


@edit({STEM})
def metadata_of_another_type(document):
    """The nbgrader entry is a list."""
    cell_of(document, STEM)["metadata"] = {"nbgrader": ["grade", "solution"]}
    return document
