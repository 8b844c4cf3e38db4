"""The instructor's notebook: nbgrader's metadata, stubs, marks, and what it does when nbgrader executes it."""

import ast
import json
import re

import nbformat
import pytest
import torch

from checks import overview
from gate import ROOT
from lab.exercises import NUMBERS
from rewards import EXERCISES, Rewards

STEMS = list(NUMBERS)


@pytest.fixture(scope="module")
def notebook(source):
    """The instructor's notebook."""
    return nbformat.read(source / "exercise.ipynb", as_version=4)


@pytest.fixture(scope="module")
def graded(notebook):
    """Grade id → (position, cell) of every cell that nbgrader knows."""
    return {
        cell.metadata.nbgrader.grade_id: (position, cell)
        for position, cell in enumerate(notebook.cells)
        if "nbgrader" in cell.metadata
    }


def grade_id(cell):
    """Return the name under which nbgrader knows a cell, None for others."""
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def functions(cell):
    """Return the functions that a cell defines at its top level."""
    return [node for node in ast.parse(cell.source).body if isinstance(node, ast.FunctionDef)]


def test_notebook_is_valid_and_holds_no_outputs(notebook):
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def test_cell_ids_are_unique_names(notebook):
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z0-9-]+", identifier) for identifier in ids)


def test_nbgrader_accepts_the_metadata(source):
    from nbgrader.nbgraderformat import read

    nb = read(str(source / "exercise.ipynb"), as_version=4)  # validates
    assert {
        cell.metadata.nbgrader.schema_version for cell in nb.cells if "nbgrader" in cell.metadata
    } == {3}


def test_grade_ids_are_the_stems_and_their_laws(graded):
    solutions = [name for name, (_, cell) in graded.items() if cell.metadata.nbgrader.solution]
    laws = [name for name in graded if name not in solutions]
    assert solutions == STEMS
    assert laws == [f"{stem}_laws" for stem in STEMS if stem != "analysis"]


def test_points_add_up_to_25_and_stand_in_the_metadata_alone(notebook, graded):
    points = {
        name: cell.metadata.nbgrader.points
        for name, (_, cell) in graded.items()
        if cell.metadata.nbgrader.grade
    }
    assert sum(points.values()) == 25
    assert set(points) == {*(f"{stem}_laws" for stem in STEMS if stem != "analysis"), "analysis"}
    assert all(value > 0 for value in points.values())
    prose = " ".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert not re.search(r"\b\d+ (points|marks)\b", prose)


@pytest.mark.parametrize("stem", [stem for stem in STEMS if stem != "analysis"])
def test_grade_cell_is_locked_follows_its_solution_and_begins_with_a_sentence(graded, stem):
    (before, solution), (after, laws) = graded[stem], graded[f"{stem}_laws"]
    assert after > before
    assert laws.metadata.nbgrader.locked
    assert laws.metadata.nbgrader.grade
    assert not laws.metadata.nbgrader.solution
    assert not solution.metadata.nbgrader.locked
    assert not solution.metadata.nbgrader.grade
    first, *rest = laws.source.splitlines()
    assert first.startswith("# ")
    assert first.endswith(".")
    assert rest == ["check_run(mine)" if stem == "train" else f"check({stem})"]


@pytest.mark.parametrize("stem", [stem for stem in STEMS if stem != "analysis"])
def test_solution_cell_defines_its_one_function_and_ends_in_its_stub(graded, stem):
    cell = graded[stem][1]
    (function,) = functions(cell)
    assert function.name == stem
    assert cell.source.count("### BEGIN SOLUTION") == cell.source.count("### END SOLUTION") == 1
    last = function.body[-1]
    assert isinstance(last, ast.Raise)
    assert ast.unparse(last.exc) == f"NotImplementedError('Exercise {NUMBERS[stem]}: {stem}')"
    assert cell.source.index("### END SOLUTION") < cell.source.index("raise NotImplementedError")


@pytest.mark.parametrize("stem", list(EXERCISES))
def test_docstring_states_the_shapes_the_result_and_the_units(graded, stem):
    (function,) = functions(graded[stem][1])
    text = ast.get_docstring(function)
    assert "Args:" in text
    assert "Returns:" in text
    for argument in function.args.args:
        if argument.annotation is not None and "Tensor" in ast.unparse(argument.annotation):
            described = re.search(
                rf"^\s*{argument.arg}: \[B(, T)?(, V)?\] (float32|int64)", text, re.MULTILINE
            )
            assert described, argument.arg
    assert "[B] " in text or "B floats" in text
    assert "not modified" in text or "No input is modified" in text or "unchanged" in text
    if "log_probs" in text and stem != "group_advantages":
        assert "nats" in text


