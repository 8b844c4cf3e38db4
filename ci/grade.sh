#!/usr/bin/env bash
# Grade a class on a CI runner: marks, with a training run for each (exercise 5), feedback pages, a table of grades.
#   bash ci/grade.sh FOLDER    what is in FOLDER/<student> takes the place of submitted/<student> first
# Leaves build/grading/status.csv, build/grading/grades.csv and build/grading/class.tar.gz: gradebook, autograded/, feedback/
# and training verdicts. The exit code is the grader's: 1 when some row is `infrastructure`, a submission that could not be
# graded for a reason of ours, or when something could not be copied.
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
code=0
if [ ! "$folder" -ef submitted ]; then
    shopt -s nullglob
    # names are students': quoted, so that a line end in one begins no command of the CI system in the log
    for entry in "$folder"/*; do
        new=submitted/.new  # where the grader does not look
        rm -rf "$new"
        if cp -R --no-dereference --preserve=timestamps "$entry" "$new"; then  # the times decide what is late
            rm -rf "submitted/${entry##*/}"
            mv "$new" "submitted/${entry##*/}"
        else
            echo "grade.sh: ${entry@Q} could not be copied: what an earlier run left of it is graded" >&2
            code=1
        fi
    done
    rm -rf submitted/.new
    for entry in submitted/*/; do
        name=$(basename "$entry")
        [ -e "$folder/$name" ] || echo "grade.sh: submitted/${name@Q} is of an earlier run, $folder has it no more" >&2
    done
fi
compgen -G "submitted/*/" >/dev/null || { echo "grade.sh: nobody has handed in: $folder is empty" >&2; exit 2; }

bin=${VENV:-.venv}/bin
PATH="$(cd "$bin" && pwd):$PATH"
python -m grader run --train || {
    run=$?
    [ "$run" = 1 ] || exit "$run"  # nothing was graded; the message above says why
    code=1
}
# of every assignment that somebody has been graded for
mapfile -t assignments < <(find autograded -mindepth 2 -maxdepth 2 -type d -printf '%f\n' | sort -u)
for assignment in ${assignments[@]+"${assignments[@]}"}; do
    nbgrader generate_feedback "$assignment" --force || code=1
done
nbgrader export --to build/grading/grades.csv || code=1
# one file: folders are named after students, and not every store of artefacts takes every name
kept=()
for path in gradebook.db autograded feedback build/grading/training; do
    if [ -e "$path" ]; then kept+=("$path"); fi
done
tar -czf build/grading/class.tar.gz --exclude=.gitkeep --exclude='build/grading/training/*/seed-*' "${kept[@]}" || code=1
exit "$code"
