#include "client.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <vx_base/assert.h>
#include <vx_linalg/blas.h>
#include <vx_task/task.h>

#include "place.h"

#define COMPLAIN_MS 60000
#define DIAL_MS_MAX 5000

static void on_heartbeat(uv_timer_t *timer)
{
    vx_client_send_message(timer->data, VX_WIRE_HEARTBEAT, 0, (vx_cbytes){ NULL, 0 });
}

static void tell_place(const vx_bootstrap *bootstrap, vx_wire_hello *hello)
{
    const vx_place *place = vx_app_place();
    vx_task_place where = { .local_workers = bootstrap->local_workers *
                                             (bootstrap->ranks > 0 ? bootstrap->ranks : 1),
                            .cores = place->cores };
    uint32_t threads = vx_task_threads(&where, 0);

    snprintf(hello->cpus, sizeof(hello->cpus), "%s", place->cpus);
    hello->threads = threads < VX_WIRE_THREADS_MAX ? threads : VX_WIRE_THREADS_MAX;
    hello->node = (uint32_t)(place->node + 1);
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
    if (hello.role == VX_WIRE_ROLE_WORKER && vx_app_place()->cores > 0)
        tell_place(bootstrap, &hello);
    if (client->hooks.greet != NULL)
        client->hooks.greet(client, &hello);
    VX_ASSERT(vx_wire_hello_encode(&hello, (vx_bytes){ buffer, sizeof(buffer) }, &size) == VX_OK);
    client->identity = (vx_frame_header){ .slot = bootstrap->slot };
    vx_client_send_message(client, VX_WIRE_HELLO, 0, (vx_cbytes){ buffer, size });
    vx_uv->timer_start(&client->heartbeat_timer, on_heartbeat, VX_WIRE_GREETING_BEAT_MS,
                       VX_WIRE_GREETING_BEAT_MS);
}

/* Each has an equal share of the time. */
static void dial_one(vx_client *client, vx_dialer_done done)
{
    uint64_t limit_ms =
        vx_session_limit_ms(&client->session, vx_client_now_ms(client), DIAL_MS_MAX);
    vx_error err = { 0 };

    client->tried++;
    if (vx_dial(&client->loop, &client->endpoints[client->endpoint],
                limit_ms / client->endpoints_count, done, client, &client->dialer, &err) != VX_OK)
        done(client, NULL, &err);
}

void vx_link_dial(vx_client *client, vx_dialer_done done)
{
    client->tried = 0;
    client->dial_why[0] = '\0';
    dial_one(client, done);
}

bool vx_link_dial_next(vx_client *client, vx_dialer_done done, const vx_error *err)
{
    size_t used = strlen(client->dial_why);

    snprintf(client->dial_why + used, sizeof(client->dial_why) - used, "%s%s", used > 0 ? "; " : "",
             err->message); /* it names the endpoint */
    client->endpoint = (client->endpoint + 1) % client->endpoints_count;
    if (client->tried >= client->endpoints_count)
        return false;
    dial_one(client, done);
    return true;
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
