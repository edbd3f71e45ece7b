#include "server_private.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_transport/interfaces.h>

/*
 * Where the server listens (--bind, --interface) and what it tells others of that (--advertise).
 */
#define TRIES_MAX     8 /* for a port that is free on every address of an interface */
#define LOOPBACK_IPV4 "127.0.0.1"
#define LOOPBACK_IPV6 "::1"

/* What is to be listened on, and what is known of this machine for it. */
typedef struct listen_plan {
    vx_endpoint wanted[VX_ENDPOINTS_MAX];
    size_t count;
    uint16_t port; /* 0 = any */
    vx_interface_address *list;
    size_t list_count;
} listen_plan;

static void add(vx_endpoint *endpoints, size_t *count, const char *host, uint16_t port)
{
    vx_endpoint *endpoint = &endpoints[*count];

    if (*count == VX_ENDPOINTS_MAX)
        return;
    (void)snprintf(endpoint->host, sizeof(endpoint->host), "%s", host);
    endpoint->port = port;
    (*count)++;
}

static vx_status plan_interface(listen_plan *into, const char *name, vx_error *err)
{
    size_t indices[VX_ENDPOINTS_MAX];
    bool known = false;
    size_t count =
        vx_interfaces_of(into->list, into->list_count, name, indices, VX_ENDPOINTS_MAX, &known);
    char text[256];

    if (!known)
        return vx_fail(err, VX_ERR_UNAVAILABLE,
                       "--interface %s: there is none of this name; this machine has %s", name,
                       vx_interfaces_text(into->list, into->list_count, text, sizeof(text)));
    if (count == 0)
        return vx_fail(err, VX_ERR_UNAVAILABLE,
                       "--interface %s: it has no address; this machine has %s", name,
                       vx_interfaces_text(into->list, into->list_count, text, sizeof(text)));
    for (size_t i = 0; i < count; i++)
        add(into->wanted, &into->count, into->list[indices[i]].host, 0);
    return VX_OK;
}

static bool is_any(const char *host, bool *ret_ipv6)
{
    struct in_addr in;
    struct in6_addr in6;

    *ret_ipv6 = inet_pton(AF_INET6, host, &in6) == 1;
    if (*ret_ipv6)
        return IN6_IS_ADDR_UNSPECIFIED(&in6);
    return inet_pton(AF_INET, host, &in) == 1 && in.s_addr == 0;
}

static vx_status make_plan(const vx_server_options *options, listen_plan *into, vx_error *err)
{
    vx_endpoint bind = { .port = 0 };
    vx_status status = VX_OK;
    bool ipv6 = false;

    if (options->bind != NULL)
        status = vx_endpoint_parse_address(options->bind, &bind, err);
    if (status != VX_OK)
        return status;
    into->port = bind.port;
    if (options->interface != NULL || is_any(bind.host, &ipv6))
        status = vx_interfaces_list(&into->list, &into->list_count, err);
    if (status != VX_OK)
        return status;
    if (options->interface != NULL)
        return plan_interface(into, options->interface, err);
    add(into->wanted, &into->count, bind.host[0] != '\0' ? bind.host : LOOPBACK_IPV4, 0);
    return VX_OK;
}

static void close_all(vx_server_address *address)
{
    for (size_t i = 0; i < address->listeners_count; i++)
        vx_listener_close(address->listeners[i]);
    address->listeners_count = 0;
}

/* On all addresses with one port: port, or with 0 the one that the first gets. */
static vx_status listen_on(vx_server *server, const listen_plan *plan, uint16_t port, vx_error *err)
{
    vx_server_address *address = &server->address;

    for (size_t i = 0; i < plan->count; i++) {
        vx_endpoint endpoint = plan->wanted[i];
        vx_status status = VX_OK;

        endpoint.port = port;
        status = vx_listener_create(&server->loop, &endpoint, vx_server_on_accept, server,
                                    &address->listeners[i], err);
        if (status != VX_OK) {
            close_all(address);
            return status;
        }
        port = vx_listener_endpoint(address->listeners[i]).port;
        vx_listener_on_strained(address->listeners[i], vx_door_strained);
        address->listeners_count++;
    }
    return VX_OK;
}

/* On any port a resumed run takes the one of the server that was killed, if it can: its workers
 * look for it there. */
static vx_status listen_anywhere(vx_server *server, const listen_plan *plan, vx_error *err)
{
    char *earlier = server->options.resume ? vx_server_card_local(server->options.run_dir) : NULL;
    vx_endpoint endpoint = { .port = 0 };
    vx_status status = VX_ERR_BUSY;

    if (earlier != NULL && vx_endpoint_parse(earlier, &endpoint, NULL) == VX_OK)
        status = listen_on(server, plan, endpoint.port, NULL);
    vx_free(earlier);
    if (status == VX_OK)
        return VX_OK;
    status = VX_ERR_BUSY;
    for (unsigned tries = 0; tries < TRIES_MAX && status == VX_ERR_BUSY; tries++)
        status = listen_on(server, plan, 0, err);
    return status;
}

