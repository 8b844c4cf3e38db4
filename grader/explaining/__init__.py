"""`grader explain`: one student's marks, where each comes from, and the command that gives them again."""
