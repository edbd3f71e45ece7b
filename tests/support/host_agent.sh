#!/bin/sh
# mpirun's remote shell in the tests: host_agent.sh HOST COMMAND... runs the command in the
# namespaces of the process that VX_HOSTS ("h1=4711 h2=4712") names for the host, in a session of
# its own, as a remote host would. The hosts in VX_HOSTS_DENY refuse, those in VX_HOSTS_HANG never
# answer, those in VX_HOSTS_AHEAD are an hour ahead.
host=$1
shift

# is_in HOST LIST
is_in() {
    case " $2 " in
    *" $1 "*) return 0 ;;
    *) return 1 ;;
    esac
}

if is_in "$host" "$VX_HOSTS_DENY"; then
    echo "root@$host: Permission denied (publickey)." >&2
    exit 255
fi
if is_in "$host" "$VX_HOSTS_HANG"; then
    sleep 300 # the name of the host stays in our command line, as in that of ssh
    exit 255
fi
holder=
for entry in $VX_HOSTS; do
    if [ "${entry%%=*}" = "$host" ]; then
        holder=${entry#*=}
    fi
done
if [ -z "$holder" ]; then
    echo "host_agent: Could not resolve hostname $host: Name or service not known" >&2
    exit 255
fi
if is_in "$host" "$VX_HOSTS_AHEAD"; then
    export LD_PRELOAD="$VX_FAKETIME" FAKETIME=+1h FAKETIME_DONT_FAKE_MONOTONIC=1
fi
exec nsenter -t "$holder" --net --uts --mount setsid --wait sh -c "$*"
