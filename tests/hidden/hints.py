"""From a wrong result to its likely cause."""

from grader.laws import first_match


def only_match(got, expected, causes, vague=None):
    """The words of the one cause that gives exactly what the student got.

    Small examples fit several causes: then none is named, and examples that tell them apart decide. `vague` causes fit
    too much to compete with the others: they are asked, in order, when no other fits.
    """
    matching = [
        words
        for words, candidate in causes.items()
        if first_match(got, expected, {words: candidate})
    ]
    if not matching:
        return first_match(got, expected, vague or {})
    return matching[0] if len(matching) == 1 else None
