#!/usr/bin/env bash
# Runs every test with the race detector. Prints one line for each package and,
# at the end, what the tests that failed said and which tests were skipped. With
# LOGSTOW_NO_SKIP set, a skipped test is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}

# Built beforehand, so that no test's time goes into compiling it.
"$go" tool -modfile=tools/versitygw.mod -n versitygw >/dev/null

# A skip inside a fuzz target only says that an input was of no interest. Of a
# package that panicked, has a data race or failed without a failed test, all that
# it said is printed.
"$go" test -race -v -timeout 20m "$@" ./... | awk -v strict="${LOGSTOW_NO_SKIP:-}" '
	/^(ok  |\?   |FAIL)\t/ || /^\t.*no test files|^\t.*coverage: / {
		print; fflush()
		if ($1 == "FAIL") {
			failures = failures "\n" $0 "\n"
			if (failed == "" || said ~ /DATA RACE|(^|\n)(panic|fatal error): /) failures = failures said
			else failures = failures failed
		}
		said = failed = test = ""; split("", by)
		next
	}
	/^=== (RUN|PAUSE|CONT|NAME) / { test = $3; next }
	/^[ ]*--- PASS: / || /^(PASS|FAIL)$/ { next }
	{ said = said $0 "\n" }
	/^[ ]*--- FAIL: / { failed = failed $0 "\n" by[$3]; next }
	/^[ ]*--- SKIP: / && !/--- SKIP: Fuzz/ { skipped = skipped $0 "\n" by[$3] }
	{ by[test] = by[test] $0 "\n" }
	END {
		printf "%s%s", failures, said
		if (skipped == "") exit 0
		printf "skipped:\n%s", skipped
		if (strict != "") { print "tests may not be skipped here"; exit 1 }
	}
'
