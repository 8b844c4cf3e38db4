"""Gradients across the wall: a worker differentiates the student's one number, and only plain numbers come back."""

import dataclasses

import numpy as np
import pytest

from grader import laws
from grader.errors import CourseError
from grader.judging.calls import Ended, StudentError
from grader.judging.function import SubmittedFunction
from grader.judging.law import LawFailed
from grader.judging.session import Grader
from grader.submission.preflight import repair

X, Y = np.float32([1, 2, 3]), np.float32([[4.0]])


@pytest.fixture(scope="module")
def with_torch(assignment):
    """The toy course with tensors, in a sandbox that has loaded torch, and time and memory for it."""
    limits = dataclasses.replace(assignment.limits, memory_mb=2048, load_seconds=4, call_seconds=2)
    changed = dataclasses.replace(assignment, arrays="torch", preload=("torch",), limits=limits)
    with Grader(changed) as grader:
        yield grader


@pytest.fixture
def ask(with_torch, submission):
    """A solution of the toy exercise as a law sees it; `body` are its lines, of `x` and `y`."""
    asked = []

    def ask(body, before="", arguments="x, y"):
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        text = (
            f"import numpy as np\nimport torch\n{before}\n\ndef basket_total({arguments}):\n{lines}"
        )
        cells = repair(submission(text), with_torch.assignment).cells
        asked.append(
            SubmittedFunction("basket_total", cells, with_torch.assignment, with_torch.sandbox)
        )
        return asked[-1]

    yield ask
    for student in asked:
        student.close()


def gradients(student, of=(0, 1)):
    return laws.gradients(student, X, Y, of=of)


def test_they_come_back_for_each_argument_in_its_shape(ask):
    student = ask("return (x**2).sum() * y.sum()")
    of_x, of_y = gradients(student)
    assert of_x.tolist() == [8, 16, 24] and of_y.tolist() == [[14]]
    assert of_x.dtype == np.float64
    assert student.last.got == 56 and student.last.leaves == (0, 1)
    [of_y] = gradients(student, of=[1])
    assert of_y.tolist() == [[14]]


def test_an_argument_without_a_path_to_the_result_has_zeros(ask):
    of_x, of_y = gradients(ask("return x.sum() * y.detach().sum()"))
    assert of_x.tolist() == [4, 4, 4] and of_y.tolist() == [[0]]


def test_other_calls_know_of_none(ask):
    student = ask("return x.sum() + x.requires_grad")
    assert student(X, Y) == 6 and student.last.gradients is None
    gradients(student)
    assert student.last.got == 7
    assert student(X, Y) == 6 and student.last.gradients is None and student.last.leaves == ()


def test_what_the_notebook_has_set_for_all_does_not_count(ask):
    """A cell that switches gradients off, as some begin with, costs no exercise."""
    student = ask("return torch.sum(x)", before="torch.set_grad_enabled(False)")
    assert not ask("return torch.is_grad_enabled()", before="torch.set_grad_enabled(False)")(X, Y)
    assert gradients(student)[0].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    "body",
    [
        "return x.sum().item()",
        "return float(x.sum())",
        "return x.detach().sum()",
        "with torch.no_grad():\n    return x.sum()",
        "with torch.inference_mode():\n    return x.sum()",
        "return torch.tensor(x.sum().item())",
        "return x.detach().numpy().sum()",
        "return (x > 0).sum()",
        "return np.float64(3)",
        "return 0.0",
    ],
)
def test_a_number_that_nothing_leads_back_from_is_told_so(ask, body):
    student = ask(body)
    with pytest.raises(LawFailed, match=r"no gradient leads back from.*\.item\(\)") as failed:
        gradients(student)
    assert failed.value.cause == "no gradient"
    laws.scalar(student(X, Y))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return x", r"of type ndarray, expected one number"),
        ("return (x.sum() * y)", r"of type ndarray, expected one number"),
        ("return None", "None .is the `return` missing"),
        ("return [x.sum()]", "of type list, expected one number"),
        ("return x.sum() / 0", "nan or infinite"),
    ],
)
def test_what_is_no_number_is_told_as_ever(ask, body, words):
    with pytest.raises(LawFailed, match=words):
        gradients(ask(body))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return torch.tensor(x.numpy().sum())", "RuntimeError: Can't call numpy.. on Tensor that requires grad.*line 6 of cell"),
        ("x -= 1\nreturn x.sum()", "RuntimeError: a leaf Variable that requires grad .*line 6 of cell"),
        ("loss = x.sum() ** 2\nloss.backward()\nreturn loss", "its gradient cannot be computed: Trying to backward through the graph a second time"),
        ("e = x.exp()\nloss = e.sum()\ne += 1\nreturn loss", "its gradient cannot be computed: one of the variables needed .* inplace"),
    ],
)  # fmt: skip
def test_what_autograd_refuses_is_the_students_error_in_its_words(ask, body, words):
    with pytest.raises(StudentError, match=words):
        gradients(ask(body))


