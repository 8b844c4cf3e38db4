"""The systems whose downloads can be read, and which of them a download looks like."""

from collections.abc import Callable
from dataclasses import dataclass

from grader.lms.downloads import blackboard, canvas, classroom, exchange, gradescope, moodle, plain
from grader.lms.handins import Contents, Download, Told


@dataclass(frozen=True)
class System:
    """`name`: on the command line; `recognised`: whether a download looks like its; `hand_ins`: what is in it then."""

    name: str
    title: str
    recognised: Callable[[Download], bool]
    hand_ins: Callable[[Download, Told], Contents]


SYSTEMS = (
    System("canvas", "Canvas", canvas.recognised, canvas.hand_ins),
    System("moodle", "Moodle", moodle.recognised, moodle.hand_ins),
    System("gradescope", "Gradescope", gradescope.recognised, gradescope.hand_ins),
    System("blackboard", "Blackboard", blackboard.recognised, blackboard.hand_ins),
    System("classroom", "GitHub Classroom", classroom.recognised, classroom.hand_ins),
    System("nbgrader", "nbgrader's exchange", exchange.recognised, exchange.hand_ins),
    System("plain", "files named by --pattern", plain.recognised, plain.hand_ins),
)


def recognise(download: Download) -> list[System]:
    """All systems whose form the download has: none where nobody can tell, several where it has more than one.

    Folders within folders, as nbgrader's zip_collect makes them, may be another system's: any other goes before it.
    """
    found = [system for system in SYSTEMS if system.recognised(download)]
    return [system for system in found if system.name != "nbgrader"] or found
