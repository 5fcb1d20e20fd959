#!/usr/bin/env bash
# Breaks the kernel and the engine on purpose, one way at a time, in a copy of the tree, and expects the tests to say
# which rule is broken. A break that nobody notices fails this script. The target folder outlives it, so that a second
# run is quick.
set -euo pipefail

ROOT=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
COPY=$(mktemp -d)
export CARGO_TARGET_DIR=${MUTANTS_TARGET:-$ROOT/target/mutants}
trap 'git -C "$ROOT" worktree remove --force "$COPY/tree" 2>/dev/null || true; rm -rf "$COPY"' EXIT
git -C "$ROOT" worktree add --quiet --detach "$COPY/tree" HEAD
cd "$COPY/tree"

FAILED=0
printf '%-44s %-34s %s\n' break 'must be told' result

# name, what must be told (extended regular expression), command, then pairs of file and sed expression
mutant() {
  local name=$1 told=$2 command=$3 file expression before out
  shift 3
  git checkout --quiet .
  while [ $# -gt 0 ]; do
    file=$1 expression=$2
    shift 2
    before=$(sha256sum "$file")
    sed -i -E "$expression" "$file"
    if [ "$before" = "$(sha256sum "$file")" ]; then
      printf '%-44s %-34s %s\n' "$name" "$told" "STALE: $file has changed"
      FAILED=1
      return
    fi
  done
  if out=$(bash -c "$command" 2>&1); then
    printf '%-44s %-34s %s\n' "$name" "$told" 'SURVIVED'
    FAILED=1
  elif grep -qE "$told" <<<"$out"; then
    printf '%-44s %-34s %s\n' "$name" "$told" "caught: $(grep -oE "$told" <<<"$out" | head -1)"
  else
    printf '%-44s %-34s %s\n' "$name" "$told" "FAILED OTHERWISE: $(tail -3 <<<"$out" | tr '\n' ' ')"
    FAILED=1
  fi
}

SIMULATE='SIM_SEEDS=2000 cargo test --quiet -p launchgate-core --test simulation the_rules'
ENGINE='cargo test --quiet -p launchgate --lib engine::tests'

mutant 'drop the high-water mark' '(S6|S7) broken by' "$SIMULATE" \
  core/src/trigger/sample.rs 's/filter\(\|mark\| sampled_at <= \*mark\)/filter(|_| false)/; s/is_some_and\(\|mark\| newest <= mark\)/is_some_and(|_| false)/'
mutant 'act before it is on record' 'nothing is done that is not on record' "$ENGINE" \
  src/engine/mod.rs 's/^        if kept \{$/        if kept || !kept {/'
mutant 'reset the credit on a restart' 'S7 broken by' "$SIMULATE" \
  core/src/state/restore.rs 's/if same \{ kept\.memory \} else/if false { kept.memory } else/'
mutant 'give a deployment a second run' 'S1 broken by' "$SIMULATE" \
  core/src/state/runs.rs 's/any\(\|run\| run\.id == id\)/any(|_| false)/' \
  core/src/state/triggers.rs 's/any\(\|known\| known\.id == run\)/any(|_| false)/'
mutant 'take NaN for good' '(S7|S10) broken by' "$SIMULATE" \
  core/src/trigger/sample.rs 's/Truth::Unknown\(cause\) => \(Class::Unknown, /Truth::Unknown(cause) => (Class::Good, /'

exit "$FAILED"
