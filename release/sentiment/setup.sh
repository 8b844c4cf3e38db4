#!/usr/bin/env bash
# Set up a fresh GPU instance (an NVIDIA Brev Launchable, say): Miniconda, an environment, the course's packages.
# Safe to run again. Afterwards:  conda activate sentiment && jupyter notebook exercise.ipynb
set -euo pipefail
here="${BASH_SOURCE[0]:-}"  # empty when the script is piped or pasted into a shell
[ -f requirements.txt ] || [ -z "$here" ] || cd "$(dirname "$here")"
[ -f requirements.txt ] || { echo "setup.sh: run this in the assignment's folder, where requirements.txt is" >&2; exit 1; }

CONDA="${CONDA_DIR:-$HOME/miniconda3}"
if [ ! -x "$CONDA/bin/conda" ]; then
    installer="$(mktemp --suffix=.sh)"
    wget -q -O "$installer" https://repo.anaconda.com/miniconda/Miniconda3-latest-Linux-x86_64.sh
    bash "$installer" -b -p "$CONDA"
    rm "$installer"
    "$CONDA/bin/conda" init bash  # for the shells opened later
fi

# `conda activate` is a shell function: a script gets it from here, since it does not read ~/.bashrc.
# Conda's own scripts read variables that may be unset.
set +u
# shellcheck disable=SC1091
source "$CONDA/etc/profile.d/conda.sh"
if ! conda env list | grep -qE '^sentiment\s'; then
    conda create -y -n sentiment -c conda-forge --override-channels python=3.11
fi
# On a GPU Triton compiles TRL's loss when it is first used; without a C compiler training takes a slower way.
if command -v nvidia-smi >/dev/null && ! command -v gcc >/dev/null && ! command -v clang >/dev/null; then
    conda install -y -n sentiment -c conda-forge --override-channels c-compiler
fi
conda activate sentiment
set -u

# On Linux the index's own torch wheel is the CUDA build. On a machine without a GPU, say before:
#   export PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
python -m pip install -r requirements.txt
python - <<'PYTHON'
import torch, transformers, trl
print(f"torch {torch.__version__}, CUDA {torch.cuda.is_available()}, transformers {transformers.__version__}, trl {trl.__version__}")
PYTHON
echo "Setup complete. Now: conda activate sentiment && jupyter notebook exercise.ipynb"
