#!/bin/sh
# small_memory.sh SIZE WORD...: runs the words with so much in /dev/shm, in mounts of their own.
# 77: none can be had here.
set -eu

# shellcheck disable=SC2016
mount_it='mount -t tmpfs -o size="$0" tmpfs /dev/shm && exec "$@"'
if ! said=$(unshare --mount sh -c "$mount_it" "$1" true 2>&1); then
    echo "skipped, no mount of our own here: $said"
    exit 77
fi
exec unshare --mount sh -c "$mount_it" "$@"
