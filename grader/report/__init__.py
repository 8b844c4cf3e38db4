"""`grader report`: what a class as a whole shows, as one page, as JSON and as CSV. Nothing is graded, and no student's code runs."""
