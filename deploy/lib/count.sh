# shellcheck shell=sh
# Counts the results that ctest wrote. Sourced, not run.

# count_junit FILE: prints "PASSED FAILED SKIPPED" of one `ctest --output-junit` file; 1 when it is
# no such file. ctest's own totals call a test skipped whose program is missing. Here only a test
# that asked for it is skipped, or one that is disabled; passed is one that says that it ran;
# everything else failed.
count_junit() {
    awk '
        /<testsuite / { suite = 1 }
        /<testcase / {
            tests++
            if (/ status="run"/)
                passed++
            else if (/ status="disabled"/)
                skipped++
        }
        /<skipped message="SKIP_/ { skipped++ }
        END { print passed + 0, tests - passed - skipped, skipped + 0; exit !suite }
    ' "$1" 2>/dev/null
}
