#!/bin/sh
# packages.sh FOLDER: deploy/packages.txt holds valid names, each once, in known sections; and
# nothing in the tree brings in software past it.
set -eu

cd -- "$1"
code=0
list=deploy/packages.txt

wrong=$(awk '
    { line = $0; sub(/#.*/, ""); gsub(/[ \t]+$/, "") }
    $0 == "" { next }
    /^\[(run|test|slurm)\]$/ { section = $0; next }
    section == "" { print FILENAME ":" FNR ": " line " <- before the first section"; next }
    !/^[a-z0-9][a-z0-9+.-]+$/ { print FILENAME ":" FNR ": " line " <- not a name"; next }
    $0 in seen { print FILENAME ":" FNR ": " line " <- listed twice" }
    { seen[$0] = 1; names++ }
    END { if (!names) print FILENAME ":1: <- no package" }
' $list)
if [ -n "$wrong" ]; then
    printf '%s\n' "$wrong"
    code=1
fi

# The one place that installs is deploy/lib/packages.sh; this file names the commands.
tools='(apt|apt-get|aptitude|snap|brew|npm|cargo|gem) +(-[^ ]+ +)*install|dpkg +-i'
tools="$tools|(^|[^a-z_])pip3? +install|(^|[;&| ])(curl|wget) |FetchContent|ExternalProject"
past=$(find deploy .ci tests common proto worker server CMakeLists.txt CMakePresets.json -type f \
    ! -path deploy/lib/packages.sh ! -path 'tests/lint/*' ! -name '*.md' ! -name '*.scd' \
    -exec grep -nHE "$tools" {} + || :)
if [ -n "$past" ]; then
    printf '%s\n' "$past" | sed 's|$| <- brings in software past deploy/packages.txt|'
    code=1
fi
exit $code
