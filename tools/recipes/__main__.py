"""Command line: `python -m tools.recipes build [lm|classifier|judge|all]`, then `python -m tools.recipes measure`."""

import argparse
from pathlib import Path

from gate import ROOT
from lab.command import print_anything

WORK = Path(__file__).parent / ".work"  # checkpoints, ignored by git
CHOICES = ["lm", "classifier", "judge", "all"]


def main() -> None:
    """Build or measure the models in `models/`."""
    print_anything()
    parser = argparse.ArgumentParser(prog="python -m tools.recipes", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="train the models and write them to models/")
    figures = commands.add_parser("measure", help="write the held-out figures and the cards")
    for command in (build, figures):
        command.add_argument("which", nargs="?", choices=CHOICES, default="all")
    options = parser.parse_args()
    if options.command == "measure":
        from tools.recipes import measure

        measure.main(ROOT, options.which)
        return
    if options.which in ("lm", "all"):
        from tools.recipes import language_model

        language_model.build(ROOT / "models" / "tiny-gpt2", WORK)
    if options.which in ("classifier", "all"):
        from tools.recipes import classifier

        classifier.build(ROOT / "models" / "tiny-sentiment", WORK)
    if options.which in ("judge", "all"):
        from tools.recipes import judge

        judge.build(ROOT / "models" / "ngram-judge")


if __name__ == "__main__":
    main()
