"""What the course tests share: paths, a way to run the course's scripts, the reference solutions and one short training run."""

import copy
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from gate import ROOT, SOURCE
from tests import forks

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny models: more threads only wait for each other

import pytest
import torch

SHORT_RUN = [
    "--preset", "smoke", "--max_steps", "4", "--max_completion_length", "8", "--per_device_train_batch_size", "16",
    "--completions_per_step", "16", "--num_generations", "4", "--validation_samples", "1", "--validation_steps", "2", "--save_steps", "2",
]  # fmt: skip
NO_HUB = {  # an address that refuses at once stands for a hub that cannot be reached
    "HF_ENDPOINT": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
}


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Compute on one thread here as in the scripts, so that runs can be compared to the digit."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def own_place(tmp_path, monkeypatch):
    """Every test works in a folder of its own and scores with the embedded classifier unless it says otherwise."""
    import sentiment

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sentiment, "_model_name", "tiny-sentiment")


@pytest.fixture
def float32(monkeypatch):
    """Language models compute in float32 on every processor, for comparisons with an oracle; not in other processes."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)


@pytest.fixture(scope="session")
def source() -> Path:
    """The folder of the teaching modules."""
    return SOURCE


@pytest.fixture(scope="session")
def models() -> Path:
    """The folder of the embedded models."""
    return ROOT / "models"


@pytest.fixture(scope="session")
def short_run() -> list[str]:
    """Flags of a training run of a few seconds, without --rewards and --output_dir."""
    return list(SHORT_RUN)


@pytest.fixture(scope="session")
def python() -> Callable[..., subprocess.CompletedProcess]:
    """Return a function that runs Python as a user would: `python("train.py", "--preset", "smoke", cwd=folder)`."""

    def run(
        *arguments: str | Path, cwd: Path = SOURCE, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=cwd,
            env=environment(env),
            # a shell that started this in the background has SIGINT ignored, which children inherit
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def forked() -> Callable[..., subprocess.CompletedProcess]:
    """The same as `python`, in a process forked from one that has imported torch and TRL."""

    def run(
        *arguments: str | Path, cwd: Path = SOURCE, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess:
        return forks.run(arguments, cwd, environment(env), forks.TRAINING)

    return run


def environment(own: dict[str, str] | None) -> dict[str, str]:
    """Return what the course's scripts are started with, and `own` above it."""
    own = {name: str(value) for name, value in (own or {}).items()}
    return {**os.environ, **NO_HUB, "PYTHONDONTWRITEBYTECODE": "1", **own}


@pytest.fixture(scope="session")
def solutions() -> Path:
    """The reference solutions of exercises 1 to 4, as `--rewards` takes them."""
    return ROOT / "solutions/rewards_solution.py"


@pytest.fixture(scope="session")
def rewards_file(tmp_path_factory, solutions) -> Callable[[str], Path]:
    """Return a function that writes the reference solutions with some functions replaced by the given source."""

    def write(replacement: str) -> Path:
        path = tmp_path_factory.mktemp("rewards") / "mine.py"
        path.write_text(
            solutions.read_text(encoding="utf-8") + "\n\n" + replacement, encoding="utf-8"
        )
        return path

    return write


@pytest.fixture(scope="session")
def trained(tmp_path_factory, python, solutions) -> Path:
    """The output folder of one short, undisturbed run, with what it printed in `stdout.txt`; made in a process of its own."""
    folder = tmp_path_factory.mktemp("trained") / "outputs"
    program = (
        "import sys, train; code = train.main(sys.argv[1:]); print('wandb imported:', 'wandb' in sys.modules);"
        " sys.exit(code)"
    )
    done = python(
        "-c",
        program,
        *SHORT_RUN,
        "--rewards",
        solutions,
        "--output_dir",
        folder,
        env={"PYTHONPATH": SOURCE},
    )
    assert done.returncode == 0, done.stderr
    (folder.parent / "stdout.txt").write_text(done.stdout, encoding="utf-8")
    return folder


@pytest.fixture
def quick(short_run, solutions, tmp_path):
    """Return a function that trains in this process with a few more flags; gives the exit code."""

    import train

    def run(*flags, rewards=solutions, steps=2, output_dir=None):
        target = output_dir or tmp_path / "outputs"
        fixed = [
            "--rewards",
            rewards,
            "--output_dir",
            target,
            "--max_steps",
            steps,
            "--validation_steps",
            0,
        ]
        return train.main([*short_run, *map(str, [*fixed, *flags])])

    return run


@pytest.fixture(scope="session")
def tiny_bert(models) -> Callable[[Path, dict[int, str]], str]:
    """Return a function that saves a random BERT classifier with the given labels; gives its folder's name."""
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    def save(folder: Path, id2label: dict[int, str]) -> str:
        tokenizer = AutoTokenizer.from_pretrained(models / "tiny-sentiment")
        torch.manual_seed(len(id2label))
        config = BertConfig(
            vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
            max_position_embeddings=64, initializer_range=0.5, num_labels=len(id2label), id2label=id2label,
            label2id={label: i for i, label in id2label.items()},
        )  # fmt: skip
        BertForSequenceClassification(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return str(folder)

    return save


@pytest.fixture(scope="session")
def language_model():
    """The embedded language model and its tokenizer, as the course loads them."""
    from lab.pretrained import load_language_model

    return load_language_model("tiny-gpt2")


@pytest.fixture(scope="session")
def other(language_model):
    """A copy of the embedded model with noise on its weights: what training does, without the training."""
    model, noise = copy.deepcopy(language_model[0]), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weights in model.parameters():
            spread = weights.std().nan_to_num()
            weights.add_(0.3 * spread * torch.randn(weights.shape, generator=noise))
    return model


@pytest.fixture(scope="session")
def token_log_probs() -> Callable:
    """Return an oracle: log-probabilities of a completion's tokens after a prompt, float64, one sequence, no padding."""

    def log_probs(
        model: torch.nn.Module, prompt_ids: list[int], completion_ids: list[int]
    ) -> torch.Tensor:
        ids = [*prompt_ids, *completion_ids]
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0].double().numpy()
        values = []
        for t in range(len(prompt_ids), len(ids)):
            row = logits[t - 1] - logits[t - 1].max()
            values.append(row[ids[t]] - torch.tensor(row).exp().sum().log().item())
        return torch.tensor(values, dtype=torch.float64)

    return log_probs
