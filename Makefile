# Two commands: `make demo` shows the whole loop with nothing installed, `make test` installs what the tests need and runs them.
.PHONY: demo test lint bench install-rigs simulate fuzz dist-assets deb

# Built once and looked at: without what only helps those who change it, which takes some time to make.
demo:
	CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 cargo run --quiet -- demo

install-rigs:
	tests/rigs/install.sh

test: install-rigs
	cargo fetch --locked
	cargo test --workspace

lint:
	cargo fmt --all -- --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items
	@if command -v cargo-deny >/dev/null; then cargo deny --locked check licenses bans sources; \
	else echo "cargo-deny is not installed: licences and sources are held by a test, tests/it/tidy/licences.rs"; fi

bench:
	cargo bench -p launchgate-core
	tests/rigs/bench.sh

# 100,000 histories take some minutes; SIM_SEEDS=n says how many, SIM_SEED=n plays one and tells its story.
simulate:
	cargo test --release -p launchgate-core --test simulation -- --nocapture
	tests/mutants.sh

# What goes beside the binary: the manual page and the completions, in target/dist.
dist-assets:
	cargo build --release --locked
	mkdir -p target/dist
	target/release/launchgate man > target/dist/launchgate.1
	target/release/launchgate completions bash > target/dist/launchgate.bash
	target/release/launchgate completions zsh > target/dist/_launchgate
	target/release/launchgate completions fish > target/dist/launchgate.fish

# A Debian package, by `cargo install cargo-deb`.
deb: dist-assets
	cargo deb --locked --no-build

# Arbitrary bytes for every parser: FUZZ_SECONDS=n says for how long each, FUZZ_TARGET=name which ones.
fuzz:
	fuzz/run.sh
