"""One session and one transaction for a student: nbgrader opens the gradebook eight times to record one, and commits 22 times."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from nbgrader.api import Gradebook
from sqlalchemy.orm import Session, scoped_session, sessionmaker

# what nbgrader does; in `transaction` another takes their place
OPEN, CLOSE = Gradebook.__init__, Gradebook.close


class Held(Session):
    """A session whose commits are kept until the end; objects are read anew after each, as after nbgrader's own."""

    def commit(self) -> None:
        self.flush()
        self.expire_all()

    def rollback(self) -> None:
        """What nbgrader takes back is all that there was: nothing of it is kept."""
        self.info["undone"] = True
        super().rollback()

    def end(self) -> None:
        if self.info.get("undone"):
            raise RuntimeError("nbgrader took back what it was writing")
        super().commit()


@dataclass
class Shared:
    """What all Gradebooks have in common for the while."""

    url: str
    engine: Any
    session: Any
    # what waits for the end
    after: list[Callable[[], object]] = field(default_factory=list)


_now: list[Shared] = []  # the one that is open in this process, or none


@contextlib.contextmanager
def transaction(url: str) -> Iterator[None]:
    """Inside, nbgrader's Gradebooks at this address are one: what they commit is kept at the end, all of it, or nothing."""
    with Gradebook(url) as book:
        session = scoped_session(sessionmaker(bind=book.engine, class_=Held, future=True))
        shared = Shared(url, book.engine, session)
        _now.append(shared)
        Gradebook.__init__, Gradebook.close = opened, closed
        try:
            yield
            session.registry().end()
        finally:
            Gradebook.__init__, Gradebook.close = OPEN, CLOSE
            _now.clear()
            session.remove()
    for work in shared.after:
        work()


def opened(
    book: Any, db_url: str, course_id: str = "default_course", authenticator: Any = None
) -> None:
    """In place of nbgrader's own, which looks for every table each time."""
    if _now and db_url == _now[0].url:
        book.engine, book.db = _now[0].engine, _now[0].session
        book.db.expire_all()
        book.check_course(course_id=course_id)
        book.course_id, book.authenticator = course_id, authenticator
    else:
        OPEN(book, db_url, course_id, authenticator)


def closed(book: Any) -> None:
    """In place of nbgrader's own: the session stays for the next."""
    if not _now or book.engine is not _now[0].engine:
        CLOSE(book)


def after(work: Callable[[], object]) -> None:
    """Do it once what was written is kept: at the end of the transaction, or now where there is none."""
    if _now:
        _now[0].after.append(work)
    else:
        work()
