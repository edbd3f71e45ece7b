#ifndef VX_TRANSPORT_INTERFACES_H
#define VX_TRANSPORT_INTERFACES_H
#include <stdbool.h>
#include <stddef.h>

#include <vx_base/status.h>

/* One address of one network interface of this machine. */
#define VX_INTERFACE_NAME_SIZE 16
typedef struct vx_interface_address {
    char name[VX_INTERFACE_NAME_SIZE];
    char host[64]; /* as in an endpoint: "10.0.0.5", "fe80::1%eth0"; "": the interface has none */
    bool is_ipv6, is_loopback, is_link_local;
    bool is_up; /* the interface is, and something is plugged in */
} vx_interface_address;

/* Those of this machine in the kernel's order, at most VX_INTERFACES_MAX of them, in new memory; an
 * interface without address is there once. VX_ERR_SYSTEM, VX_ERR_NOMEM. */
#define VX_INTERFACES_MAX 1024
VX_MUST_CHECK vx_status vx_interfaces_list(vx_interface_address **ret_list, size_t *ret_count,
                                           vx_error *err);

/* "lo 127.0.0.1 ::1, eth0 10.0.0.5, eth1 (down)", for messages; cut with "..." when it does not
 * fit. Returns text. */
char *vx_interfaces_text(const vx_interface_address *list, size_t count, char *text, size_t size);

/* Indices into list, at most max of them; both return how many. IPv4 is before IPv6, and each in
 * the order of the list.
 *
 * of: the addresses of the interface with this name; link-local ones of IPv6 only where there are
 * no others, as they hold on one link. *ret_known: it exists.
 *
 * reachable: what a server that listens on every address tells to others. Addresses of interfaces
 * that are up, without loopback, link-local addresses (169.254.0.0/16, fe80::/10), and interfaces
 * that containers and virtual machines are behind, which go by their names
 * (vx_interface_is_inward). ipv6: those of IPv6 too. */
size_t vx_interfaces_of(const vx_interface_address *list, size_t count, const char *name,
                        size_t *ret_indices, size_t max, bool *ret_known);
size_t vx_interfaces_reachable(const vx_interface_address *list, size_t count, bool ipv6,
                               size_t *ret_indices, size_t max);

/* Whether an interface of this name leads into this machine: docker*, br-*, virbr*, veth*, vnet*,
 * cni*, flannel*, cali*, lxcbr*, lxdbr*, podman*. */
bool vx_interface_is_inward(const char *name);
#endif
