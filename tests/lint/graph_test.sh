#!/bin/bash
# graph_test.sh FOLDER: what common/cmake/VxRoom.cmake stops is stopped. Builds a tiny project with
# three rooms by the real VxRoom.cmake, then breaks it one way at a time and reads the message.
set -euo pipefail

source=$(cd -- "$1" && pwd -P)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
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

# Two rooms: round uses base. The header status.h is the project's own.
make_tree() {
    local tree=$1
    rm -rf "$tree"
    put "$tree/CMakeLists.txt" <<CMAKE
cmake_minimum_required(VERSION 3.25)
project(tiny VERSION 1.0.0 LANGUAGES C)
set(CMAKE_C_STANDARD 11)
set(CMAKE_COMPILE_WARNING_AS_ERROR ON)
include("$source/common/cmake/VxRoom.cmake")
add_subdirectory(base)
add_subdirectory(roster)
add_subdirectory(round)
CMAKE
    put "$tree/base/CMakeLists.txt" <<<'vx_room(NAME base SOURCES base.c)'
    put "$tree/roster/CMakeLists.txt" <<<'vx_room(NAME roster SOURCES roster.c USES base)'
    put "$tree/round/CMakeLists.txt" <<<'vx_room(NAME round SOURCES round.c USES base)'
    put "$tree/base/include/vx_base/status.h" <"$source/common/base/include/vx_base/status.h"
    put "$tree/base/include/vx_base/base.h" <<'C'
#ifndef VX_BASE_BASE_H
#define VX_BASE_BASE_H
#include <vx_base/status.h>
VX_MUST_CHECK vx_status vx_base_try(void);
#endif
C
    put "$tree/base/private.h" <<<'#define VX_PRIVATE 1'
    put "$tree/base/base.c" <<'C'
#include <vx_base/base.h>
#include "private.h"
vx_status vx_base_try(void)
{
    return VX_PRIVATE ? VX_OK : VX_AGAIN;
}
C
    put "$tree/roster/include/vx_roster/roster.h" <<<'int vx_roster_size(void);'
    put "$tree/roster/roster.c" <<'C'
#include <vx_roster/roster.h>
int vx_roster_size(void)
{
    return 1;
}
C
    put "$tree/round/include/vx_round/round.h" <<<'int vx_round_size(void);'
    put "$tree/round/round.c" <<'C'
#include <vx_round/round.h>
#include <vx_base/base.h>
int vx_round_size(void)
{
    return vx_base_try() == VX_OK;
}
C
}

# build [TARGET]: configures and builds the tree; the output is in $scratch/log.
build() {
    {
        cmake -S "$scratch/tree" -B "$scratch/tree/build" -G Ninja &&
            cmake --build "$scratch/tree/build" --target "${1:-all}"
    } >"$scratch/log" 2>&1 </dev/null
}

# stopped WHAT TEXT [TARGET]: the build of the tree fails, and says TEXT.
stopped() {
    local what=$1 text=$2
    if build "${3:-all}"; then
        complain "$what: not stopped"
    elif ! tr -s ' \n' ' ' <"$scratch/log" | grep -qF -e "$text"; then
        complain "$what: stopped, but not by '$text':"
        tail -n 20 "$scratch/log"
    fi
    make_tree "$scratch/tree"
}

make_tree "$scratch/tree"
if ! build || ! build all_verify_interface_header_sets; then
    complain 'the unbroken tree does not build:'
    tail -n 20 "$scratch/log"
fi
make_tree "$scratch/tree"

put "$scratch/tree/round/CMakeLists.txt" <<<'vx_room(NAME round SOURCES round.c USES base roster)'
stopped 'an edge that is not in the table' "room 'round' may not use 'roster'"

put "$scratch/tree/round/CMakeLists.txt" <<<'vx_room(NAME rond SOURCES round.c USES base)'
stopped 'a room that is not in the table' "room 'rond' has no line"

put "$scratch/tree/round/round.c" <<'C'
#include <vx_round/round.h>
#include <vx_roster/roster.h>
int vx_round_size(void)
{
    return vx_roster_size();
}
C
stopped 'a header of an undeclared room' 'vx_roster/roster.h: No such file or directory'

put "$scratch/tree/round/round.c" <<'C'
#include <vx_round/round.h>
int vx_roster_size(void);
int vx_round_size(void)
{
    return vx_roster_size();
}
C
stopped 'a symbol of an undeclared room' "undefined reference to \`vx_roster_size'"

put "$scratch/tree/round/round.c" <<'C'
#include <vx_round/round.h>
#include "private.h"
int vx_round_size(void)
{
    return VX_PRIVATE;
}
C
stopped 'a private header of a neighbour' 'private.h: No such file or directory'

put "$scratch/tree/round/round.c" <<'C'
#include <vx_round/round.h>
#include <vx_base/base.h>
int vx_round_size(void)
{
    vx_base_try();
    return 1;
}
C
stopped 'a status that nobody looks at' 'unused-result'

put "$scratch/tree/round/round.c" <<'C'
#include <vx_base/base.h>
#include <vx_round/round.h>
int vx_round_size(void)
{
    return vx_base_try() == VX_OK;
}
C
put "$scratch/tree/round/include/vx_round/round.h" <<'C'
int vx_round_size(void);
vx_status vx_round_try(void);
C
stopped 'a header that relies on its includer' 'vx_status' all_verify_interface_header_sets

exit $code
