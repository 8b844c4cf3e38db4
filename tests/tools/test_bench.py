"""The benchmarks of training run as documented: their figures are measured by hand, but never with a program that has rotted."""

import json
import subprocess
import sys

import pytest

from gate import ROOT

pytestmark = pytest.mark.long


@pytest.mark.parametrize(
    ("program", "options", "figures"),
    [
        ("tools.bench", ["--seeds", "1", "--validate_every", "2"], "seconds_to_gain"),
        ("tools.bench.breakdown", ["--rounds", "1"], "ms"),
        ("tools.bench.ablations", ["--rounds", "1"], "ms"),
    ],
)
def test_a_benchmark_of_training_runs_to_its_figures(tmp_path, program, options, figures):
    path = tmp_path / "figures.json"
    line = [sys.executable, "-m", program, "--steps", "4", *options, "--json", str(path)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(path.read_text())
    assert found["machine"]["cpu"] and found[figures]
