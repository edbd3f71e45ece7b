#!/bin/sh
# man.sh FOLDER: every man page renders, and is named in its first line as its file is.
set -eu

cd -- "$1/deploy/man"
if ! command -v scdoc >/dev/null 2>&1; then
    echo "no scdoc"
    exit 77
fi
code=0
pages=0
for page in *.scd; do
    [ -f "$page" ] || continue
    pages=$((pages + 1))
    scdoc <"$page" >/dev/null || {
        echo "$page: does not render"
        code=1
    }
    name=${page%.scd} # vexil-job.5
    if ! head -n 1 "$page" | grep -qF "${name%.*}(${name##*.})"; then
        echo "$page:1: does not begin with ${name%.*}(${name##*.})"
        code=1
    fi
done
if [ $pages -eq 0 ]; then
    echo "no page in deploy/man"
    code=1
fi
exit $code
