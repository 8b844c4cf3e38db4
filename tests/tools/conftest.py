"""The course's own fixtures, for what stands on it."""

from tests.course.conftest import *  # noqa: F403
