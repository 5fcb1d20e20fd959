#!/bin/sh
# Starts launchgate for compose.yaml. At the first start it makes two tokens, which stay: alice's, who may give orders, beside the
# store; and one that may only read, for Prometheus, in the folder that both see. The daemon is given their hashes.
set -eu

store=${STORE_FOLDER:-/var/lib/launchgate}
shared=${SHARED_FOLDER:-/run/launchgate}

# made FILE: a token in this file, unless there is one.
made() {
  if [ ! -s "$1" ]; then
    head -c 32 /dev/urandom | sha256sum | cut -d ' ' -f 1 >"$1.new"
    mv "$1.new" "$1"
  fi
}

hash_of() {
  printf %s "$(cat "$1")" | sha256sum | cut -d ' ' -f 1
}

umask 077
made "$store/alice.token"
made "$shared/prometheus.token"
chmod 0644 "$shared/prometheus.token"

LAUNCHGATE__WEB__TOKENS=$(
  cat <<EOF
[
  {identity: alice, roles: [commander], sha256: "$(hash_of "$store/alice.token")"},
  {identity: prometheus, roles: [viewer], sha256: "$(hash_of "$shared/prometheus.token")"}
]
EOF
)
export LAUNCHGATE__WEB__TOKENS
exec launchgate "$@"
