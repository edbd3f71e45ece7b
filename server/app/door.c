#include "server_private.h"

#include <vx_base/assert.h>
#include <vx_base/descriptors.h>

/*
 * How many may come in: connections have a bound of their own, below that of the process, so that
 * files of the server can always be opened.
 */
#define FILES_MAX 64 /* descriptors that the server itself uses, at most */
#define SAY_NS    (60 * VX_NS_PER_S)
#define TELLS_MAX 100.0 /* lines about strangers at once; one a second more */

void vx_door_measure(vx_server *server)
{
    size_t own = server->roster.count + 1; /* workers and evaluator */
    size_t wanted = own + server->job->limits.connections;
    uint64_t limit = vx_descriptors_raise(wanted + FILES_MAX);

    server->peers_max = wanted;
    if (limit >= wanted + FILES_MAX)
        return;
    server->peers_max = limit > own + 1 + FILES_MAX ? (size_t)limit - FILES_MAX : own + 1;
    vx_log_event(&server->log, VX_LOG_WARN, "descriptors.few",
                 "limit=%llu wanted=%zu connections=%zu next=\"at most so many connections are "
                 "taken; raise ulimit -n (LimitNOFILE= of systemd) or lower limits.connections\"",
                 (unsigned long long)limit, wanted + FILES_MAX, server->peers_max);
}

/* Who says nothing must not keep out who would: the one that has been silent for longest goes. */
bool vx_door_has_room(vx_server *server)
{
    vx_peer *oldest = NULL;

    if (server->peers_count < server->peers_max)
        return true;
    if (server->peers_count >= 2 * server->peers_max)
        return false; /* those that were closed in this turn are still counted */
    for (vx_peer *peer = server->peers; peer != NULL; peer = peer->next)
        if (peer->stage == VX_PEER_GREETING)
            oldest = peer; /* new ones are put in front */
    if (oldest == NULL)
        return false;
    oldest->stage = VX_PEER_CLOSING;
    vx_conn_close(oldest->conn, VX_ERR_LIMIT, "too many connections, and no hello");
    return true;
}

bool vx_door_may_tell(vx_server *server)
{
    uint64_t now_ns = vx_server_now(server);

    server->tells_left += server->tells_ns == 0
                              ? TELLS_MAX
                              : (double)(now_ns - server->tells_ns) / (double)VX_NS_PER_S;
    if (server->tells_left > TELLS_MAX)
        server->tells_left = TELLS_MAX;
    server->tells_ns = now_ns;
    if (server->tells_left < 1.0) {
        server->tells_left_out++;
        return false;
    }
    server->tells_left -= 1.0;
    if (server->tells_left_out > 0)
        vx_log_event(&server->log, VX_LOG_WARN, "peers.not_told",
                     "count=%llu what=\"refused, turned away or closed\"",
                     (unsigned long long)server->tells_left_out);
    server->tells_left_out = 0;
    return true;
}

void vx_door_strained(void *owner, int error)
{
    vx_server *server = owner;
    uint64_t now_ns = vx_server_now(server);
    char why[VX_ERRNO_TEXT_SIZE];

    if (error == 0) {
        if (server->strained)
            vx_log_event(&server->log, VX_LOG_INFO, "accept.eased", "connections=%zu",
                         server->peers_count);
        server->strained = false;
        return;
    }
    if (server->strained_ns != 0 && now_ns - server->strained_ns < SAY_NS)
        return;
    server->strained_ns = now_ns;
    server->strained = true;
    vx_errno_text(error, why);
    vx_log_event(&server->log, VX_LOG_ERROR, "accept.strained",
                 "connections=%zu why=\"%s\" next=\"who is here stays, who connects waits until "
                 "there is room; raise the limit\"",
                 server->peers_count, why);
    vx_journal_event(server->journal, server->round.number, "accept.strained", "s:I, s:s",
                     "connections", (long long)server->peers_count, "why", why);
}
