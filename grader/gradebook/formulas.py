"""Markdown as HTML, its formulas as MathML: browsers show them without a script, and without the web."""

import html
import re
from typing import Any

import jinja2
from docutils.utils.math.latex2mathml import tex2mathml
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

LONGEST = 2000  # characters of a formula
NUMBER = re.compile(r"\\tag\{([^{}\\]*)\}")
DOTS = re.compile(r"\\dots\b")  # the name that docutils does not know


class Renderer(IPythonRenderer):
    """Nbconvert's; a formula that docutils cannot read stays as it was written."""

    def inline_math(self, body: str) -> str:
        return mathml(body) or super().inline_math(body)

    def block_math(self, body: str) -> str:
        return equation(body) or super().block_math(body)

    def latex_environment(self, name: str, body: str) -> str:
        kind = name.rstrip("*")
        inside = f"\\begin{{aligned}}{body}\\end{{aligned}}" if kind == "align" else body
        known = kind in ("align", "equation")
        return (known and equation(inside)) or super().latex_environment(name, body)


def equation(tex: str) -> str:
    """A formula on a line of its own, which keys can scroll, its number at the right; an empty string if it cannot be read."""
    numbers = NUMBER.findall(tex)
    shown = mathml(NUMBER.sub("", tex), block=True)
    number = f"<span>({html.escape(numbers[0])})</span>" if numbers else ""
    return shown and f'<span class="equation" tabindex="0">{shown}{number}</span>'


def mathml(tex: str, block: bool = False) -> str:
    """A formula; an empty string if it cannot be read."""
    if len(tex) > LONGEST:
        return ""
    try:
        made: str = tex2mathml(DOTS.sub(r"\\ldots", tex), as_block=block)
    except Exception:  # what a student writes between two dollars has many ways to be no formula
        return ""
    return made


@jinja2.pass_context
def markdown2html(context: jinja2.runtime.Context, source: str) -> str:
    """In place of nbconvert's filter."""
    return as_html(source, context.get("cell", {}).get("attachments", {}))


def as_html(source: str, attachments: Any = None) -> str:
    """Markdown with its attached pictures."""
    renderer = Renderer(escape=False, attachments=attachments or {})
    return MarkdownWithMath(renderer=renderer).render(source)
