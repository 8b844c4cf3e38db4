"""What ends a command in one line: every error here says what to do, and is the grader's or the instructor's matter."""


class GraderError(Exception):
    """Nothing can go on as things are; a command prints the words and ends with exit code 2."""


class CourseError(GraderError):
    """The course, the gradebook or the command line is inconsistent: nothing may be graded before it is mended."""


class SandboxError(GraderError):
    """The sandbox cannot be had or broke: the grader's trouble, never the student's."""


class ClusterError(GraderError):
    """The machines that grade cannot be had, or are all gone: what is done is kept, and the same command goes on."""
