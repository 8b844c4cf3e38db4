"""`grader explain STUDENT [EXERCISE]`: what is printed, and the exit code."""

import argparse
import json
import sys
from typing import TYPE_CHECKING

from grader.assignment import the_assignment
from grader.errors import CourseError
from grader.options import course_options, json_option, output, training_option
from grader.text import one_line

if TYPE_CHECKING:
    from grader.explaining.facts import Explained


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`explain` among the commands of `python -m grader`."""
    words = "where each of a student's marks comes from, and the command that gives them again"
    parser = commands.add_parser("explain", help=words, description=words)
    parser.set_defaults(work=run)
    text = "an id: the name of the folder in submitted/"
    parser.add_argument("student", metavar="STUDENT", help=text)
    text = "this one alone, by its stem"
    parser.add_argument("exercise", nargs="?", metavar="EXERCISE", help=text)
    text = "run the command, and compare what it says with the verdict that was recorded"
    parser.add_argument("--verify", action="store_true", help=text)
    json_option(parser, "the same as a JSON object")
    training_option(parser)
    course_options(parser, "the only one")


def run(options: argparse.Namespace) -> int:
    """1 where --verify finds another verdict, or cannot run; nothing is changed."""
    from grader.explaining.facts import explained
    from grader.explaining.words import document, text

    assignment = the_assignment(options.laws, options.assignment)
    told = explained(assignment, options.student, options.training)
    stems = [*told.held.grades]
    if options.exercise and options.exercise not in stems:
        there = f"there are {', '.join(stems)}" if stems else "there are no marks"
        raise CourseError(f"no such exercise: {one_line(options.exercise, 100)}; {there}")
    words = again(told, options)
    command = as_typed_or_none(words)
    verified = verification(told, words, options) if options.verify else None
    if options.json:
        made = document(told, options.exercise, command)
        if verified is not None:
            made["differences"] = verified
        with output(options.json) as out:
            print(json.dumps(made), file=out)
    else:
        print(text(told, options.exercise, command))
        if verified is not None:
            print(
                *(verified or ["verified: the same verdict, law by law and word by word"]), sep="\n"
            )
    return int(bool(verified))


def again(told: "Explained", options: argparse.Namespace) -> list[str]:
    """The arguments that give the verdict again; none where there is no notebook, or no verdict of ours."""
    from grader.explaining.again import arguments

    file, verdict = told.handed.file, told.verdict
    if not verdict or file is None or options.exercise not in (None, *verdict["exercises"]):
        return []
    places = told.assignment.name, options.laws, options.training
    return arguments(file, verdict, *places, options.exercise)


def as_typed_or_none(words: list[str]) -> str:
    from grader.explaining.again import as_typed

    return as_typed(words) if words else ""


def verification(told: "Explained", words: list[str], options: argparse.Namespace) -> list[str]:
    """What is not the same, in words."""
    from grader.explaining.again import verify

    if not words or told.verdict is None:
        return ["not verified: there is no notebook to judge again, or no verdict of `grader run`"]
    print("judging again …", file=sys.stderr)
    return [f"not the same: {d}" for d in verify(words, told.verdict, options.exercise)]
