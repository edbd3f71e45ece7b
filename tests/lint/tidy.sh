#!/bin/sh
# tidy.sh FOLDER: the rules that the compiler cannot hold, over all text of the tree (see tidy.awk).
# Prints file:line: text <- rule; exits 1 when any is broken. tidy.sh --rules lists the rules.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
export LC_ALL=C # columns are bytes

if [ "$1" = --rules ]; then
    exec awk -v list=1 -f "$here/tidy.awk"
fi

cd -- "$1"
for folder in common proto worker server; do
    if [ ! -d $folder ]; then
        echo "$1 has no folder $folder: wrong place?" >&2
        exit 2
    fi
done

# The patterns are quoted: the shell must not see them.
broken=$(find . \
    \( -name .git -o -path ./build -o -path ./runs -o -path ./tests/data -o -name __pycache__ \) \
    -prune -o -type f \
    ! \( -name '*.gz' -o -name '*.png' -o -name '*.bin' -o -name '*.npy' -o -name '*.safetensors' \
    -o -name '*.swp' -o -path '*/corpus/*' \) \
    -exec awk -f "$here/tidy.awk" {} +)
if [ -n "$broken" ]; then
    printf '%s\n' "$broken"
    exit 1
fi
