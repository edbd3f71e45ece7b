#include "reach.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

#define HOSTS_TRIED 8   /* when none has a name or a route: each may take seconds */
#define ANY_PORT    "9" /* connect of a datagram socket only looks at the routes */

static struct addrinfo *resolve(const char *host)
{
    struct addrinfo wanted = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM };
    struct addrinfo *found = NULL;

    return getaddrinfo(host, ANY_PORT, &wanted, &found) == 0 ? found : NULL;
}

bool vx_ctl_reach_knows(const char *host)
{
    struct addrinfo *found = resolve(host);

    if (found != NULL)
        freeaddrinfo(found);
    return found != NULL;
}

/* Where a datagram to that address would come from. */
static bool source_of(const struct addrinfo *to, struct sockaddr_storage *ret_from)
{
    socklen_t size = sizeof(*ret_from);
    int fd = socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool known = false;

    if (fd < 0)
        return false;
    known = connect(fd, to->ai_addr, to->ai_addrlen) == 0 &&
            getsockname(fd, (struct sockaddr *)ret_from, &size) == 0;
    (void)close(fd);
    return known;
}

/* The text of an address that others can use; NULL for one of this machine alone. */
static char *listen_text(const struct sockaddr_storage *from)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)from;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)from;
    char text[INET6_ADDRSTRLEN] = "";

    if (from->ss_family == AF_INET && ntohl(four->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET &&
        inet_ntop(AF_INET, &four->sin_addr, text, sizeof(text)) != NULL)
        return vx_format("tcp://%s:0", text);
    if (from->ss_family == AF_INET6 && !IN6_IS_ADDR_LOOPBACK(&six->sin6_addr) &&
        !IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr) &&
        inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof(text)) != NULL)
        return vx_format("tcp://[%s]:0", text);
    return NULL;
}

static char *way_to(const char *host, bool *known)
{
    struct addrinfo *found = resolve(host);
    struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
    char *text = NULL;

    for (const struct addrinfo *at = found; at != NULL && text == NULL; at = at->ai_next) {
        if (!source_of(at, &from))
            continue;
        *known = true;
        text = listen_text(&from);
    }
    if (found != NULL)
        freeaddrinfo(found);
    return text;
}

vx_status vx_ctl_reach_listen(const vx_ctl_hostfile *hosts, const char *path, char **ret_listen,
                              vx_error *err)
{
    char *text = NULL;
    bool known = false;

    VX_ASSERT(hosts->count > 0);
    for (size_t i = 0; i < hosts->count && text == NULL && (known || i < HOSTS_TRIED); i++)
        text = way_to(vx_ctl_host_bare(&hosts->at[i]), &known);
    if (text == NULL && !known)
        return vx_fail(
            err, VX_ERR_UNAVAILABLE,
            "%s:%u: no name or no route leads from this machine to '%s', nor to the ones that "
            "follow: name our address that they reach by "
            "--bind ADDRESS",
            path, hosts->at[0].line, vx_ctl_host_bare(&hosts->at[0]));
    if (text == NULL)
        text = vx_strdup("tcp://127.0.0.1:0");
    if (text == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for an address");
    *ret_listen = text;
    return VX_OK;
}