@pytest.mark.parametrize(
    ("stem", "words"),
    [
        ("sentiment_reward", ["[] for []", "one batched call", "ignored"]),
        ("exponential_shaping", ["ValueError: temperature <= 0"]),
        (
            "sequence_log_probs",
            ["Position 0 is never scored nor counted", "gaps allowed", "no scored token gives 0"],
        ),
        (
            "group_advantages",
            ["ddof = 1", "adjacent", "ValueError: num_generations < 2", "gives 0"],
        ),
        ("kl_estimate", ["position 0 included", "without completion tokens gives 0"]),
        (
            "policy_loss",
            ["position 0 included", "no gradient reaches them", "without any token at all it is 0"],
        ),
    ],
)
def test_docstring_states_the_edge_cases(graded, stem, words):
    text = " ".join(ast.get_docstring(functions(graded[stem][1])[0]).split())
    assert [word for word in words if word not in text] == []


def test_signatures_are_those_of_the_contract(graded):
    signatures = {stem: ast.unparse(functions(graded[stem][1])[0].args) for stem in EXERCISES}
    plain = {
        stem: re.sub(r": [^,=]+(\[[^\]]*\])?(?=[,=]|$)", "", text).replace(" ", "")
        for stem, text in signatures.items()
    }
    assert plain == {
        "sentiment_reward": "completions,**kwargs",
        "exponential_shaping": "scores,temperature=1.0",
        "sequence_log_probs": "logits,token_ids,completion_mask",
        "forward_kl_reward": "ref_log_probs,kl_coef=0.1",
        "backward_kl_reward": "ref_log_probs,kl_coef=0.1",
        "group_advantages": "rewards,num_generations,eps=0.0001",
        "kl_estimate": "log_probs,ref_log_probs,completion_mask",
        "policy_loss": "log_probs,old_log_probs,advantages,completion_mask,epsilon=0.2",
    }


