#!/bin/bash
# lint_test.sh: tidy.sh passes a clean tree, and fails on one planted fault for each of its rules,
# naming file, line and rule. A rule of tidy.awk without a fault here is a failure too.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
code=0
declare -A seen=()

complain() {
    echo "FAILED: $*"
    code=1
}

# put PATH: writes standard input there.
put() {
    mkdir -p "$(dirname -- "$1")"
    cat >"$1"
}

# header GUARD [LINE]
header() {
    printf '#ifndef %s\n#define %s\n%s\n#endif\n' "$1" "$1" "${2:-}"
}

# A tree with each exception that the rules know, and with what looks like a fault and is none.
clean_tree() {
    local tree=$1
    put "$tree/common/base/alloc.c" <<'C'
#include <isa-l/crc.h>
#include <xxhash.h>
void vx_free(void *memory)
{
    free(memory);
}
C
    put "$tree/common/base/assert.c" <<<'    abort();'
    put "$tree/common/linalg/blas.c" <<<'#include <cblas.h>'
    put "$tree/common/transport/conn.c" <<<'#include <uv.h>'
    put "$tree/common/config/tree.c" <<'C'
#include <cyaml/cyaml.h>
#include <yaml.h>
#include <jansson.h>
C
    put "$tree/proto/wire/wire.c" <<<'#include "vexil.pb-c.h"'
    put "$tree/worker/agent/agent.c" <<<'#include <mpi.h>'
    put "$tree/worker/data/idx.c" <<<'#include <zlib.h>'
    put "$tree/worker/data/csv_walk.c" <<<'#include <csv.h>'
    put "$tree/server/ledger/open.c" <<<'#include <sqlite3.h>'
    put "$tree/server/app/loop.c" <<<$'#include <uv.h>\n    vx_log_event(log, level, "x", "y");'
    put "$tree/server/ctl/status.c" <<<$'#include <uv.h>\n    printf("%d", 1);'
    put "$tree/server/ctl/child.c" <<<'    int null_fd = open("/dev/null", O_RDONLY);'
    put "$tree/server/app/run_dir.c" <<<'    int log_fd = open(log_file, O_APPEND);'
    put "$tree/common/base/files.c" <<<'    return rename(from, to);'
    put "$tree/server/checkpoint/folder.c" <<<'    return files->rename(context, from, to);'
    put "$tree/server/round/round.c" <<'C'
/* Not a call: free(x), exit(1), rand(). <uv.h>
   time(NULL) is not called either. */
static const char text[] = "sprintf(buffer) and \"malloc(1)\"";
static char quote = '"'; /* TODO(#12): a number, so it may stay */
    vx_free(x);
    message__free_unpacked(x, NULL);
    allocator->free(x);
    last_time(x);
    snprintf(x, 1, "%d", 1);
    strtok_r(x, y, z); // exit(1)
C
    header VX_ROUND_ROUND_H | put "$tree/server/round/include/vx_round/round.h"
    header VX_ROUND_TABLE_H | put "$tree/server/round/table.h"
    header VX_ROUND_PRIVATE_ROUND_H | put "$tree/server/round/round.h"
    header VX_SERVER_APP_LOOP_H | put "$tree/server/app/loop.h"
    header VX_TEST_CHECK_H | put "$tree/tests/support/include/vx_test/check.h"
    put "$tree/tests/unit/x_test.c" <<<'    free(x);'
    put "$tree/deploy/man/vexil.1.scd" <<<$'\tan indented line'
    put "$tree/README.md" \
        <<<"See /usr/share/datasets and $(printf 'a/%s/b' work). $(printf '%0120d' 0)"
}

# plant RULE PATH LINE-NUMBER TEXT: the tree with this file breaks this rule at this line, and only
# there.
plant() {
    local rule=$1 path=$2 number=$3 text=$4 tree=$scratch/planted out status=0

    seen[$rule]=1
    rm -rf "$tree"
    cp -R "$scratch/clean" "$tree"
    put "$tree/$path" <<<"$text"
    out=$("$here/tidy.sh" "$tree") || status=$?
    if [ $status -ne 1 ]; then
        complain "'$rule' in $path: exit code $status"
    elif [ "$(wc -l <<<"$out")" -ne 1 ]; then
        complain "'$rule' in $path: more than one line: $out"
    elif [[ $out != "$path:$number: "*" <- $rule" ]]; then
        complain "'$rule' in $path: $out"
    fi
}

