"""Markdown as HTML, its formulas as MathML: browsers show them without a script, and without the web."""

import html
import re

import jinja2
from docutils.utils.math.latex2mathml import tex2mathml
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

LONGEST = 2000  # characters of a formula
NUMBER = re.compile(r"\\tag\{([^{}\\]*)\}")
DOTS = re.compile(r"\\dots\b")  # the name that docutils does not know


class Renderer(IPythonRenderer):
    """Nbconvert's; a formula that docutils cannot read stays as it was written."""

    def inline_math(self, body):
        return mathml(body) or super().inline_math(body)

    def block_math(self, body):
        return equation(body) or super().block_math(body)

    def latex_environment(self, name, body):
        kind = name.rstrip("*")
        inside = f"\\begin{{aligned}}{body}\\end{{aligned}}" if kind == "align" else body
        known = kind in ("align", "equation")
        return (known and equation(inside)) or super().latex_environment(name, body)


def equation(tex):
    """A formula on a line of its own, its number at the right; an empty string if it cannot be read."""
    numbers = NUMBER.findall(tex)
    shown = mathml(NUMBER.sub("", tex), block=True)
    number = f"<span>({html.escape(numbers[0])})</span>" if numbers else ""
    return shown and f'<span class="equation">{shown}{number}</span>'


def mathml(tex, block=False):
    try:
        return tex2mathml(DOTS.sub(r"\\ldots", tex), as_block=block) if len(tex) <= LONGEST else ""
    except Exception:  # noqa: BLE001  what a student writes between two dollars has many ways to be no formula
        return ""


@jinja2.pass_context
def markdown2html(context, source):
    """In place of nbconvert's filter."""
    return as_html(source, context.get("cell", {}).get("attachments", {}))


def as_html(source, attachments=None):
    renderer = Renderer(escape=False, attachments=attachments or {})
    return MarkdownWithMath(renderer=renderer).render(source)
