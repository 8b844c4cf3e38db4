"""What the grader must know about this course: its notebook, and the sentiment scorer that the laws stand in for."""

import hashlib
from pathlib import Path

from grader.assignment import Assignment, Limits

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "source/sentiment"
SCORER = "sentiment.get_sentiment_scores"
EDGES = {"Superb.": 1 - 1e-5, "Dire.": 1e-5}  # as sure as a classifier can be
SEED = "42"  # of the run that marks exercise 5
IMPORTS = "import torch\nfrom sentiment import get_sentiment_scores\n"  # of the exported solutions
KEY = b"an arbitrary score, so that only the scorer can know it"


def get_sentiment_scores(texts, batch_size=16):
    """Stands in for the classifier: an arbitrary P(positive) in (0, 1) for each text, the same on every run."""
    if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
        raise TypeError("get_sentiment_scores takes a list of str")
    if batch_size < 1:
        raise ValueError("batch_size must be an int of at least 1")
    return [_score(text) for text in texts]


def use_model(name=None):
    """Stands in for the function that chooses the classifier: here there is one."""


def _score(text):
    if text in EDGES:
        return EDGES[text]
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=KEY, digest_size=4).digest()
    return (int.from_bytes(digest, "big") + 0.5) / 2**32


ASSIGNMENT = Assignment(
    version="1.1",
    notebook=ROOT / "source/sentiment/exercise.ipynb",
    preload=("numpy", "torch", "torch.nn.functional"),
    packages=("torch", "transformers", "trl", "scikit-learn", "vaderSentiment"),
    arrays="torch",
    provides={
        SCORER: get_sentiment_scores,
        "sentiment.use_model": use_model,
    },
    training=("train",),
    trainer=(
        *("-m", "gate", "--notebook", "{notebook}", "--seeds", SEED),
        *("--mark", "{mark}", "--out", "{out}", "--isolation", "{isolation}"),
    ),
    replayer=("-m", "gate.replayer", "{out}", "{isolation}", SEED),
    training_uses=(
        *("sentiment_reward", "exponential_shaping"),
        *("sequence_log_probs", "forward_kl_reward"),
    ),
    training_files=(
        *(ROOT / "gate", ROOT / "solutions/rewards_solution.py"),
        *(ROOT / "models", *MODULES.rglob("*.py"), *MODULES.glob("prompts_*.txt")),
    ),
    limits=Limits(),
    enclosed=(ROOT / "models/tiny-gpt2", ROOT / "models/tiny-sentiment"),
    exported={"rewards_solution.py": IMPORTS},
)
