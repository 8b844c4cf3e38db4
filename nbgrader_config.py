"""nbgrader's settings for this course: where things lie, what a stub looks like, and who decides the marks."""

from grader.gradebook.plugins import configure

c = get_config()  # nbgrader defines it

c.CourseDirectory.course_id = "rl-sentiment"
c.CourseDirectory.solution_directory = "solutions"
c.CourseDirectory.ignore = [
    ".ipynb_checkpoints",
    "*.pyc",
    "__pycache__",
    ".ruff_cache",
    ".pytest_cache",
    "feedback",
    "runs",  # training runs started in the assignment's folder
    "outputs*",
    "handin",  # what submit.py writes
    "wandb",
]

# Every solution cell ends in a NotImplementedError with its exercise's number and name: the stub needs no other.
c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE"}

c.Execute.timeout = 600  # one cell: four training runs on a slow laptop
c.Execute.iopub_timeout = 30  # nbgrader's 4 s drop a notebook when the machine is busy

# Submissions are not executed: marks and feedback come from the laws in tests/hidden/, through the sandbox.
configure(c, laws="tests/hidden")
