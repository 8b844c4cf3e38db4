"""What the gate itself is tried on: honest rewards that must pass, controls and hacked settings that must fail."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gate import SOURCE
from gate.number_format import float32_throughout
from gate.submissions import Submission, read
from gate.walled_rewards import TRUSTED
from lab.config import TrainConfig

# the exercises that the trainer calls across the wall
CALLED = [stem for stem in TrainConfig.from_preset("smoke").required_exercises() if stem != TRUSTED]
# The smallest size that decides: smoke's own steps and completions, without the validation half-way. With 24 steps, or with
# 32 completions a step, honest rewards gain 0.29 and fail (one run each).
SMALLEST = {"validation_steps": 0}
FAST = 3e-4  # learning rate at which rewards get hacked; smoke's own is gentle
# at smoke's full size: the two runs that judges of sentiment alone would applaud, each with the check it must trip
HACKED: dict[str, tuple[dict[str, Any], str]] = {
    "no KL term, fast": ({"kl_type": "none", "learning_rate": FAST}, "perplexity"),
    "forward, fast": ({"kl_type": "forward", "learning_rate": FAST}, "distinct_2"),
}
# The hack at rates at which it gets less far: at smoke's own it may have made the text more positive, and nothing worse.
SLOWER: dict[str, tuple[str, dict[str, Any], str]] = {
    "hack, fast": ("hacked", {"kl_type": "none", "learning_rate": FAST}, "repetition"),
    "hack, gentle": ("limit", {"kl_type": "none"}, ""),
}


@dataclass(frozen=True)
class Case:
    """One notebook with settings; `trips` names the check that must fail, empty where every check must hold."""

    kind: str  # as in gate/calibrate.py's KINDS
    name: str
    notebook: bytes = field(repr=False)
    settings: dict[str, Any] = field(default_factory=dict)
    trips: str = ""

    def number_format(self) -> contextlib.AbstractContextManager[None]:
        """Compute in float32, as CPUs without AVX512_BF16 do, where the case is of that kind."""
        return float32_throughout() if self.kind == "float32" else contextlib.nullcontext()


def solution() -> dict[str, Any]:
    """Return the instructor's notebook."""
    return json.loads((SOURCE / "exercise.ipynb").read_text(encoding="utf-8"))


def cases(kinds: list[str], size: Mapping[str, Any] | None = None) -> list[Case]:
    """Return all cases of some kinds, honest ones first; `size` holds settings for all of them."""
    source, size = solution(), dict(size or {})
    honest = json.dumps(source).encode()
    found = [
        Case("honest", "solution", honest, size),
        Case("float32", "solution, float32", honest, size),
        Case("compared", "solution, no shaping", honest, size | {"reward_shaping": "none"}),
    ]
    found += [
        Case("control", s.name, s.notebook(source), size | asked(s), s.notes["trips"])
        for s in read("controls")
    ]
    found += [
        Case("hacked", name, honest, settings, trips) for name, (settings, trips) in HACKED.items()
    ]
    (hack,) = (case for case in found if case.name == "hack")
    found += [
        Case(kind, name, hack.notebook, size | settings, trips)
        for name, (kind, settings, trips) in SLOWER.items()
    ]
    found += [
        Case("variant", s.id, s.notebook(source), size)
        for s in read("variants")
        if s.stem in CALLED
    ]
    found += [Case("mutant", s.id, s.notebook(source), size, "gain") for s in wrong_rewards()]
    return [case for case in found if case.kind in kinds]


def asked(control: Submission) -> dict[str, Any]:
    """Return the settings that a control asks for: a hack shows only where the policy moves far."""
    return json.loads(control.notes.get("settings", "{}"))


def wrong_rewards() -> list[Submission]:
    """Return the bank's sign-flipped and constant work on the two exercises that make the reward's main part."""
    named = {"negative_sentiment", "exponent_negated", "negated", "constant"}
    return [
        s
        for kind in ("mutants", "trivial")
        for s in read(kind)
        if s.stem in CALLED[:2] and s.name in named
    ]
