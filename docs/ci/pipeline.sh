#!/usr/bin/env bash
# Judge a release with the acceptance suite, and run a command only through an open gate.
#
#   pipeline.sh RELEASE COMMAND [ARGUMENT...]
#   pipeline.sh v1.4.2 ./deploy.sh v1.4.2
#
# It needs pytest and prodstatus on the PATH, and runs in the project's folder. From the environment:
# TARGET (default: production), MAX_AGE (default: 1h), and whatever the suite itself reads.
# The folder of the outputs is the target's usual one; keep it, whatever the exit status is.
#
# Exit status: the command's, or, where the gate is closed, 1 (something FAILED), 10 (something is
# BLOCKED) or 2 to 5 (the suite could not run).
set -euo pipefail

if [ "$#" -lt 2 ]; then
    echo "usage: $0 RELEASE COMMAND [ARGUMENT...]" >&2
    exit 2
fi
release=$1
shift
target=${TARGET:-production}
commit=$(git rev-parse HEAD)

status=0
pytest -m production --prodstatus-target="$target" --prodstatus-subject="$release" || status=$?

# 0, 1 and 10 are verdicts, and the gate has the last word on them, since it knows of waivers.
# Anything else is no verdict.
case $status in
0 | 1 | 10) ;;
*)
    echo "the suite could not run (pytest ended with $status): not going on" >&2
    exit "$status"
    ;;
esac

# Asked of the record alone: is it of this target, this release and this suite, is it fresh, and is
# everything CONFIRMED?
prodstatus gate --target "$target" --subject "$release" --commit "$commit" \
    --max-age "${MAX_AGE:-1h}"

exec "$@"
