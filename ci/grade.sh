#!/usr/bin/env bash
# Grade a class on a CI runner: marks, with a training run for each (exercise 5), feedback pages, a table of grades.
#   bash ci/grade.sh FOLDER    FOLDER/<student>/sentiment/exercise.ipynb are copied to submitted/ first
# Leaves build/grading/status.csv, build/grading/grades.csv and feedback/. The exit code is the grader's: 1 when some
# row is `infrastructure`, a submission that could not be graded for a reason of ours.
set -euo pipefail
if [ -d "${1:-}" ]; then set -- "$(cd "$1" && pwd)"; fi  # relative to where the command is typed
cd "$(dirname "$0")/.."
if [ "${REPOSITORY_VISIBILITY:-private}" != private ]; then
    echo "grade.sh: this repository is $REPOSITORY_VISIBILITY, and its artefacts with it: grade in a private one" >&2
    exit 2
fi

# Student code runs below this process: none of the CI system's variables, tokens among them, comes along.
if [ -z "${GRADE_ENVIRONMENT:-}" ]; then
    keep=(GRADE_ENVIRONMENT=clean)
    for name in HOME PATH USER LOGNAME LANG TMPDIR VENV LD_LIBRARY_PATH CUDA_VISIBLE_DEVICES NVIDIA_VISIBLE_DEVICES \
        HF_HOME HF_HUB_OFFLINE OMP_NUM_THREADS HTTPS_PROXY https_proxy NO_PROXY no_proxy SSL_CERT_FILE; do
        if [ -n "${!name:-}" ]; then keep+=("$name=${!name}"); fi
    done
    exec env -i "${keep[@]}" bash ci/grade.sh "$@"
fi

folder=${1:-}
[ -n "$folder" ] || { echo "grade.sh: name the folder with the submissions" >&2; exit 2; }
[ -d "$folder" ] || { echo "grade.sh: no folder $folder on this runner" >&2; exit 2; }
if [ ! "$folder" -ef submitted ]; then
    cp -R --no-dereference --preserve=timestamps "$folder/." submitted/  # the times decide what is late
fi
compgen -G "submitted/*/" >/dev/null || { echo "grade.sh: nobody has handed in: $folder is empty" >&2; exit 2; }

bin=${VENV:-.venv}/bin
PATH="$(cd "$bin" && pwd):$PATH"
code=0
python -m grader run --train || code=$?
[ "$code" -le 1 ] || exit "$code"  # nothing was graded; the message above says why
nbgrader generate_feedback sentiment --force || code=1
nbgrader export --to build/grading/grades.csv || code=1
exit "$code"
