# Two commands: `make demo` shows the whole loop with nothing installed, `make test` installs what the tests need and runs them.
.PHONY: demo test lint bench install-rigs

demo:
	cargo run --quiet -- demo

install-rigs:
	tests/rigs/install.sh

test: install-rigs
	cargo test --workspace

lint:
	cargo fmt --all -- --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

bench:
	cargo bench -p launchgate-core
	tests/rigs/bench.sh
