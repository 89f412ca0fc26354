#!/usr/bin/env bash
# Runs each fuzz target of the project for the time given (20s), one after the
# other. An input that fails is kept by go test under the package's testdata.
set -euo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}
for package in $("$go" list ./...); do
	for target in $("$go" test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		echo "== $package $target"
		"$go" test -run '^$' -fuzz "^$target\$" -fuzztime "${1:-20s}" "$package"
	done
done
