"""What this run of pytest asks of a file, so that a fixture makes that and nothing more."""


def asked_for(request, name):
    """The values of a parameter of this name in the tests of the fixture's own file that are selected."""
    tests = [item for item in request.session.items if item.path == request.path]
    given = [test.callspec.params for test in tests if hasattr(test, "callspec")]
    return [params[name] for params in given if name in params]
