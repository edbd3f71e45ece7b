# shellcheck shell=sh
# Configures and builds a preset into build/PRESET, and says so in one line a step.
# Sourced, not run.

# build_is_from_here ROOT PRESET: true when the build folder belongs to this tree.
build_is_from_here() {
    grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$1" "$1/build/$2/CMakeCache.txt" 2>/dev/null
}

# build_is_configured ROOT PRESET: true when the build tool can do the rest by itself.
build_is_configured() {
    [ -f "$1/build/$2/build.ninja" ] && build_is_from_here "$1" "$2" &&
        [ -z "$(find "$1/CMakePresets.json" -newer "$1/build/$2/build.ninja")" ]
}

# build_logged LOG COMMAND...: runs it with its output in LOG; on failure shows the end of it.
build_logged() {
    build_log=$1
    shift
    if "$@" >"$build_log" 2>&1 </dev/null; then
        return 0
    fi
    grep -vE '^\[[0-9]+/[0-9]+\] ' "$build_log" | tail -n 60 >&2
    return 1
}

# build_configure ROOT PRESET [ARGUMENT]...
build_configure() {
    build_root=$1
    build_preset=$2
    build_folder=$build_root/build/$build_preset
    shift 2
    build_began=$(date +%s)
    mkdir -p "$build_folder"
    # A tree that was copied or moved brings a folder that points elsewhere.
    if [ -f "$build_folder/CMakeCache.txt" ] &&
        ! build_is_from_here "$build_root" "$build_preset"; then
        set -- --fresh "$@"
    fi
    build_logged "$build_folder/configure.log" \
        cmake -S "$build_root" --preset "$build_preset" "$@" || {
        echo "configure $build_preset: failed" >&2
        return 1
    }
    echo "configure $build_preset: $(($(date +%s) - build_began)) s"
}

# build_make ROOT PRESET [TARGET]...
build_make() {
    build_root=$1
    build_preset=$2
    build_folder=$build_root/build/$build_preset
    shift 2
    build_began=$(date +%s)
    [ "$#" -gt 0 ] || set -- all
    build_logged "$build_folder/build.log" \
        cmake --build "$build_folder" --parallel "$(nproc)" --target "$@" || {
        echo "build $build_preset ($*): failed" >&2
        return 1
    }
    if grep -qF 'no work to do' "$build_folder/build.log"; then
        echo "build $build_preset ($*): up to date"
    else
        echo "build $build_preset ($*): $(($(date +%s) - build_began)) s"
    fi
}
