#!/usr/bin/env bash
# What every CI job does first: bubblewrap, a kernel that lets it work, the environment, and the doctor's word on all of it.
#   bash ci/prepare.sh cpu    torch's small CPU build
#   bash ci/prepare.sh gpu    torch as the index has it (on Linux the CUDA build); fails where torch sees no GPU
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-}" in
    cpu) export PIP_EXTRA_INDEX_URL="${PIP_EXTRA_INDEX_URL:-https://download.pytorch.org/whl/cpu}" ;;
    gpu) ;;
    *) echo "usage: bash ci/prepare.sh cpu|gpu" >&2; exit 2 ;;
esac

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

missing=()
command -v bwrap >/dev/null || missing+=(bubblewrap)
command -v make >/dev/null || missing+=(make)
command -v git >/dev/null || missing+=(git)
if [ "$1" = gpu ]; then  # Triton compiles TRL's loss when it is first used
    command -v "${CC:-gcc}" >/dev/null || command -v clang >/dev/null || missing+=(gcc libc6-dev)
fi
if [ "${#missing[@]}" -gt 0 ]; then
    echo "installing ${missing[*]}"
    { as_root apt-get update -qq && as_root apt-get install -y -qq --no-install-recommends "${missing[@]}"; } || {
        echo "prepare.sh: ${missing[*]}: could not be installed; the machine's owner has to, once" >&2; exit 1
    }
fi

sandbox_starts() {  # as the grader starts it: by an ordinary user, with every namespace new
    local ordinary=()
    if [ "$(id -u)" = 0 ]; then ordinary=(setpriv --reuid=61000 --regid=61000 --clear-groups); fi
    (cd / && ${ordinary[@]+"${ordinary[@]}"} bwrap --unshare-all --cap-drop ALL --ro-bind / / --proc /proc --dev /dev true)
}

# Ubuntu 23.10 and later keep namespaces from unprivileged programs; until the next start this lets them have some.
restriction=kernel.apparmor_restrict_unprivileged_userns
if ! sandbox_starts && [ "$(cat "/proc/sys/${restriction//.//}" 2>/dev/null || echo 0)" != 0 ]; then
    echo "bubblewrap may not make namespaces here: sysctl $restriction=0"
    as_root sysctl -w "$restriction=0" || echo "prepare.sh: the machine's owner has to set $restriction=0" >&2
fi

make setup
"${VENV:-.venv}/bin/python" -m grader doctor --no-gradebook  # fails unless a worker really starts
if [ "$1" = gpu ]; then
    "${VENV:-.venv}/bin/python" - <<'PYTHON'
import sys, torch

if not torch.cuda.is_available():
    sys.exit(f"torch {torch.__version__} sees no GPU: driver, or a runner in the wrong place (label gpu)")
print(f"torch {torch.__version__} on {torch.cuda.get_device_name()}")
PYTHON
fi
