#!/usr/bin/env bash
# Grade a class on a CI runner: marks, with a training run for each (exercise 5), feedback pages, a table of grades.
#   bash ci/grade.sh [--no-train] [--earlier CLASS.TAR.GZ] [--from SYSTEM] [--roster FILE] FOLDER|DOWNLOAD…
# FOLDER: what is in FOLDER/<student> takes the place of submitted/<student> first. DOWNLOAD: an archive, or what --from says,
# goes through `grader collect`; so does a folder with one archive and nothing else but rosters (.csv). --earlier: go on with the gradebook and the
# training verdicts that an earlier run kept, where this runner has none.
# Leaves build/grading/status.csv, build/grading/grades.csv and build/grading/class.tar.gz: gradebook, log of marks, autograded/, feedback/
# and training verdicts. The exit code is the grader's: 1 when some row is `infrastructure`, a submission that could not be
# graded for a reason of ours, or when something could not be copied or collected.
set -euo pipefail
fail() { echo "grade.sh: $1" >&2; exit 2; }

train=--train earlier='' from=() named=()
while [ $# -gt 0 ]; do
    case $1 in
        --no-train) train='' ;;
        --earlier) earlier=$(realpath -- "${2:?--earlier names an archive}"); shift ;;
        --from) from+=(--from "${2:?--from names a system}"); shift ;;
        --roster) from+=(--roster "$(realpath -- "${2:?--roster names a file}")"); shift ;;
        --*) fail "no such option: $1" ;;
        *) named+=("$1") ;;
    esac
    shift
done
for number in "${!named[@]}"; do  # relative to where the command is typed
    if [ -e "${named[number]}" ]; then named[number]=$(realpath -- "${named[number]}"); fi
done
cd "$(dirname "$0")/.."
if [ "${REPOSITORY_VISIBILITY:-private}" != private ]; then
    fail "this repository is $REPOSITORY_VISIBILITY, and its artefacts with it: grade in a private one"
fi

# Student code runs below this process: none of the CI system's variables, tokens among them, comes along.
if [ -z "${GRADE_ENVIRONMENT:-}" ]; then
    keep=(GRADE_ENVIRONMENT=clean)
    for name in HOME PATH USER LOGNAME LANG TMPDIR VENV LD_LIBRARY_PATH CUDA_VISIBLE_DEVICES NVIDIA_VISIBLE_DEVICES \
        HF_HOME HF_HUB_OFFLINE OMP_NUM_THREADS HTTPS_PROXY https_proxy NO_PROXY no_proxy SSL_CERT_FILE; do
        if [ -n "${!name:-}" ]; then keep+=("$name=${!name}"); fi
    done
    again=()
    [ -n "$train" ] || again+=(--no-train)
    [ -z "$earlier" ] || again+=(--earlier "$earlier")
    exec env -i "${keep[@]}" bash ci/grade.sh ${again[@]+"${again[@]}"} ${from[@]+"${from[@]}"} ${named[@]+"${named[@]}"}
fi

[ -n "${named[0]:-}" ] || fail "name the folder with the submissions, or a download"
for path in "${named[@]}"; do
    [ -e "$path" ] || fail "no folder or download ${path@Q} on this runner"
done
bin=${VENV:-.venv}/bin
PATH="$(cd "$bin" && pwd):$PATH"
code=0
shopt -s nullglob

if [ -n "$earlier" ]; then
    [ -f "$earlier" ] || fail "no archive $earlier"
    [ ! -e gradebook.db ] || fail "this runner has a gradebook.db of its own: leave --earlier out, or take that away"
    tar -xzf "$earlier" --no-same-owner
fi

copy_folder() {  # names are students': quoted, so that a line end in one begins no command of the CI system in the log
    local folder=$1 entry new name
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
}

collect() {
    local collected=0
    python -m grader collect ${from[@]+"${from[@]}"} "$@" || collected=$?
    [ "$collected" -le 1 ] || exit "$collected"  # nothing was collected; the message above says why
    [ "$collected" = 0 ] || { echo "grade.sh: somebody's work was not collected, as said above" >&2; code=1; }
}

archives=() rosters=()
for path in "${named[0]}"/*; do
    case $path in *.csv) rosters+=(--roster "$path") ;; *) archives+=("$path") ;; esac
done
if [ "${#named[@]}" = 1 ] && [ "${#archives[@]}" = 1 ] && [ -f "${archives[0]}" ]; then
    named=("${archives[@]}") from+=(${rosters[@]+"${rosters[@]}"})
fi
if [ "${#named[@]}" -gt 1 ] || [ "${#from[@]}" -gt 0 ] || [ -f "${named[0]}" ]; then
    collect "${named[@]}"
elif [ ! "${named[0]}" -ef submitted ]; then
    copy_folder "${named[0]}"
fi
compgen -G "submitted/*/" >/dev/null || fail "nobody has handed in: ${named[0]@Q} is empty"

# shellcheck disable=SC2086  # no option at all where nobody is trained with
python -m grader run $train || {
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
for path in gradebook.db marks.jsonl autograded feedback build/grading/training build/grading/roster.json build/grading/*/students; do
    if [ -e "$path" ]; then kept+=("$path"); fi
done
tar -czf build/grading/class.tar.gz --exclude=.gitkeep --exclude='build/grading/training/*/seed-*' "${kept[@]}" || code=1
exit "$code"
