"""`--seeds`: runs that differ in nothing else, their table and band, and how a series goes on after Ctrl-C. Intervals against scipy."""

import json

import numpy as np
import pytest
from scipy import stats

import train
from lab import plots, seeds
from lab.config import TrainConfig, parse_command
from lab.described import described
from lab.errors import ConfigError
from lab.intervals import NORMAL_975, T_975, bootstrap, cluster_means, over_runs
from lab.runs import load_run
from tests.course.run_folder import history

INTERRUPTED = """
import os, signal
CALLS = [0]
def sentiment_reward(completions, **kwargs):
    CALLS[0] += bool(completions)
    if os.environ.get("STOP") and CALLS[0] == 3:  # in the second seed's first step
        os.kill(os.getpid(), signal.SIGINT)
    return get_sentiment_scores(completions)
"""


@pytest.mark.parametrize("seed", range(5))
def test_the_bootstrap_is_scipys_to_the_last_bit(seed):
    means = np.random.default_rng(seed).normal(0.4, 0.2, 48 + seed)
    theirs = stats.bootstrap(
        (means,), np.mean, n_resamples=9_999, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    assert bootstrap(means) == (means.mean(), theirs.low, theirs.high)


def test_whole_prompts_are_drawn():
    prompts, values = ["a", "a", "b", "b"], [0.0, 1.0, 0.5, 0.5]
    assert cluster_means(prompts, values).tolist() == [0.5, 0.5]
    assert bootstrap(cluster_means(prompts, values)) == (0.5, 0.5, 0.5)
    with pytest.raises(ValueError, match="equally many"):
        cluster_means(["a", "a", "b"], [0, 0, 0])


def test_quantiles_of_students_t_are_scipys():
    assert [round(stats.t.ppf(0.975, n + 1), 3) for n in range(30)] == list(T_975)
    values = np.random.default_rng(1).normal(size=9)
    found = over_runs(values.tolist())
    low, high = stats.t.interval(0.95, 8, values.mean(), stats.sem(values))
    assert found == pytest.approx((values.mean(), low, high), rel=1e-3)
    assert over_runs([0.5]) == (0.5, 0.5, 0.5)
    many = over_runs([0.0, 1.0] * 50)
    assert many.high - many.mean == pytest.approx(NORMAL_975 * stats.sem([0.0, 1.0] * 50))


def test_a_command_line_names_seeds(capsys):
    assert parse_command(["--seeds", "3", "1"]).seeds == [3, 1]
    assert parse_command([]).seeds == []
    for words in (["--seeds"], ["--seeds", "x"], ["--seed", "1", "--seeds", "2"]):
        with pytest.raises(SystemExit):
            parse_command(words)
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_what_cannot_work_is_told_before_the_first_run(tmp_path, monkeypatch):
    config = TrainConfig.from_preset("smoke", output_dir=str(tmp_path))
    with pytest.raises(ConfigError, match="--seed -1"):
        seeds.seed_configs(config, [1, -1])
    (tmp_path / "run.json").touch()
    with pytest.raises(ConfigError, match="holds a run: give another --output_dir"):
        seeds.seed_configs(config, [1])
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="without accelerate"):
        seeds.seed_configs(config, [1])


@pytest.fixture(scope="module")
def series(tmp_path_factory, python, short_run, rewards_file):
    """Three seeds: Ctrl-C in the second, then --resume. The folder, and both processes."""
    folder = tmp_path_factory.mktemp("series") / "outputs"
    flags = [*short_run, "--max_steps", 2, "--validation_steps", 1, "--save_steps", 1, "--seeds", 42, 2, 2, 3]  # fmt: skip
    flags += ["--rewards", rewards_file(INTERRUPTED), "--output_dir", folder]
    stopped = python("train.py", *flags, env={"STOP": "1"})
    return folder, stopped, python("train.py", *flags, "--resume"), flags


def test_a_series_goes_on_after_ctrl_c(series):
    folder, stopped, done, _ = series
    assert stopped.returncode == 130 and "Traceback" not in stopped.stderr
    assert f"interrupted in {folder / 'seed_2'}. The same command with --resume goes on" in stopped.stderr  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"the run in {folder / 'seed_42'} is already finished" in done.stdout
    assert sorted(path.name for path in folder.iterdir()) == ["seed_2", "seed_3", "seed_42", "seeds.json", "seeds.png"]  # fmt: skip


@pytest.mark.long
def test_a_seeds_run_is_the_run_of_that_seed_alone(series, tmp_path):
    folder, _, _, flags = series
    alone = [*map(str, flags[: flags.index("--seeds")]), "--seed", "3"]
    rewards = str(flags[flags.index("--rewards") + 1])
    assert train.main([*alone, "--rewards", rewards, "--output_dir", str(tmp_path / "a")]) == 0
    assert history(tmp_path / "a")[1] == history(folder / "seed_3")[1]


def test_table_and_figure_have_mean_and_interval(series):
    folder, _, done, _ = series
    runs = [load_run(folder / f"seed_{seed}") for seed in (42, 2, 3)]
    kept = json.loads((folder / "seeds.json").read_text())
    assert kept["seeds"] == [42, 2, 3]
    values = [run.after["mean_sentiment"] for run in runs]
    assert kept["figures"]["after"]["values"] == values
    low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert kept["figures"]["after"]["low"] == pytest.approx(low, rel=1e-3)
    assert seeds.table(runs) in done.stdout
    lines = seeds.table(runs).splitlines()
    assert [line.split()[0] for line in lines] == ["seed", "42", "2", "3", "mean", "95"]
    assert f"± {(high - low) / 2:.3f}" in lines[-1]
    words = described(plots.over_seeds(runs))
    assert "held-out prompts, mean of 3 seeds: " in words
    band = f"held-out prompts, 95 % interval: {runs[0].before['mean_sentiment']:.3g} to"
    assert band in words and f"{low:.3g} to {high:.3g} at 2" in words
    assert b"held-out prompts, 95 % interval" in (folder / "seeds.png").read_bytes()