/* The addresses that stand for "every address". */
static void advertise_reachable(vx_server_address *address, const listen_plan *plan, bool ipv6,
                                uint16_t port)
{
    size_t indices[VX_ENDPOINTS_MAX];
    size_t count =
        vx_interfaces_reachable(plan->list, plan->list_count, ipv6, indices, VX_ENDPOINTS_MAX);

    for (size_t i = 0; i < count; i++)
        add(address->advertised, &address->advertised_count, plan->list[indices[i]].host, port);
    address->rule = "reachable";
    if (count > 0)
        return;
    add(address->advertised, &address->advertised_count, LOOPBACK_IPV4, port);
    if (ipv6)
        add(address->advertised, &address->advertised_count, LOOPBACK_IPV6, port);
    address->rule = "loopback";
}

static vx_status advertise(vx_server *server, const listen_plan *plan, vx_error *err)
{
    vx_server_address *address = &server->address;
    const vx_server_options *options = &server->options;
    vx_endpoint first = vx_listener_endpoint(address->listeners[0]);
    bool ipv6 = false;
    bool any = is_any(first.host, &ipv6);

    address->local = first;
    if (any)
        (void)snprintf(address->local.host, sizeof(address->local.host), "%s",
                       ipv6 ? LOOPBACK_IPV6 : LOOPBACK_IPV4);
    for (size_t i = 0; i < options->advertise_count; i++) {
        vx_endpoint endpoint;
        vx_status status = vx_endpoint_parse_address(options->advertise[i], &endpoint, err);

        if (status != VX_OK)
            return status;
        add(address->advertised, &address->advertised_count, endpoint.host,
            endpoint.port != 0 ? endpoint.port : first.port);
    }
    address->rule = "given";
    if (address->advertised_count > 0)
        return VX_OK;
    if (any) {
        advertise_reachable(address, plan, ipv6, first.port);
        return VX_OK;
    }
    for (size_t i = 0; i < address->listeners_count; i++)
        add(address->advertised, &address->advertised_count,
            vx_listener_endpoint(address->listeners[i]).host, first.port);
    address->rule = options->interface != NULL ? "interface" : "bound";
    return VX_OK;
}

vx_status vx_address_open(vx_server *server, vx_error *err)
{
    vx_server_address *address = &server->address;
    listen_plan plan = { .count = 0 };
    vx_status status = make_plan(&server->options, &plan, err);

    if (status == VX_OK)
        status = plan.port != 0 ? listen_on(server, &plan, plan.port, err)
                                : listen_anywhere(server, &plan, err);
    if (status == VX_OK)
        status = advertise(server, &plan, err);
    vx_free(plan.list);
    for (size_t i = 0; i < address->advertised_count; i++)
        address->texts[i] = vx_endpoint_text(&address->advertised[i], address->text[i]);
    return status;
}

void vx_address_close(vx_server *server)
{
    close_all(&server->address);
}

void vx_address_tell(vx_server *server)
{
    const vx_server_address *address = &server->address;
    char listening[VX_ENDPOINTS_MAX * 64] = "";
    char told[VX_ENDPOINTS_MAX * VX_ENDPOINT_TEXT_SIZE] = "";
    bool alone = strcmp(address->rule, "loopback") == 0;
    char text[VX_ENDPOINT_TEXT_SIZE];
    size_t used = 0;

    for (size_t i = 0; i < address->listeners_count && used < sizeof(listening); i++) {
        vx_endpoint endpoint = vx_listener_endpoint(address->listeners[i]);

        used += (size_t)snprintf(listening + used, sizeof(listening) - used, "%s%s",
                                 i > 0 ? "," : "", vx_endpoint_text(&endpoint, text));
    }
    used = 0;
    for (size_t i = 0; i < address->advertised_count && used < sizeof(told); i++)
        used += (size_t)snprintf(told + used, sizeof(told) - used, "%s%s", i > 0 ? "," : "",
                                 address->text[i]);
    vx_log_event(&server->log, alone ? VX_LOG_WARN : VX_LOG_INFO, "server.address",
                 "listening=%s advertised=%s rule=%s%s", listening, told, address->rule,
                 alone ? " next=\"no interface that others can reach is up: only workers of this "
                         "machine find the server; name an address with --advertise\""
                       : "");
    vx_journal_event(server->journal, server->round.number, "server.address", "s:s, s:s, s:s",
                     "listening", listening, "advertised", told, "rule", address->rule);
}
