"""`grader collect`: what becomes of each student's work, planned as a table, then done."""
