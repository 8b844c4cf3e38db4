"""One submission: the laws asked, the marks and the words that follow."""