OWN = """class Own(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.sum()

    @staticmethod
    def backward(ctx, slope):
        {}
"""


def test_a_backward_of_ones_own_is_as_good_as_any(ask):
    assert gradients(ask("return Own.apply(x)", OWN.format("return slope * torch.ones(3)")))[
        0
    ].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("backward", "error", "words"),
    [
        ("return slope * torch.ones(4)", StudentError, "its gradient cannot be computed: .*invalid gradient"),
        ("return 'much'", StudentError, "its gradient cannot be computed"),
        ("raise ValueError('no')", StudentError, "its gradient cannot be computed: no"),
        ("raise SystemExit", StudentError, "SystemExit"),
        ("return slope * torch.ones(3) / 0", LawFailed, "the gradient holds nan or infinite"),
        ("import os; os._exit(3)", Ended, "the process ended itself"),
        ("while True: pass", Ended, "no answer within 4 seconds"),
    ],
)  # fmt: skip
def test_a_backward_that_misbehaves_is_told_or_ended(ask, backward, error, words):
    """A process may end, or take for ever, in what autograd calls, too."""
    with pytest.raises(error, match=words):
        gradients(ask("return Own.apply(x)", OWN.format(backward)))


@pytest.mark.parametrize(
    "forged",
    [
        "['a', 'b']",
        "[torch.ones(3)]",
        "[torch.ones(3), torch.ones(3)]",
        "[torch.ones(3, dtype=torch.int64), torch.ones(1, 1)]",
        "[torch.ones(4), torch.ones(1, 1)]",
        "[[1.0, 1.0, 1.0], [[1.0]]]",
        "[object(), object()]",
        "'all'",
        "{'a': torch.ones(3)}",
        "torch.ones(3).to_sparse()",
    ],
)
def test_forged_ones_are_no_gradients(ask, forged):
    """Student code can replace autograd in its own process; what it sends is looked at like any answer."""
    patch = f"torch.autograd.grad = lambda *args, **kwargs: {forged}"
    with pytest.raises((LawFailed, StudentError), match="gradient"):
        gradients(ask(f"{patch}\nreturn x.sum()"))


def test_a_forged_one_is_compared_like_any_number(ask):
    student = ask("torch.autograd.grad = lambda *a, **k: (torch.zeros(3), None)\nreturn x.sum()")
    [of_x, _] = gradients(student)
    with pytest.raises(LawFailed):
        laws.near(of_x, np.ones(3), what="gradient")


def test_an_object_that_says_it_is_a_tensor_is_none(ask):
    liar = """class Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return True
"""
    with pytest.raises((LawFailed, StudentError, Ended)):
        gradients(ask("return Liar()", liar))


def test_only_tensors_have_them(assignment, grader, submission):
    cells = repair(submission("def basket_total(x, y):\n    return 0.0"), assignment).cells
    student = SubmittedFunction("basket_total", cells, assignment, grader.sandbox)
    with pytest.raises(CourseError, match='arrays="torch"'):
        gradients(student)


def test_only_of_numbers_with_a_point(ask):
    student = ask("return x.sum()")
    with pytest.raises(TypeError, match="argument 0 is no array of floats"):
        laws.gradients(student, np.array([1, 2]), Y, of=[0])


def test_a_wrong_one_is_shown_as_a_gradient_with_its_place(ask):
    got = np.zeros((3, 4))
    expected = got.copy()
    expected[2, 1] = 0.5
    with pytest.raises(LawFailed) as failed:
        laws.near(got, expected, what="gradient")
    from grader.judging.law import _asked_for

    assert failed.value.what == "gradient" and _asked_for(failed.value) == "0.5 at position 2, 1"


def test_a_function_that_gives_one_number_is_asked_what_it_remembers(ask):
    other = X[::-1] * 2, Y
    laws.forgets(ask("return x.sum() * y.sum()"), X, Y, other=other)
    once = "if not KEPT:\n    KEPT.append(x.sum())\nreturn KEPT[0]"
    with pytest.raises(LawFailed, match="in a new process, .* after another call"):
        laws.forgets(ask(once, before="KEPT = []"), X, Y, other=other)
    one_tensor = "OUT.copy_(x.sum())\nreturn OUT"
    with pytest.raises(LawFailed, match="as it was returned, .* after the next call"):
        laws.forgets(ask(one_tensor, before="OUT = torch.zeros(())"), X, Y, other=other)


def test_a_default_of_a_function_that_gives_one_number(ask):
    student = ask("return x.sum() * scale", arguments="x, y, scale=2.0")
    laws.is_default(student, (X, Y), "scale", 2.0, other=1.0, one=True)
    with pytest.raises(LawFailed, match="with scale=3, .* without it"):
        laws.is_default(student, (X, Y), "scale", 3.0, other=1.0, one=True)
    with pytest.raises(LawFailed, match="give the same"):
        laws.is_default(ask("return 1.0", arguments="x, y, scale=2.0"), (X, Y), "scale", 2.0, 1.0, one=True)  # fmt: skip
