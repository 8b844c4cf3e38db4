"""nbgrader's settings for this course; the laws in tests/hidden/ decide the marks."""

from grader.gradebook.plugins import configure

c = get_config()  # nbgrader defines it

c.CourseDirectory.course_id = "course"

# Every solution cell ends in a NotImplementedError with its exercise's number and name: the stub needs no other.
c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE"}

# Submissions are not executed: marks and feedback come from the laws, through the sandbox.
configure(c, laws="tests/hidden")
