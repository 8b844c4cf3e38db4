"""What a training run uses of a notebook, as one digest: notebooks that agree in it are trained once."""

import re

from grader.wall.ends import WorkerEnded


def digest(assignment, cells, sandbox):
    """SHA-256 of the statements that `assignment.training_uses` need; "" where none are named, or nobody can tell.

    A worker reads the notebook, for a parser's time and memory are the student's; it runs none of it, so its answer is
    its own.
    """
    if not assignment.training_uses:
        return ""
    worker, message = None, {"do": "tell", "stems": list(assignment.training_uses), "cells": cells}
    try:
        worker = sandbox.worker(assignment.limits)
        reply, _ = worker.request(message, [], assignment.limits.load_seconds, lambda *_: None)
    except WorkerEnded:
        return ""
    finally:
        if worker is not None:
            worker.kill()
    said = reply.get("text", "")
    return said if re.fullmatch("[0-9a-f]{64}", said) else ""
