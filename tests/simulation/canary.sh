#!/bin/sh
# canary.sh PROGRAM: each planted fault is found, and as what it is: a checker that cannot fail
# would go unnoticed.
set -u
program=$1
failed=0

expect() { # expect PLANT MODE PROMISE
  text=$("$program" --seeds 1..40 --mode "$2" --plant "$1" 2>&1)
  code=$?
  found=$(printf '%s\n' "$text" | grep -c "^seed [0-9]* breaks $3")
  echo "$1: $3 found in $found of 40 seeds"
  if [ "$code" -ne 1 ] || [ "$found" -eq 0 ]; then
    printf '%s\n' "$text" | tail -5
    failed=1
  fi
}

expect double-row safety 'I2 and I6'
expect old-row safety I3
expect skip-crc safety I3
expect mixture safety 'I4 and I9'
expect forget-round safety 'I1'
expect miscount safety I5
expect leak safety I8
expect deaf liveness I7
expect unsaved safety I1
expect old-result safety I1
expect torn-status safety I10
expect stale-twice safety I2
expect shared-shard safety 'I4 and I9'
expect moved-shard safety I9
exit $failed