clean_tree "$scratch/clean"
if ! out=$("$here/tidy.sh" "$scratch/clean"); then
    complain "the clean tree: $out"
fi

rule='no relative include'
plant "$rule" common/base/a.c 2 $'\n#include "../../server/round/table.h"'
plant "$rule" server/round/a.c 1 '#  include "sub/../table.h"'
plant "$rule" tests/unit/a.c 1 '#include "../support/check.h"'
rule='loop, sockets and secrets only through the tables of the reactor and vx_base/random.h'
plant "$rule" server/app/a.c 1 '    uv_timer_start(&timer, due, 1, 0);'
plant "$rule" common/transport/a.c 1 '    (void)uv_write(request, stream, buffers, 1, done);'
plant "$rule" server/app/b.c 1 '    int got = getrandom(token, 32, 0);'

rule='libuv only in transport, app and ctl'
plant "$rule" server/round/a.c 1 '#include <uv.h>'
plant "$rule" common/linalg/a.c 1 '# include   <uv.h> /* for a type */'
plant "$rule" worker/data/include/vx_data/a.h 3 "$(header VX_DATA_A_H '#include <uv.h>')"
rule='BLAS and LAPACK only in linalg'
plant "$rule" worker/likelihood/a.c 1 '#include <cblas.h>'
plant "$rule" server/aggregate/a.c 1 '#include <lapacke.h>'
rule='MPI only in agent and group'
plant "$rule" worker/app/a.c 1 '#include <mpi.h>'
rule='generated code only in proto'
plant "$rule" server/app/a.c 1 '#include <vexil.pb-c.h>'
plant "$rule" worker/app/a.c 1 '#include "wire/vexil.pb-c.h"'
plant "$rule" common/transport/a.c 1 '#include <protobuf-c/protobuf-c.h>'
rule='JSON only in config, tensor_file, checkpoint, control, ctl, bootstrap, task and tool'
plant "$rule" server/app/a.c 1 '#include <jansson.h>'
rule='YAML only in config'
plant "$rule" server/plan/a.c 1 '#include <cyaml/cyaml.h>'
plant "$rule" worker/app/a.c 1 '#include <yaml.h>'
rule='hwloc only in place'
plant "$rule" worker/agent/a.c 1 '#include <hwloc.h>'
rule='zlib only in data'
plant "$rule" common/tensor_file/a.c 1 '#include <zlib.h>'
rule='libcsv only in data'
plant "$rule" common/config/a.c 1 '#include <csv.h>'
rule='SQLite only in ledger'
plant "$rule" server/checkpoint/a.c 1 '#include <sqlite3.h>'
plant "$rule" common/base/a.c 1 '#include <sqlite3ext.h>'
rule='checksums and digests only in base'
plant "$rule" common/transport/a.c 1 '#include <isa-l/crc.h>'
plant "$rule" server/checkpoint/a.c 1 '#include <xxhash.h>'
rule='VX_ASSERT instead of assert'
plant "$rule" server/round/a.c 1 '#include <assert.h>'

