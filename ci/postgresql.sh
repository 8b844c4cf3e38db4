#!/usr/bin/env bash
# PostgreSQL's server for the tests that start one of their own: Debian's package, without a cluster that the machine would run.
set -euo pipefail

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

compgen -G "/usr/lib/postgresql/*/bin/postgres" >/dev/null && exit 0
command -v postgres >/dev/null && exit 0
echo "installing postgresql"
as_root mkdir -p /etc/postgresql-common
# the package's own file would ask for a cluster; this one stays in its place
echo "create_main_cluster = false" | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
as_root apt-get update -qq
as_root env DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 apt-get install -y -qq --no-install-recommends postgresql
