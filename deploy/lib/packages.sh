# shellcheck shell=sh
# Reads deploy/packages.txt and installs what is missing. Sourced, not run.

# packages_list FILE SECTION...: the names in these sections, one a line.
packages_list() {
    packages_file=$1
    shift
    awk -v wanted=" $* " '
        { sub(/#.*/, ""); gsub(/[ \t\r]/, "") }
        $0 == "" { next }
        /^\[.*\]$/ { section = substr($0, 2, length($0) - 2); next }
        index(wanted, " " section " ") { print }
    ' "$packages_file"
}

# packages_missing FILE SECTION...: those of them that are not installed.
packages_missing() {
    packages_list "$@" | while IFS= read -r packages_name; do
        packages_state=$(dpkg-query -W -f '${db:Status-Status}' "$packages_name" 2>/dev/null) || :
        [ "$packages_state" = installed ] || printf '%s\n' "$packages_name"
    done
}

# packages_as_root COMMAND...: runs it, through sudo when we are not root. 1 when that cannot be.
packages_as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@" </dev/null
    elif ! command -v sudo >/dev/null 2>&1; then
        echo "not root, and there is no sudo"
        return 1
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@" </dev/null # nobody is there to type a password
    fi
}

# packages_apt ARGUMENT...: apt-get that asks nothing and waits for another apt-get.
packages_apt() {
    packages_as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -qq \
        -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

# packages_install LOG NAME...: installs them. On failure shows the log and what to run by hand.
packages_install() {
    packages_log=$1
    shift
    if packages_apt update >"$packages_log" 2>&1 &&
        packages_apt install -y --no-install-recommends "$@" >>"$packages_log" 2>&1; then
        return 0
    fi
    {
        echo "cannot install the missing packages:"
        tail -n 15 "$packages_log" | sed 's/^/    /'
        echo "run this as root, then start again:"
        echo "    apt-get update && apt-get install -y --no-install-recommends $*"
    } >&2
    return 1
}

# packages_ensure FILE LOG SECTION...: installs what is missing and says in one line what it did.
packages_ensure() {
    packages_file=$1
    packages_log=$2
    shift 2
    if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
        echo "packages: not checked, this is not Debian; see $packages_file"
        return 0
    fi
    packages_names=$(packages_missing "$packages_file" "$@" | tr '\n' ' ')
    if [ -z "$packages_names" ]; then
        echo "packages: all present"
        return 0
    fi
    packages_began=$(date +%s)
    echo "packages: installing $packages_names"
    # Split on purpose: the names are words of [a-z0-9+.-] only.
    # shellcheck disable=SC2086
    packages_install "$packages_log" $packages_names || return 1
    echo "packages: installed in $(($(date +%s) - packages_began)) s"
}
