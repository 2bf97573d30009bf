#!/usr/bin/env bash
# Judge the release that runs on a target, and run a command only if the gate is open.
#
#   pipeline.sh RELEASE COMMAND [ARGUMENT...]
#
#   ./deploy.sh staging v42
#   TARGET=staging pipeline.sh v42 ./deploy.sh production v42
#   pipeline.sh v42 ./promote.sh v42 || { ./roll-back.sh v42; exit 1; }
#
# It needs pytest and prodstatus on the PATH, and runs in the project's folder; under git the record
# must be of the commit that is checked out. From the environment: TARGET (default: production),
# MAX_AGE (default: 1h), and what the suite itself reads.
# PRODSTATUS_SIGN_KEY, if it is set, signs the record (docs/how-to/sign.md); pytest doesn't get it.
# Keep the output folder with any exit status. Its junit.xml is the gate's decision.
#
# Exit status: the command's, or, if the gate is closed, 1 (something FAILED) or 10 (BLOCKED, or this
# run left no verdict). 2 is a usage error.
set -euo pipefail

if [ "$#" -lt 2 ] || [ -z "$1" ]; then
    echo "usage: $0 RELEASE COMMAND [ARGUMENT...]" >&2
    exit 2
fi
release=$1
shift
target=${TARGET:-production}
commit=$(git rev-parse --verify --quiet HEAD || true)
sign_key=${PRODSTATUS_SIGN_KEY:-}
unset PRODSTATUS_SIGN_KEY
run="$release-$target-$(date -u +%Y%m%dT%H%M%SZ)-$$"

# No exit status of pytest opens or closes anything: the gate decides, by the record of this run alone.
PRODSTATUS_RUN_ID="$run" pytest -m production --prodstatus-target="$target" \
    --prodstatus-subject="$release" || true
if [ -n "$sign_key" ]; then
    PRODSTATUS_RUN_ID="$run" PRODSTATUS_SIGN_KEY="$sign_key" prodstatus sign --target "$target" || true
fi
prodstatus gate --run "$run" --target "$target" --subject "$release" \
    ${commit:+--commit "$commit"} --max-age "${MAX_AGE:-1h}" --export junit

exec "$@"
