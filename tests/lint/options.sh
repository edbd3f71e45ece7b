#!/bin/sh
# options.sh FOLDER BIN: what the programs in BIN say by --help and the man pages name the same
# options. In a page an option of its own program is bold.
set -eu

pages=$1/deploy/man
bin=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
code=0

# compare PAGE NAME: the helps in $work/help have the options of the page.
compare() {
    grep -oE -e '(^| |\[)--[a-z][a-z-]*' -e '(^| )-[A-Za-z],' "$work/help" | tr -d ' ,[' |
        sort -u >"$work/told" || :
    grep -oE -e '\*--?[A-Za-z][a-z-]*\*' "$pages/$1" | tr -d '*' | sort -u >"$work/written" || :
    if [ ! -s "$work/told" ]; then
        echo "$2: --help tells no option"
        code=1
    fi
    for option in $(comm -23 "$work/told" "$work/written"); do
        echo "$1: $2 $option is not there"
        code=1
    done
    for option in $(comm -13 "$work/told" "$work/written"); do
        echo "$1: $option: $2 --help does not tell of it"
        code=1
    done
}

for program in vexild vexil-worker; do
    "$bin/$program" --help >"$work/help"
    for page in "$pages/$program".[0-9].scd; do
        compare "$(basename -- "$page")" $program
    done
done
"$bin/vexil" --help >"$work/help"
for command in train check status stop 'checkpoint list' 'checkpoint verify' 'checkpoint prune' \
    'checkpoint export' aggregate gradient evaluate gradcheck likelihoods reference; do
    # shellcheck disable=SC2086
    "$bin/vexil" $command --help >>"$work/help"
done
compare vexil.1.scd vexil
exit $code