def test_setup_imports_torch_and_the_scorer_before_the_first_exercise(notebook, graded):
    first = graded["sentiment_reward"][0]
    code = "\n".join(
        line
        for cell in notebook.cells[:first]
        if cell.cell_type == "code"
        for line in cell.source.splitlines()
        if not line.startswith(("%", "!"))
    )
    imports = [
        node for node in ast.parse(code).body if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    bound = {alias.asname or alias.name for node in imports for alias in node.names}
    assert {"torch", "get_sentiment_scores"} <= bound


def test_every_box_holds_a_difficulty_and_two_hints(notebook):
    for number, stem in zip(NUMBERS.values(), NUMBERS, strict=True):
        start = f"**Exercise {number} · `{stem}`** · "
        [box] = [cell.source for cell in notebook.cells if start in cell.source]
        assert re.search(r"minutes · (easy|medium|hard)\b", box), stem
        assert re.findall(r"^> <details><summary>(.*?)</summary>$", box, re.MULTILINE) == ["Hint 1", "Hint 2"], stem  # fmt: skip
        assert box.count("<div style=") == box.count("</div>") == 1, stem


def test_every_box_but_the_last_ends_in_a_question_that_is_optional_and_answered_in_docs_alone(
    source, notebook
):
    boxes = {
        stem: cell.source
        for cell in notebook.cells
        if cell.id.endswith("-box")
        for stem in re.findall(r"\*\*Exercise \w+ · `(\w+)`\*\*", cell.source)
    }
    answers = (ROOT / "docs/stretch.md").read_text(encoding="utf-8")
    asked = [stem for stem, box in boxes.items() if "> **Stretch** (optional, no marks): " in box]
    assert set(STEMS) - set(asked) == {"forward_kl_reward", "analysis"}  # 3b's is asked with 3c's
    for stem in asked:
        last = boxes[stem].removesuffix("\n\n</div>").splitlines()[-1]
        assert last.startswith("> **Stretch**") and last.endswith(("?", ".")), stem
        number = "3b, 3c" if stem == "backward_kl_reward" else NUMBERS[stem]
        assert f"**{number} · " in answers, stem
    assert not list(source.rglob("stretch*"))


def test_every_exercise_has_its_box_with_number_and_minutes(notebook):
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for stem, number in NUMBERS.items():
        box = re.search(rf"\*\*Exercise {number} · `{stem}`\*\* · (\d+) minutes", prose)
        assert box, stem


def test_nothing_is_left_to_be_written(notebook):
    assert not [
        cell.id for cell in notebook.cells if re.search(r"PLACEHOLDER|TODO|FIXME|@@", cell.source)
    ]


def test_no_cell_is_longer_than_a_screen(notebook):
    assert {
        cell.id: n for cell in notebook.cells if (n := len(cell.source.splitlines())) > 50
    } == {}


def test_models_are_set_by_one_variable_at_the_top(notebook):
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert code[0].startswith('PRESET = "smoke"')
    assert not [
        source
        for source in code[1:]
        if re.search(r"^PRESET\s*=|tiny-gpt2|tiny-sentiment", source, re.MULTILINE)
    ]


def test_prose_names_the_divergences_honestly(notebook):
    prose = " ".join(
        " ".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown").split()
    )
    for claim in (
        "**reverse** KL",
        "neither is a KL divergence",
        "no KL at all",
        "perplexity",
        "ddof = 1",
    ):
        assert claim in prose


def experiments(notebook):
    """Return the names of the runs that the notebook makes."""
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    others = re.search(r"others = (\{.*?\n\})", code, re.DOTALL)
    names = [key.value for key in ast.parse(others[1]).body[0].value.keys]
    return ["mine", *(name.replace(", ", "_").replace(" ", "_") for name in names)]


def test_comparison_covers_every_kl_type_and_shaping(source, notebook):
    from lab.runs import SAVED_RUNS, load_run

    assert source / "saved_runs" == SAVED_RUNS
    configs = [load_run(SAVED_RUNS / name).config for name in experiments(notebook)]
    paid = [config["kl_type"] if config["kl_coef"] else "none" for config in configs]
    assert set(paid) == {"none", "forward", "backward"}
    assert {config["beta"] for config in configs} == {0.0, 0.1}
    assert {config["reward_shaping"] for config in configs} == {"none", "exponential"}
    assert {config["preset"] for config in configs} == {"smoke"}


def test_under_nbgrader_an_experiment_returns_saved_results_and_trains_nothing(
    notebook, monkeypatch
):
    import train
    from lab.config import TrainConfig

    def never(*_):
        raise AssertionError("it trains")

    monkeypatch.setattr(train, "run", never)
    config = TrainConfig.from_preset("smoke")
    with pytest.raises(AssertionError, match="it trains"):  # outside nbgrader
        train.experiment("mine", config, Rewards("here", {}))
    with pytest.raises(TypeError, match="from_namespace"):  # a slip: any other name of the notebook
        train.experiment("mine", config, torch.zeros(2))
    with pytest.raises(TypeError, match="first a name .* not a TrainConfig and a str"):
        train.experiment(config, "mine", Rewards("here", {}))
    for kind in ("autograde", "validate"):
        monkeypatch.setenv("NBGRADER_EXECUTION", kind)
        for name in experiments(notebook):
            run = train.experiment(name, config, None)
            assert [line["step"] for line in run.history if "reward" in line][-1] == run.config[
                "max_steps"
            ]
            assert len(run.before["completions"]) == len(run.after["completions"])


def test_saved_runs_show_a_healthy_a_hacked_and_a_collapsed_run(source):
    """What the notebook's text says about them; thresholds as in `check_run`, FACTS for the collapse."""
    from checks import check_run, flaw
    from lab.runs import load_run

    runs = {
        name: load_run(source / "saved_runs" / name)
        for name in ("mine", "fast_no_term", "fast_forward")
    }
    check_run(runs["mine"])
    for name in ("fast_no_term", "fast_forward"):
        assert runs[name].gain > 0.2
        assert re.search("distinct-2|perplexity", flaw(runs[name]))
        with pytest.raises(AssertionError, match="made with reward_shaping none"):
            check_run(runs[name])


def test_the_instructors_answer_quotes_what_its_own_runs_wrote():
    executed = nbformat.read(ROOT / "solutions/sentiment/exercise.ipynb", as_version=4)
    printed = "".join(
        output.get("text", "") for cell in executed.cells for output in cell.get("outputs", [])
    )
    (answer,) = (c.source for c in executed.cells if grade_id(c) == "analysis")
    quoted = [text for text in re.findall(r'"([^"]+)"', answer) if text.count(" ") > 3]
    assert len(quoted) == 3
    assert [text for text in quoted if text not in printed] == []


def test_saved_runs_hold_results_alone(source):
    folders = [path for path in (source / "saved_runs").iterdir() if path.is_dir()]
    assert folders
    for folder in folders:
        assert sorted(p.name for p in folder.iterdir()) == [
            "completions.json",
            "history.jsonl",
            "run.json",
        ]
        record = json.loads((folder / "run.json").read_text())
        assert record["status"] == "finished"
        assert not record["config"]["rewards"].startswith("/")


def test_the_executed_notebook_tells_the_marks_that_the_notebook_has(graded):
    executed = nbformat.read(ROOT / "solutions/sentiment/exercise.ipynb", as_version=4)
    shown = {cell.id: "".join(map(words_of, cell.get("outputs", []))) for cell in executed.cells}
    assert shown["setup"].endswith(f"\n{overview()}\n")
    most = sum(cell.metadata.nbgrader.get("points", 0) for _, cell in graded.values())
    assert f"worth {most} of {most} marks" in shown["progress"]


def words_of(output):
    """Return an output's text."""
    return output.get("text", "") or output.get("data", {}).get("text/plain", "")


def test_what_cells_give_the_model_lies_where_the_model_does(notebook):
    """`load_language_model` puts it on a GPU, where there is one; what a tokenizer makes stays on the CPU."""
    asking = [cell.source for cell in notebook.cells if re.search(r"\bbase\(", cell.source)]
    assert asking and all(".to(base.device)" in re.sub(r"\s", "", source) for source in asking)
