#!/bin/sh
# The demo's rollback: the previous version runs again. launchgate says which, why, and on behalf of which run.
set -eu
printf '%s\n' "$LAUNCHGATE_PREVIOUS_VERSION" > version
printf '%s %s\n' "$LAUNCHGATE_IDEMPOTENCY_KEY" "$LAUNCHGATE_BECAUSE" >> rollback.log
echo "version $LAUNCHGATE_PREVIOUS_VERSION runs again"
