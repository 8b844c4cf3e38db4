"""`grader publish`: marks and feedback pages, in the form that each system takes."""
