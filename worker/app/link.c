#include "client.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <vx_base/assert.h>
#include <vx_linalg/blas.h>

#define COMPLAIN_MS 60000

static void on_heartbeat(uv_timer_t *timer)
{
    vx_client_send_message(timer->data, VX_WIRE_HEARTBEAT, 0, (vx_cbytes){ NULL, 0 });
}

void vx_link_greet(vx_client *client)
{
    const vx_bootstrap *bootstrap = client->bootstrap;
    vx_wire_hello hello = {
        .role = client->hooks.role,
        .slot = bootstrap->slot,
        .config = bootstrap->config,
        .pid = (uint32_t)getpid(),
    };
    uint8_t buffer[1024];
    size_t size = 0;

    memcpy(hello.token, bootstrap->token, sizeof(hello.token));
    snprintf(hello.version, sizeof(hello.version), "%s", VX_VERSION);
    snprintf(hello.blas, sizeof(hello.blas), "%s", vx_blas_core());
    if (gethostname(hello.host, sizeof(hello.host) - 1) != 0)
        snprintf(hello.host, sizeof(hello.host), "unknown");
    hello.host[sizeof(hello.host) - 1] = '\0';
    if (client->hooks.greet != NULL)
        client->hooks.greet(client, &hello);
    VX_ASSERT(vx_wire_hello_encode(&hello, (vx_bytes){ buffer, sizeof(buffer) }, &size) == VX_OK);
    client->identity = (vx_frame_header){ .slot = bootstrap->slot };
    vx_client_send_message(client, VX_WIRE_HELLO, 0, (vx_cbytes){ buffer, size });
    vx_uv->timer_start(&client->heartbeat_timer, on_heartbeat, VX_WIRE_GREETING_BEAT_MS,
                       VX_WIRE_GREETING_BEAT_MS);
}

/* When it begins, when it is something else, and each minute. */
static void complain(vx_client *client, const char *what, const char *why)
{
    const vx_session *session = &client->session;
    uint64_t now = vx_client_now_ms(client);

    if (client->complained_of == what && now - client->complained_ms < COMPLAIN_MS)
        return;
    client->complained_of = what;
    client->complained_ms = now;
    vx_log_event(&client->log, VX_LOG_WARN, "server.unreachable",
                 "slot=%s since_s=%llu gives_up_in_s=%llu why=\"%s: %s\"", client->slot,
                 (unsigned long long)((now - session->down_since_ms) / 1000),
                 (unsigned long long)(vx_session_limit_ms(session, now, UINT64_MAX) / 1000), what,
                 why);
}

void vx_link_lost(vx_client *client, const char *what, const char *why)
{
    const vx_session *session = &client->session;
    uint64_t now = vx_client_now_ms(client);

    if (vx_bootstrap_run_is_over(client->bootstrap->run_dir)) {
        vx_log_event(&client->log, VX_LOG_INFO, "run.over", "slot=%s", client->slot);
        vx_client_end(client, VX_OK, "");
        return;
    }
    vx_session_lost(&client->session, now);
    if (session->ended)
        vx_fail(&client->error, VX_ERR_UNAVAILABLE, "%s: %s; gave up after %llu s", what, why,
                (unsigned long long)((now - session->down_since_ms) / 1000));
    else
        complain(client, what, why);
}
