"""Sphinx's settings for `make site`: the repository's own pages, links between them checked, nothing fetched."""

project = "RL fine-tuning for positive sentiment"
author = copyright = "the authors of the course"

extensions = ["myst_parser"]
myst_heading_anchors = 4  # GitHub's anchors, so that one link serves both
root_doc = "README"
include_patterns = [
    "*.md",
    "docs/*.md",
    "source/sentiment/README.md",
    "grader/README.md",
    "models/*/README.md",
]
exclude_patterns = [
    ".*",
    "build",
    "dist",
    "release",
    "solutions",
    "submitted",
    "autograded",
    "feedback",
]

highlight_language = "text"  # what names no language is a diagram, or what a terminal shows

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_title = "RL fine-tuning, autograded"
html_copy_source = html_show_sourcelink = False

GUIDE = (
    ("Guides", "docs/students", "docs/grading", "docs/authoring", "docs/stretch", "docs/ci", "docs/containers", "docs/clusters"),
    ("How it works", "docs/architecture", "docs/security", "docs/verdict", "docs/glossary", "grader/README"),
    ("Measured", "docs/benchmarks", "docs/calibration", "docs/hostile"),
    ("The course", "source/sentiment/README", "models/tiny-gpt2/README", "models/tiny-sentiment/README", "models/ngram-judge/README"),
    ("The project", "CONTRIBUTING", "CHANGELOG"),
)  # fmt: skip


def setup(app):
    """Let the front page, which GitHub shows too, end in the site's table of contents."""

    def add_guide(app, docname, source):
        if docname == root_doc:
            trees = [
                "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```"])
                for caption, *pages in GUIDE
            ]
            source[0] = "\n\n".join([source[0], *trees])

    app.connect("source-read", add_guide)
