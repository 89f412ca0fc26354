#!/usr/bin/env bash
# Runs every test with the race detector. Prints one line for each package,
# all that a failing package said, and the tests that were skipped. With
# LOGSTOW_NO_SKIP set, a skipped test is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}

# Built beforehand, so that no test's time goes into compiling it.
"$go" tool -modfile=tools/versitygw.mod -n versitygw >/dev/null

# A skip inside a fuzz target only says that an input was of no interest.
"$go" test -race -v -timeout 20m "$@" ./... | awk -v strict="${LOGSTOW_NO_SKIP:-}" '
	/^(ok  |\?   |FAIL)\t/ || /^\t.*no test files|^\t.*coverage: / {
		if ($1 == "FAIL") printf "%s", said
		print; fflush()
		said = ""; next
	}
	/^[ ]*--- SKIP: / && !/--- SKIP: Fuzz/ { skipped = skipped $0 "\n" last }
	/^=== (RUN|PAUSE|CONT|NAME) / || /^[ ]*--- PASS: / || /^(PASS|FAIL)$/ { next }
	{ said = said $0 "\n"; last = $0 "\n" }
	END {
		printf "%s", said
		if (skipped == "") exit 0
		printf "skipped:\n%s", skipped
		if (strict != "") { print "tests may not be skipped here"; exit 1 }
	}
'
