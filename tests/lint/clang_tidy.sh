#!/bin/bash
# clang_tidy.sh FOLDER BUILD: clang-tidy with the rules of .clang-tidy over each C file of the rooms
# that BUILD compiles; generated code is left out. 77 when there is no clang-tidy.
set -euo pipefail

source=$(cd -- "$1" && pwd -P)
build=$2
tool=$(command -v clang-tidy-14 || command -v clang-tidy || :)
if [ -z "$tool" ]; then
    echo "no clang-tidy"
    exit 77
fi

# A build folder holds "file": "/path/to/source/room/file.c", one a line.
files=$(sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' "$build/compile_commands.json" |
    awk -v top="$source/" 'index($0, top) == 1 {
        path = substr($0, length(top) + 1)
        if (path ~ /^(common|proto|worker|server)\/.*[.]c$/ && path !~ /[.]pb-c[.]c$/)
            print
    }' | sort -u)
if [ -z "$files" ]; then
    echo "$build/compile_commands.json names no file of the rooms" >&2
    exit 1
fi

cd -- "$source"
# One file a run: from its second file on, clang-tidy 14 takes every va_list for uninitialised.
count='^[0-9]* ?warnings?( and [0-9]+ errors?)? (generated|treated as errors?)\.?$'
printf '%s\n' "$files" | tr '\n' '\0' | xargs -0 -n 1 -P "$(nproc)" \
    "$tool" --quiet -p "$build" --extra-arg=-Wno-unknown-warning-option 2>&1 |
    { grep -vE "$count" || :; }
