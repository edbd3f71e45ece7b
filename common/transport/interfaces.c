#include <vx_transport/interfaces.h>

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <uv.h>

#include <vx_base/alloc.h>

static void take_address(const struct ifaddrs *from, vx_interface_address *entry)
{
    const struct sockaddr *address = from->ifa_addr;

    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;

        (void)uv_ip4_name(in, entry->host, sizeof(entry->host));
        entry->is_link_local = (ntohl(in->sin_addr.s_addr) & 0xffff0000u) == 0xa9fe0000u;
    } else {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
        size_t used = 0;

        (void)uv_ip6_name(in6, entry->host, sizeof(entry->host));
        entry->is_ipv6 = true;
        entry->is_link_local = IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr);
        used = strlen(entry->host);
        if (entry->is_link_local)
            (void)snprintf(entry->host + used, sizeof(entry->host) - used, "%%%s", entry->name);
    }
}

static vx_interface_address entry_of(const struct ifaddrs *from)
{
    vx_interface_address entry = { .host = "" };

    (void)snprintf(entry.name, sizeof(entry.name), "%s", from->ifa_name);
    entry.is_loopback = (from->ifa_flags & IFF_LOOPBACK) != 0;
    entry.is_up = (from->ifa_flags & IFF_UP) != 0 && (from->ifa_flags & IFF_RUNNING) != 0;
    if (from->ifa_addr != NULL &&
        (from->ifa_addr->sa_family == AF_INET || from->ifa_addr->sa_family == AF_INET6))
        take_address(from, &entry);
    return entry;
}

/* The kernel gives each interface once without an address, and then its addresses. */
static bool has_address(const struct ifaddrs *all, const char *name)
{
    for (const struct ifaddrs *at = all; at != NULL; at = at->ifa_next)
        if (strcmp(at->ifa_name, name) == 0 && at->ifa_addr != NULL &&
            (at->ifa_addr->sa_family == AF_INET || at->ifa_addr->sa_family == AF_INET6))
            return true;
    return false;
}

vx_status vx_interfaces_list(vx_interface_address **ret_list, size_t *ret_count, vx_error *err)
{
    vx_interface_address *list = vx_calloc(VX_INTERFACES_MAX, sizeof(*list));
    struct ifaddrs *all = NULL;
    size_t count = 0;

    if (list == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for the network interfaces");
    if (getifaddrs(&all) != 0) {
        vx_free(list);
        return vx_fail(err, VX_ERR_SYSTEM, "cannot list the network interfaces: %s",
                       strerror(errno));
    }
    for (const struct ifaddrs *at = all; at != NULL && count < VX_INTERFACES_MAX;
         at = at->ifa_next) {
        list[count] = entry_of(at);
        if (list[count].host[0] != '\0' || !has_address(all, at->ifa_name))
            count++;
    }
    freeifaddrs(all);
    *ret_list = list;
    *ret_count = count;
    return VX_OK;
}

static bool comes_again(const vx_interface_address *list, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (strcmp(list[i].name, list[at].name) == 0)
            return true;
    return false;
}

/* Appends; false when it did not fit. */
static bool append(char *text, size_t size, const char *before, const char *more)
{
    size_t used = strlen(text);
    int length = snprintf(text + used, size - used, "%s%s", before, more);

    return length >= 0 && (size_t)length < size - used;
}

char *vx_interfaces_text(const vx_interface_address *list, size_t count, char *text, size_t size)
{
    bool fits = true;

    text[0] = '\0';
    for (size_t i = 0; i < count && fits; i++) {
        if (comes_again(list, i))
            continue;
        fits = append(text, size, text[0] != '\0' ? ", " : "", list[i].name);
        for (size_t k = i; k < count && fits; k++)
            if (strcmp(list[k].name, list[i].name) == 0 && list[k].host[0] != '\0')
                fits = append(text, size, " ", list[k].host);
        if (fits && !list[i].is_up)
            fits = append(text, size, " ", "(down)");
    }
    if (!fits && size >= 4)
        memcpy(text + size - 4, "...", 4);
    return text;
}

/* Indices into list that were taken, at most max of them. */
typedef struct choice {
    const vx_interface_address *list;
    size_t count;
    size_t *indices;
    size_t used, max;
} choice;

static void take(choice *into, size_t index)
{
    if (into->used < into->max)
        into->indices[into->used++] = index;
}

static void take_of(choice *into, const char *name, bool ipv6, bool link_local)
{
    for (size_t i = 0; i < into->count; i++) {
        const vx_interface_address *at = &into->list[i];

        if (strcmp(at->name, name) == 0 && at->host[0] != '\0' && at->is_ipv6 == ipv6 &&
            (!ipv6 || at->is_link_local == link_local))
            take(into, i);
    }
}

size_t vx_interfaces_of(const vx_interface_address *list, size_t count, const char *name,
                        size_t *ret_indices, size_t max, bool *ret_known)
{
    choice into = { list, count, ret_indices, 0, max };

    *ret_known = false;
    for (size_t i = 0; i < count; i++)
        *ret_known |= strcmp(list[i].name, name) == 0;
    take_of(&into, name, false, false);
    take_of(&into, name, true, false);
    if (into.used == 0)
        take_of(&into, name, true, true);
    return into.used;
}

bool vx_interface_is_inward(const char *name)
{
    static const char *const prefixes[] = { "docker",  "br-",  "virbr", "veth",  "vnet",  "cni",
                                            "flannel", "cali", "lxcbr", "lxdbr", "podman" };

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

size_t vx_interfaces_reachable(const vx_interface_address *list, size_t count, bool ipv6,
                               size_t *ret_indices, size_t max)
{
    choice into = { list, count, ret_indices, 0, max };

    for (int family = 0; family < (ipv6 ? 2 : 1); family++)
        for (size_t i = 0; i < count; i++)
            if (list[i].host[0] != '\0' && list[i].is_up && !list[i].is_loopback &&
                !list[i].is_link_local && list[i].is_ipv6 == (family == 1) &&
                !vx_interface_is_inward(list[i].name))
                take(&into, i);
    return into.used;
}
