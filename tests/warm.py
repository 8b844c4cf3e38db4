"""What nbgrader makes in each process at its first use: imported where commands are forked from, it is there already."""

import nbgrader.api  # noqa: F401  the classes that SQLAlchemy maps
import sqlalchemy.orm
from nbformat.validator import get_validator

for relaxed in (False, True):
    get_validator(4, 5, relax_add_props=relaxed)
sqlalchemy.orm.configure_mappers()
