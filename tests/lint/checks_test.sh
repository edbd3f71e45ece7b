#!/bin/bash
# checks_test.sh FOLDER: each of the other checks of this folder passes a good tree, and fails on a
# planted fault with a message that names it; and the shell of deploy/lib counts and reads right.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
source=$(cd -- "$1" && pwd -P)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
tree=$scratch/tree
code=0

complain() {
    echo "FAILED: $*"
    code=1
}

# put PATH: writes standard input there.
put() {
    mkdir -p "$(dirname -- "$1")"
    cat >"$1"
}

make_tree() {
    rm -rf "$tree"
    put "$tree/common/base/a.c" <<<$'int vx_a(void);\n\nint vx_a(void)\n{\n    return 1;\n}'
    cp "$source/.clang-format" "$source/.clang-tidy" "$tree/"
    put "$tree/build/compile_commands.json" <<JSON
[
{
  "directory": "$tree/build",
  "command": "cc -c $tree/common/base/a.c",
  "file": "$tree/common/base/a.c"
}
]
JSON
    put "$tree/deploy/packages.txt" <<<$'# one\n[run]\ncmake # why\nlibx-dev\n[test]\nclang'
    put "$tree/deploy/quickstart" <<<$'#!/bin/sh\necho "$@"'
    chmod +x "$tree/deploy/quickstart"
    put "$tree/deploy/man/vexil.1.scd" <<<$'vexil(1)\n\n# NAME\n\nvexil - trains, see *vexil*(1)'
    mkdir -p "$tree/.ci" "$tree/tests" "$tree/proto" "$tree/worker" "$tree/server"
    put "$tree/CMakeLists.txt" </dev/null
    put "$tree/CMakePresets.json" </dev/null
    put "$tree/docs/more.md" <<<'[up](../README.md)'
    put "$tree/README.md" <<'MD'
# Title, with more
[a](docs/more.md) [b](#title-with-more) [c](README.md#title-with-more) [d](https://example.org/x)
`deploy/quickstart` and vexil(1)
```
[not a link](nowhere.md)
```
MD
}

# passes CHECK ARGUMENT...
passes() {
    local out status=0
    out=$("$here/$1.sh" "${@:2}" 2>&1) || status=$?
    if [ $status -eq 77 ]; then
        echo "skipped $1: $out"
    elif [ $status -ne 0 ]; then
        complain "$1: $out"
    fi
}

# fails TEXT CHECK ARGUMENT...: the check fails with this text; then the tree is made anew.
fails() {
    local text=$1 out status=0
    shift
    out=$("$here/$1.sh" "${@:2}" 2>&1) || status=$?
    if [ $status -eq 0 ]; then
        complain "$1: passes, but should say '$text'"
    elif [ $status -ne 77 ] && ! grep -qF -e "$text" <<<"$out"; then
        complain "$1: does not say '$text': $out"
    fi
    make_tree
}

make_tree
for check in format shell man links packages; do
    passes $check "$tree"
done
passes clang_tidy "$tree" "$tree/build"

put "$tree/common/base/a.c" <<<'int  a;'
fails 'common/base/a.c:1:4:' format "$tree"

put "$tree/common/base/a.c" <<<$'int vx_a(int x);\n\nint vx_a(int x)\n{\n    return x == x;\n}'
fails 'misc-redundant-expression' clang_tidy "$tree" "$tree/build"
put "$tree/build/compile_commands.json" <<<'[]'
fails 'names no file' clang_tidy "$tree" "$tree/build"

put "$tree/deploy/quickstart" <<<$'#!/bin/sh\necho $1'
fails 'SC2086' shell "$tree"
put "$tree/tests/deep/down/a.sh" <<<$'#!/bin/sh\necho $1'
fails 'tests/deep/down/a.sh' shell "$tree"
chmod -x "$tree/deploy/quickstart"
fails 'deploy/quickstart: not executable' shell "$tree"

put "$tree/deploy/man/vexil.1.scd" <<<$'vexil(1)\n\n_open\n\nmore'
fails 'vexil.1.scd: does not render' man "$tree"
mv "$tree/deploy/man/vexil.1.scd" "$tree/deploy/man/vexild.8.scd"
fails 'does not begin with vexild(8)' man "$tree"
rm "$tree/deploy/man/vexil.1.scd"
fails 'no page' man "$tree"

# Programs that tell of one option each.
make_programs() {
    put "$scratch/bin/vexild" <<<$'#!/bin/sh\necho "  --job FILE  the job"'
    put "$scratch/bin/vexil-worker" <<<$'#!/bin/sh\necho "  --run-dir DIR  the run"'
    put "$scratch/bin/vexil" <<<$'#!/bin/sh\necho "  -d, --run-dir=DIR  the run"'
    chmod +x "$scratch"/bin/*
    put "$tree/deploy/man/vexild.8.scd" <<<$'vexild(8)\n\n*--job* _FILE_'
    put "$tree/deploy/man/vexil-worker.1.scd" <<<$'vexil-worker(1)\n\n*--run-dir* _DIR_'
    put "$tree/deploy/man/vexil.1.scd" <<<$'vexil(1)\n\n*-d*, *--run-dir* _DIR_'
}
make_programs
passes options "$tree" "$scratch/bin"
put "$tree/deploy/man/vexild.8.scd" <<<$'vexild(8)\n\n*--job* _FILE_, *--jib*'
fails '--jib: vexild --help does not tell of it' options "$tree" "$scratch/bin"
make_programs
put "$tree/deploy/man/vexil.1.scd" <<<$'vexil(1)\n\n*--run-dir* _DIR_'
fails 'vexil -d is not there' options "$tree" "$scratch/bin"
make_programs
put "$scratch/bin/vexil-worker" <<<$'#!/bin/sh\necho none'
fails 'vexil-worker: --help tells no option' options "$tree" "$scratch/bin"

put "$tree/README.md" <<<$'\n[a](docs/less.md)'
fails 'README.md:2: docs/less.md does not exist' links "$tree"
put "$tree/docs/more.md" <<<'[a](README.md)'
fails 'docs/more.md:1: README.md does not exist' links "$tree"
put "$tree/README.md" <<<'[a](#nowhere)'
fails '#nowhere does not exist' links "$tree"
put "$tree/README.md" <<<'[a](docs/more.md#nowhere)'
fails 'docs/more.md#nowhere does not exist' links "$tree"
put "$tree/README.md" <<<$'\x60deploy/slowstart\x60'
fails 'deploy/slowstart does not exist' links "$tree"
put "$tree/deploy/man/vexil.1.scd" <<<$'vexil(1)\n\nSee *vexil-job*(5).'
fails 'vexil.1.scd:3: vexil-job(5) does not exist' links "$tree"

put "$tree/deploy/packages.txt" <<<$'[run]\ncmake\n[test]\ncmake'
fails 'packages.txt:4: cmake <- listed twice' packages "$tree"
put "$tree/deploy/packages.txt" <<<$'[run]\nCMake'
fails 'packages.txt:2: CMake <- not a name' packages "$tree"
put "$tree/deploy/packages.txt" <<<$'[run]\ncmake ninja'
fails 'packages.txt:2: cmake ninja <- not a name' packages "$tree"
put "$tree/deploy/packages.txt" <<<'cmake'
fails 'before the first section' packages "$tree"
put "$tree/deploy/packages.txt" <<<'[run]'
fails 'no package' packages "$tree"
put "$tree/.ci/run" <<<'apt-get -y install cmake'
fails '.ci/run:1:' packages "$tree"
put "$tree/deploy/a.sh" <<<'pip install numpy'
fails 'deploy/a.sh:1:' packages "$tree"

# The shell of deploy/lib.
# shellcheck source=deploy/lib/packages.sh
. "$source/deploy/lib/packages.sh"
# shellcheck source=deploy/lib/count.sh
. "$source/deploy/lib/count.sh"

# equal WHAT EXPECTED ACTUAL
equal() {
    [ "$2" = "$3" ] || complain "$1: '$3' instead of '$2'"
}

list=$tree/deploy/packages.txt
equal 'the packages of [run]' 'cmake libx-dev' "$(packages_list "$list" run | xargs)"
equal 'the packages of both' 'cmake libx-dev clang' "$(packages_list "$list" run test | xargs)"
equal 'the packages of no section' '' "$(packages_list "$list" ru)"

put "$scratch/tests/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(tests NONE)
enable_testing()
add_test(NAME passes COMMAND sh -c "echo '<testcase name=x status=fail>'")
add_test(NAME fails COMMAND sh -c "echo '<skipped message=\"SKIP_'; exit 1")
add_test(NAME skips COMMAND sh -c "exit 77")
set_tests_properties(skips PROPERTIES SKIP_RETURN_CODE 77)
add_test(NAME disabled COMMAND true)
set_tests_properties(disabled PROPERTIES DISABLED ON)
add_test(NAME has_no_program COMMAND ./nowhere)
add_test(NAME never_ends COMMAND sleep 9)
set_tests_properties(never_ends PROPERTIES TIMEOUT 0.2)
add_test(NAME needs_another COMMAND true)
set_tests_properties(fails PROPERTIES FIXTURES_SETUP other)
set_tests_properties(needs_another PROPERTIES FIXTURES_REQUIRED other)
CMAKE
cmake -S "$scratch/tests" -B "$scratch/tests/b" -G Ninja >"$scratch/log"
ctest --test-dir "$scratch/tests/b" --output-junit junit.xml >"$scratch/log" 2>&1 || :
equal 'counts of ctest' '1 4 2' "$(count_junit "$scratch/tests/b/junit.xml")"
if count_junit "$scratch/nowhere" || count_junit "$list" >"$scratch/log"; then
    complain 'count_junit takes a file that is none'
fi

# Options of deploy/test that end before it does anything.
"$source/deploy/test" --help | grep -qF -- --quick || complain 'deploy/test --help'
for options in '--wrong' '--quick --all'; do
    status=0
    # shellcheck disable=SC2086
    "$source/deploy/test" $options >"$scratch/log" 2>&1 || status=$?
    equal "exit code of deploy/test $options" 2 $status
done
exit $code
