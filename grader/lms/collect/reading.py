"""Downloads as the command line names them, read: from which system each is, and what is in it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from grader.errors import CourseError
from grader.lms.collect.plan import Source
from grader.lms.downloads.download import open_download
from grader.lms.downloads.systems import SYSTEMS, System, recognise
from grader.lms.handins import Download, Told
from grader.lms.worksheet import dated

CHOICES = ", ".join(system.name for system in SYSTEMS)


def system_of(name: str) -> System:
    """The system that --from names."""
    return next(system for system in SYSTEMS if system.name == name)


def read_downloads(
    paths: Sequence[Path], asked: str, told: Told, worksheet: Sequence[Mapping[str, str]] = ()
) -> list[Source]:
    """What each holds; CourseError where nobody can tell from which system it is.

    Args:
        asked: the system that they are all from, "" where nobody said.
        worksheet: rows of Moodle's, which say when it got the work of each participant.
    """
    sources = []
    for download, system in known(paths, asked):
        if system is None:
            sources.append(Source(download.name, "", (), download.refused))
            continue
        contents = system.hand_ins(download, told)
        hand_ins = contents.hand_ins
        if system.name == "moodle":
            hand_ins = dated(hand_ins, worksheet, told.zone)
        refused = (*download.refused, *contents.refused)
        sources.append(Source(download.name, system.name, hand_ins, refused))
    return sources


def known(paths: Sequence[Path], asked: str) -> list[tuple[Download, System | None]]:
    """Each download with its system; pieces of an unpacked one, which only their names tell, are put together again.

    None for a download that nobody touches at all.
    """
    found, pieces = list[tuple[Download, System | None]](), dict[Path, list[Download]]()
    for path in paths:
        download = open_download(path)
        fitting = recognise(download)
        if download.refused and not download.entries:
            found.append((download, None))
        elif asked and (system_of(asked) in fitting or asked == "plain"):
            found.append((download, system_of(asked)))
        elif len(fitting) == 1 and not asked:
            found.append((download, fitting[0]))
        else:
            pieces.setdefault(path.absolute().parent, []).append(piece(download, path))
    for parent, parts in pieces.items():
        found += put_together(parent, parts, asked)
    return found


def piece(download: Download, path: Path) -> Download:
    """The same, with paths that begin with the folder's own name."""
    if not path.is_dir():
        return download
    # `.` has no name, and `..` not its own
    name = path.resolve().name
    entries = (replace(e, path=f"{name}/{e.path}", name=e.own) for e in download.entries)
    refused = (replace(r, path=f"{name}/{r.path}") for r in download.refused)
    return Download(download.name, tuple(entries), tuple(refused))


def put_together(
    parent: Path, parts: list[Download], asked: str
) -> Iterable[tuple[Download, System]]:
    """Pieces that lie in one folder, as one download of one system."""
    entries = tuple(entry for part in parts for entry in part.entries)
    whole = Download(str(parent), entries, tuple(r for part in parts for r in part.refused))
    fitting = recognise(whole)
    if asked and system_of(asked) in fitting:
        return [(whole, system_of(asked))]
    if len(fitting) == 1 and not asked:
        return [(whole, fitting[0])]
    if asked:
        # a folder that begins lower than the system's own would tell
        return [(part, system_of(asked)) for part in stripped(parts)]
    names = ", ".join(part.name for part in parts[:3])
    if not fitting:
        export = any(part.name.lower().endswith(".csv") for part in parts)
        said = "; a list of the class goes to --roster" if export else ""
        raise CourseError(
            f"{names}: like no download of {CHOICES}: name the system with --from, or how the files are named with --pattern{said}"
        )
    several = " or ".join(system.name for system in fitting)
    raise CourseError(f"{names}: may be {several}: name the system with --from")


def stripped(parts: Iterable[Download]) -> Iterable[Download]:
    """The downloads as they were given."""
    return [open_download(Path(part.name)) for part in parts]
