#ifndef VX_CTL_OBSERVER_H
#define VX_CTL_OBSERVER_H
#include <stdint.h>

#include <vx_base/limits.h>
#include <vx_base/span.h>
#include <vx_base/status.h>
#include <vx_wire/wire.h>

#include "run_folder.h"

/* A connection to a server as an observer, on a loop of its own: each call returns within its
 * time. One thread. */
typedef struct vx_ctl_observer vx_ctl_observer;

/* Tries the server's endpoints one after the other, timeout_ms for each. VX_ERR_UNAVAILABLE: none
 * answers; VX_ERR_REFUSED: the message holds the server's words. */
VX_MUST_CHECK vx_status vx_ctl_observer_connect(const vx_ctl_server *server,
                                                const uint8_t token[VX_TOKEN_BYTES],
                                                uint64_t timeout_ms, vx_ctl_observer **ret_observer,
                                                vx_error *err);

/* Sends a request and waits for the document that answers it; *ret_document is borrowed until the
 * next call. After a failure only destroy may follow. */
VX_MUST_CHECK vx_status vx_ctl_observer_ask(vx_ctl_observer *observer, vx_wire_request request,
                                            uint64_t timeout_ms, vx_cbytes *ret_document,
                                            vx_error *err);
vx_ctl_observer *vx_ctl_observer_destroy(vx_ctl_observer *observer);
#endif
