#!/bin/sh
# shell.sh FOLDER: every shell script passes shellcheck and, when it is to be run, is executable.
set -eu

cd -- "$1"
if ! command -v shellcheck >/dev/null 2>&1; then
    echo "no shellcheck"
    exit 77
fi
code=0
scripts=$(find deploy .ci tests -type f -exec awk '
    FNR == 1 && /^(#! *\/(usr\/)?bin\/(env )?(ba|da)?sh|# shellcheck shell=)/ { print FILENAME }
    { nextfile }' {} + | sort)
[ -n "$scripts" ]
while IFS= read -r script; do
    shellcheck -x -P . "$script" </dev/null || code=1
    if head -n 1 "$script" | grep -q '^#!' && [ ! -x "$script" ]; then
        echo "$script: not executable"
        code=1
    fi
done <<LIST
$scripts
LIST
exit $code
