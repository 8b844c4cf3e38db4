#!/usr/bin/env bash
# Gradescope runs this once, as root, while it builds the assignment's image: Python, bubblewrap, the pinned packages.
#   GRADER_PYTHON=…      an interpreter that has the packages already (an image of your own): nothing is installed
#   AUTOGRADER_ROOT=…    in place of /autograder
set -euo pipefail
course=${AUTOGRADER_ROOT:-/autograder}/source/course
cd "$course"
python=${GRADER_PYTHON:-/opt/grader/bin/python}

new_enough() {
    "$1" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

if [ -z "${GRADER_PYTHON:-}" ]; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends python3-venv
    # of use only in containers that may make namespaces; the grader does without where they may not
    apt-get install -y -qq --no-install-recommends bubblewrap || echo "setup.sh: no bubblewrap here"
    base=python3
    if ! new_enough python3; then # Ubuntu 22.04
        apt-get install -y -qq --no-install-recommends python3.11 python3.11-venv
        base=python3.11
    fi
    "$base" -m venv /opt/grader
    PIP_EXTRA_INDEX_URL=${PIP_EXTRA_INDEX_URL:-https://download.pytorch.org/whl/cpu} \
        "$python" -m pip install --no-cache-dir -r requirements.txt -c requirements-lock.txt
fi

# laws and solutions are root's alone, whatever else keeps submissions from them; a worker has to reach the grader's own code
chmod -R go= tests source
chmod go+x "$course/.." "$course"
chmod -R go+rX grader
PYTHONPATH=$course "$python" -m grader doctor --no-gradebook \
    || echo "setup.sh: that is what this image lacks while it is built; what counts is where submissions are graded"
