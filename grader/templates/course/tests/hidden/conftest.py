from grader.pytest_hooks import *  # noqa: F403
