#!/bin/sh
# links.sh FOLDER: what a document of the tree points to exists: a relative link with its heading,
# a man page by name(section), and in the documents of the top folder a path in back quotes.
set -eu

cd -- "$1"
found=$(mktemp)
trap 'rm -f "$found"' EXIT

# Lines of "file:line kind target". Fenced blocks are left out.
find . \( -name .git -o -path ./build -o -path ./runs \) -prune -o \
    -type f \( -name '*.md' -o -name '*.scd' \) -exec awk '
    FNR == 1 { fenced = 0; file = substr(FILENAME, 3) }
    /^ *```/ { fenced = !fenced; next }
    fenced { next }
    {
        rest = $0
        while (match(rest, /\]\([^) ]+\)/)) {
            print file ":" FNR " link " substr(rest, RSTART + 2, RLENGTH - 3)
            rest = substr(rest, RSTART + RLENGTH)
        }
        rest = $0
        gsub(/[*_]/, "", rest)
        while (match(rest, /vexil[a-z-]*\([1-8]\)/)) {
            print file ":" FNR " page " substr(rest, RSTART, RLENGTH)
            rest = substr(rest, RSTART + RLENGTH)
        }
        rest = file ~ /\// ? "" : $0
        while (match(rest, /`[^`]+`/)) {
            path = substr(rest, RSTART + 1, RLENGTH - 2)
            rest = substr(rest, RSTART + RLENGTH)
            if (path ~ /^(common|proto|worker|server|tests|deploy)\/[A-Za-z0-9_.\/-]*$/)
                print file ":" FNR " path " path
        }
    }' {} + >"$found"

# has_heading FILE ANCHOR: a heading's anchor is lower case, no punctuation, a dash for a space.
has_heading() {
    sed -n 's/^##* *//p' "$1" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g' |
        grep -qxF -e "$2"
}

code=0
while read -r place kind target; do
    file=${place%%:*}
    good=yes
    case $kind in
    page)
        name=${target%(*}
        section=${target#*(}
        [ -f "deploy/man/$name.${section%)}.scd" ] || good=no
        ;;
    path) [ -e "$target" ] || good=no ;;
    link)
        path=${target%%#*}
        case $target in
        http://* | https://* | mailto:*) continue ;;
        '#'*) path=$file ;;
        *) path=$(dirname -- "$file")/$path ;;
        esac
        [ -e "$path" ] || good=no
        case $target in
        *#*) [ $good = no ] || has_heading "$path" "${target#*#}" || good=no ;;
        esac
        ;;
    esac
    if [ $good = no ]; then
        echo "$place: $target does not exist"
        code=1
    fi
done <"$found"
exit $code
