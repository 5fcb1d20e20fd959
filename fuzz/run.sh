#!/usr/bin/env bash
# Gives arbitrary bytes to every parser of bytes from outside, one after the other, and tells how each took them.
# FUZZ_SECONDS=n says for how long each (60), FUZZ_TARGET=name which one alone; a name's beginning is enough.
# What is learnt is kept in target/fuzz/corpus, and what breaks a parser in target/fuzz/findings.
set -euo pipefail

ROOT=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
cd "$ROOT"
SECONDS_EACH=${FUZZ_SECONDS:-60}
WANTED=${FUZZ_TARGET:-}

missing() {
  printf 'make fuzz: %s\n' "$1" >&2
  exit 2
}
command -v cargo >/dev/null || missing 'cargo is not there: install Rust (https://rustup.rs)'
command -v "${CXX:-c++}" >/dev/null || missing "a C++ compiler is not there, which libFuzzer is built with: install g++ or clang, or set CXX"

# The coverage that libFuzzer goes by is an option of the stable compiler. A target that is named keeps it from build
# scripts and macros; the lock file is the daemon's, so that the same versions are tested.
HOST=$(rustc -vV | sed -n 's/^host: //p')
COVERAGE='-Cpasses=sancov-module -Ccodegen-units=1'
for option in level=4 inline-8bit-counters pc-table trace-compares; do
  COVERAGE+=" -Cllvm-args=-sanitizer-coverage-$option"
done
cp Cargo.lock fuzz/Cargo.lock
RUSTFLAGS=$COVERAGE cargo build --quiet --release --manifest-path fuzz/Cargo.toml --target "$HOST" --target-dir target ||
  missing 'the fuzzer cannot be built; if a crate could not be had, libfuzzer-sys must be fetched once with a network'
PROGRAM=$ROOT/target/$HOST/release/launchgate-fuzz

# Examples that stand in the tree already.
examples() {
  case $1 in
    file_document | file_launch) echo config tests/fixtures/launch tests/fixtures/replay/launch.yaml ;;
    file_samples | core_scenario) echo tests/fixtures/replay ;;
  esac
  [ ! -d "fuzz/seeds/$1" ] || echo "fuzz/seeds/$1"
}

mkdir -p target/fuzz/findings
FAILED=0 FOUND=0
printf '%-24s %10s %8s %7s %7s %s\n' parser inputs per-s edges kept result
for parser in $("$PROGRAM"); do
  [[ $parser == "$WANTED"* ]] || continue
  FOUND=1
  corpus=target/fuzz/corpus/$parser
  log=target/fuzz/$parser.log
  mkdir -p "$corpus"
  for example in $(examples "$parser"); do
    find "$example" -type f -exec cp -n --no-preserve=mode {} "$corpus" \;
  done
  result=ok
  PARSER=$parser nice "$PROGRAM" "$corpus" -max_total_time="$SECONDS_EACH" -timeout=10 -rss_limit_mb=2048 \
    -max_len=16384 -print_final_stats=1 -artifact_prefix="target/fuzz/findings/$parser-" >"$log" 2>&1 || {
    result="FOUND, see $log"
    FAILED=1
  }
  stat() { sed -nE "s/^stat::$1: +//p" "$log" | tail -1; }
  last() { sed -nE "s/.* $1: ([0-9]+).*/\1/p" "$log" | tail -1; }
  printf '%-24s %10s %8s %7s %7s %s\n' "$parser" "$(stat number_of_executed_units)" "$(stat average_exec_per_sec)" \
    "$(last cov)" "$(last corp)" "$result"
done
[ "$FOUND" = 1 ] || missing "no parser's name begins with \`$WANTED\`; there are:
$("$PROGRAM")"
exit "$FAILED"
