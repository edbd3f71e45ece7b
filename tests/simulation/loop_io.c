#include "loop.h"

#include <netdb.h>
#include <signal.h>
#include <string.h>

#include <vx_base/assert.h>

#include "world.h"

typedef struct work_item {
    sim_loop *loop;
    uv_work_t *request;
    uv_work_cb work;
    uv_after_work_cb after;
    uint64_t before_ns, behind_ns; /* of the call, of the time that it takes */
} work_item;

typedef struct resolve_item {
    sim_loop *loop;
    uv_getaddrinfo_t *request;
    uv_getaddrinfo_cb done;
    int result;
    bool cancelled;
} resolve_item;

static sim_spawn spawner;
static sim_work_watch work_watch;
static uint64_t work_low_ns = 1 * SIM_MS;
static uint64_t work_high_ns = 1 * SIM_MS;

void sim_spawn_install(sim_spawn spawn)
{
    spawner = spawn;
}

void sim_work_watch_install(sim_work_watch watch)
{
    work_watch = watch;
}

void sim_work_time(uint64_t low_ns, uint64_t high_ns)
{
    work_low_ns = low_ns;
    work_high_ns = high_ns;
}

int sim_uv_signal_init(uv_loop_t *loop, uv_signal_t *signal)
{
    (void)sim_handle_new(loop, signal, UV_SIGNAL);
    return 0;
}

int sim_uv_signal_start(uv_signal_t *signal, uv_signal_cb arrived, int number)
{
    sim_handle *handle = sim_handle_of(signal);

    handle->active = true;
    handle->signal_cb = arrived;
    handle->number = number;
    return 0;
}

static void run_signal(void *subject)
{
    sim_handle *handle = subject;

    if (handle->active)
        handle->signal_cb((uv_signal_t *)handle->uv, handle->number);
}

bool sim_loop_signal(sim_loop *loop, int number)
{
    bool handled = false;

    for (sim_handle *handle = loop->handles; handle != NULL; handle = handle->next)
        if (handle->active && handle->signal_cb != NULL && handle->number == number) {
            sim_loop_post(loop, run_signal, handle);
            handled = true;
        }
    return handled;
}

int sim_uv_spawn(uv_loop_t *loop, uv_process_t *process, const uv_process_options_t *options)
{
    sim_handle *handle = sim_handle_new(loop, process, UV_PROCESS);

    VX_ASSERT(spawner != NULL);
    handle->exit_cb = options->exit_cb;
    handle->child = spawner(handle->loop->process, options);
    if (handle->child == NULL)
        return UV_EAGAIN;
    handle->child->child_handle = handle;
    handle->active = true;
    process->pid = (int)handle->child->pid;
    return 0;
}

static void run_exit(void *subject)
{
    sim_handle *handle = subject;

    if (handle->closing || handle->closed)
        return;
    handle->active = false;
    if (handle->exit_cb != NULL)
        handle->exit_cb((uv_process_t *)handle->uv, handle->exit_code, handle->exit_signal);
}

void sim_loop_child_ended(sim_handle *handle, int code, int signal)
{
    handle->exit_code = code;
    handle->exit_signal = signal;
    if (handle->loop->process->alive && !handle->closing && !handle->closed)
        sim_loop_post(handle->loop, run_exit, handle);
}

int sim_uv_process_kill(uv_process_t *process, int number)
{
    sim_handle *handle = sim_handle_of(process);

    if (handle->child == NULL || !handle->child->alive)
        return UV_ESRCH;
    sim_process_signal(handle->child, number);
    return 0;
}

static void run_after_work(void *subject)
{
    work_item *item = subject;
    sim_process *process = item->loop->process;

    item->loop->requests--;
    item->after(item->request, 0);
    if (work_watch != NULL)
        work_watch(process, item->request, false);
}

/* A thread of the pool. The call itself takes no time but for what it does with the disk: so what
 * it reads and writes must stand still from its begin to its end. */
static void pool_thread(void *argument)
{
    work_item *item = argument;

    if (work_watch != NULL)
        work_watch(item->loop->process, item->request, true);
    sim_fiber_sleep(item->before_ns);
    item->work(item->request);
    sim_fiber_sleep(item->behind_ns);
    sim_loop_post(item->loop, run_after_work, item);
}

int sim_uv_queue_work(uv_loop_t *loop, uv_work_t *request, uv_work_cb work, uv_after_work_cb after)
{
    work_item *item = sim_alloc(sizeof(*item));
    uint64_t takes_ns = sim_magnitude(SIM_DICE_PROGRAMS, work_low_ns, work_high_ns);

    *item = (work_item){ .loop = sim_loop_of(loop),
                         .request = request,
                         .work = work,
                         .after = after,
                         .before_ns = sim_below(SIM_DICE_PROGRAMS, 2) * takes_ns };
    item->behind_ns = takes_ns - item->before_ns;
    request->loop = loop;
    item->loop->requests++;
    sim_fiber_wake(sim_fiber_create(item->loop->process, pool_thread, item),
                   sim_below(SIM_DICE_PROGRAMS, 50 * SIM_US));
    return 0;
}

static void run_resolved(void *subject)
{
    resolve_item *item = subject;

    item->loop->requests--;
    item->done(item->request, item->cancelled ? UV_ECANCELED : item->result,
               item->request->addrinfo);
}

static void on_resolved(void *subject, uint64_t unused)
{
    resolve_item *item = subject;

    (void)unused;
    if (item->loop->process->alive)
        sim_loop_post(item->loop, run_resolved, item);
}

/* "hostN" and addresses. */
static int resolve(const char *node, const char *service, const struct addrinfo *hints,
                   struct addrinfo **ret_addresses)
{
    struct addrinfo numeric = *hints;
    const char *text = node;
    char address[32];

    for (unsigned i = 0; i < SIM_HOSTS_MAX; i++)
        if (node != NULL && strcmp(sim_host_at(i)->name, node) == 0) {
            snprintf(address, sizeof(address), "10.0.0.%u", 1 + i);
            text = address;
        }
    numeric.ai_flags |= AI_NUMERICHOST;
    numeric.ai_family = AF_INET;
    return getaddrinfo(text, service, &numeric, ret_addresses) == 0 ? 0 : UV_EAI_NONAME;
}

int sim_uv_getaddrinfo(uv_loop_t *loop, uv_getaddrinfo_t *request, uv_getaddrinfo_cb done,
                       const char *node, const char *service, const struct addrinfo *hints)
{
    resolve_item *item = sim_alloc(sizeof(*item));
    int result = 0;

    request->addrinfo = NULL;
    result = resolve(node, service, hints, &request->addrinfo);
    if (done == NULL)
        return result;
    *item = (resolve_item){ sim_loop_of(loop), request, done, result, false };
    request->loop = loop;
    request->reserved[0] = item;
    item->loop->requests++;
    sim_after(sim_magnitude(SIM_DICE_NETWORK, 100 * SIM_US, 2 * SIM_S), on_resolved, item, 0);
    return 0;
}

void sim_uv_freeaddrinfo(struct addrinfo *addresses)
{
    if (addresses != NULL)
        freeaddrinfo(addresses);
}

int sim_uv_cancel(uv_req_t *request)
{
    resolve_item *item = request->reserved[0];

    if (item == NULL)
        return UV_EINVAL;
    item->cancelled = true;
    return 0;
}