rule='the heap only through vx_base/alloc.h'
plant "$rule" server/round/a.c 1 '    free(x);'
plant "$rule" worker/data/a.c 1 'char *x = malloc(1);'
plant "$rule" common/linalg/a.c 1 '    x = (char *)calloc (1, 1);'
plant "$rule" common/config/a.c 2 $'/* a comment */\nrealloc(x, 1);'
plant "$rule" proto/wire/a.c 1 'x = y == NULL ? NULL : strdup(y); /* why */'
rule='random numbers only through vx_base/rng.h'
plant "$rule" worker/fault/a.c 1 'int x = rand();'
plant "$rule" worker/fault/a.c 1 '    srand(1);'
rule='the clock only through vx_base/clock.h'
plant "$rule" server/round/a.c 1 'long x = time(NULL);'
plant "$rule" server/app/a.c 1 '    gettimeofday(&x, NULL);'
plant "$rule" server/app/a.c 1 '    clock_gettime(CLOCK_MONOTONIC, &x);'
rule='files only through vx_base/file.h and vx_base/files.h'
plant "$rule" server/checkpoint/a.c 1 '    if (rename(x, y) != 0)'
plant "$rule" common/tensor_file/a.c 1 'int x = open(y, O_RDONLY);'
plant "$rule" server/control/a.c 1 'FILE *x = fopen(y, "re");'
plant "$rule" server/app/a.c 1 '    unlink(x);'
plant "$rule" server/ctl/a.c 1 '    (void)mkdir(x, 0755);'
plant "$rule" worker/data/a.c 1 '    fsync(x);'
plant "$rule" worker/agent/a.c 1 '    (void)rmdir(x);'
rule='only main ends the program, by return'
plant "$rule" server/round/a.c 1 '    exit(1);'
plant "$rule" worker/app/a.c 1 '    if (x) exit(EXIT_FAILURE);'
rule='VX_ASSERT instead of abort'
plant "$rule" server/round/a.c 1 '    abort();'
plant "$rule" common/base/a.c 1 '    abort();'
rule='no function that writes without a bound'
plant "$rule" server/app/a.c 1 '    sprintf(x, "%d", 1);'
plant "$rule" server/app/a.c 1 '    strcpy(x, y);'
plant "$rule" server/app/a.c 1 '    strcat(x, y);'
plant "$rule" server/app/a.c 1 '    strtok(x, y);'
plant "$rule" server/app/a.c 1 '    gets(x);'
rule='no conversion that hides its errors'
plant "$rule" worker/data/a.c 1 'int x = atoi("1");'
plant "$rule" worker/data/a.c 1 'double x = atof("1");'
rule='no shell'
plant "$rule" server/ctl/a.c 1 '    system("ls");'
plant "$rule" worker/agent/a.c 1 'FILE *x = popen("ls", "r");'
rule='only app, ctl and tool print and log'
plant "$rule" server/round/a.c 1 '    printf("%d", 1);'
plant "$rule" worker/data/a.c 1 '    vx_log_event(log, level, "x", "y");'
rule='vx_assert_close: cmocka compares as float'
plant "$rule" tests/unit/a.c 1 '    assert_float_equal(x, y, 1e-6);'

rule='no tab'
plant "$rule" server/round/a.c 1 $'\tint x;'
plant "$rule" deploy/quickstart 1 $'\techo'
rule='no space at the end of a line'
plant "$rule" README.md 2 $'# Title\ntext '
plant "$rule" server/round/a.c 1 $'int x;\r'
rule='no TO''DO without a number'
plant "$rule" server/round/a.c 1 "/* TO""DO: later */"
plant "$rule" tests/run.sh 2 $'#!/bin/sh\n# FIX''ME'
plant "$rule" README.md 1 "TO""DO(me) write"
rule='no fast math: tests for NaN must work'
plant "$rule" common/cmake/a.cmake 1 'add_compile_options(-Ofa''st)'
plant "$rule" CMakePresets.json 1 '"-ffast-m''ath"'
rule='no path of one machine'
plant "$rule" README.md 1 'cd /ro''ot/vexil'
plant "$rule" tests/run.sh 1 'x="/ho''me/someone/vexil"'
plant "$rule" deploy/CMakeLists.txt 1 'set(X /wo''rk/main)'
rule='no word about the tools of an author'
plant "$rule" CONTRIBUTING.md 1 'Co-Auth''ored-By: a tool'
plant "$rule" server/round/a.c 1 '/* gener''ated by an AI */'
plant "$rule" .clang-format 1 '# written with Chat''GPT'

columns_101=$(printf '%0101d' 0)
rule='at most 100 columns'
plant "$rule" server/round/a.c 1 "int x$columns_101;"
plant "$rule" tests/run.sh 1 "$columns_101"
rule='at most 500 lines a file'
plant "$rule" server/round/a.c 501 "$(seq 501 | sed 's/.*/int x;/')"
rule='the guard is VX_<ROOM>_<FILE>_H'
plant "$rule" server/round/include/vx_round/a.h 1 "$(header VX_A_H)"
plant "$rule" server/round/a.h 1 "$(header VX_ROSTER_A_H)"
plant "$rule" server/app/a.h 1 "$(header VX_ROUND_A_H)"
plant "$rule" server/round/a.h 1 '#pragma once'
plant "$rule" server/round/a.h 1 'int x;'
plant "$rule" server/round/a.h 1 $'#ifndef VX_ROUND_A_H\n#define VX_ROUND_B_H\n#endif'
rule='a name of [A-Za-z0-9_.-] only'
plant "$rule" 'server/round/a b.c' 1 'int x;'

while IFS= read -r rule; do
    [ -n "${seen[$rule]:-}" ] || complain "no planted fault for the rule '$rule'"
    unset "seen[$rule]"
done < <("$here/tidy.sh" --rules)
for rule in "${!seen[@]}"; do
    complain "a planted fault for a rule that is not there: '$rule'"
done
exit $code
