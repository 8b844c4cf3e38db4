"""A class: verdicts from parallel jobs, training runs, the table of rows."""
