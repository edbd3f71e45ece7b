#!/bin/sh
# format.sh FOLDER: all C of the tree is as clang-format leaves it. Exits 1 and names the lines when
# not; 77 when there is no clang-format 14 (another version formats otherwise).
set -eu

cd -- "$1"
tool=$(command -v clang-format-14 || command -v clang-format || :)
if [ -z "$tool" ] || ! "$tool" --version | grep -qF 'version 14.'; then
    echo "no clang-format 14"
    exit 77
fi
set --
for folder in common proto worker server tests; do
    if [ -d $folder ]; then
        set -- "$@" $folder
    fi
done
find "$@" -type f -name '*.[ch]' -exec "$tool" --dry-run -Werror {} +
