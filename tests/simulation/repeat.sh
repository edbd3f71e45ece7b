#!/bin/sh
# repeat.sh PROGRAM: the same seeds give the same traces; others do not.
set -u
trace() { "$1" --seeds "$2" --mode "$3" --quiet | grep -o 'trace [0-9a-f]*'; }
for mode in safety liveness; do
  first=$(trace "$1" 1..25 $mode)
  second=$(trace "$1" 1..25 $mode)
  other=$(trace "$1" 26..50 $mode)
  echo "$mode: $first, again $second, others $other"
  [ -n "$first" ] && [ "$first" = "$second" ] && [ "$first" != "$other" ] || exit 1
done
