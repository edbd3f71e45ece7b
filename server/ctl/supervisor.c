#include "supervisor.h"

#include <vx_base/assert.h>

static void note_ends(vx_ctl_supervisor *supervisor, const vx_ctl_view *view)
{
    if (view->server == VX_CTL_LIFE_ENDED && !supervisor->server_gone_seen) {
        supervisor->server_gone_seen = true;
        supervisor->server_gone_ms = view->now_ms;
    }
    if (view->workers == VX_CTL_LIFE_ENDED && !supervisor->workers_gone_seen) {
        supervisor->workers_gone_seen = true;
        supervisor->workers_gone_ms = view->now_ms;
    }
}

static vx_ctl_reason reason_to_stop(const vx_ctl_supervisor *supervisor, const vx_ctl_view *view)
{
    uint64_t alone_ms = view->now_ms - supervisor->workers_gone_ms;

    if (view->signals > 0)
        return VX_CTL_REASON_SIGNAL;
    if (view->workers == VX_CTL_LIFE_NONE)
        return view->start_failed ? VX_CTL_REASON_START : VX_CTL_REASON_NONE;
    if (view->workers != VX_CTL_LIFE_ENDED || view->server_needs_nobody)
        return VX_CTL_REASON_NONE;
    if (view->workers_failed && alone_ms >= VX_CTL_BLAME_MS)
        return VX_CTL_REASON_WORKERS_FAILED;
    if (!view->workers_failed && alone_ms >= VX_CTL_IDLE_MS)
        return VX_CTL_REASON_WORKERS_GONE;
    return VX_CTL_REASON_NONE;
}

static unsigned kill_server(vx_ctl_supervisor *supervisor)
{
    if (supervisor->server_killed)
        return 0;
    supervisor->server_killed = true;
    return VX_CTL_ACT_KILL_SERVER;
}

static unsigned kill_workers(vx_ctl_supervisor *supervisor)
{
    if (supervisor->workers_killed)
        return 0;
    supervisor->workers_killed = true;
    return VX_CTL_ACT_KILL_WORKERS;
}

static unsigned step_server(vx_ctl_supervisor *supervisor, const vx_ctl_view *view)
{
    if (supervisor->reason == VX_CTL_REASON_NONE) {
        supervisor->reason = reason_to_stop(supervisor, view);
        supervisor->asked_ms = view->now_ms;
        return supervisor->reason != VX_CTL_REASON_NONE ? VX_CTL_ACT_TERM_SERVER : 0;
    }
    if (view->now_ms - supervisor->asked_ms >= supervisor->server_grace_ms)
        return kill_server(supervisor);
    return 0;
}

static unsigned step_workers(vx_ctl_supervisor *supervisor, const vx_ctl_view *view)
{
    uint64_t waited_ms = view->now_ms - supervisor->server_gone_ms;
    uint64_t grace_ms = view->signals > 0 ? VX_CTL_WORKERS_STOP_MS : VX_CTL_WORKERS_GRACE_MS;

    if (view->server_crashed)
        grace_ms = 0;
    if (waited_ms >= grace_ms + VX_CTL_WORKERS_KILL_MS)
        return kill_workers(supervisor);
    if (waited_ms < grace_ms || supervisor->workers_termed)
        return 0;
    supervisor->workers_termed = true;
    return VX_CTL_ACT_TERM_WORKERS;
}

unsigned vx_ctl_supervisor_step(vx_ctl_supervisor *supervisor, const vx_ctl_view *view)
{
    unsigned actions = 0;

    VX_ASSERT(view->server != VX_CTL_LIFE_NONE);
    note_ends(supervisor, view);
    if (view->server == VX_CTL_LIFE_RUNNING && view->signals > 1) {
        supervisor->reason = VX_CTL_REASON_SIGNAL;
        actions |= kill_server(supervisor);
    } else if (view->server == VX_CTL_LIFE_RUNNING) {
        actions |= step_server(supervisor, view);
    }
    if (view->workers == VX_CTL_LIFE_RUNNING && view->signals > 1)
        actions |= kill_workers(supervisor);
    else if (view->workers == VX_CTL_LIFE_RUNNING && view->server == VX_CTL_LIFE_ENDED)
        actions |= step_workers(supervisor, view);
    if (view->server == VX_CTL_LIFE_ENDED && view->workers != VX_CTL_LIFE_RUNNING)
        actions |= VX_CTL_ACT_LEAVE;
    VX_ASSERT(actions == 0 || (actions & VX_CTL_ACT_LEAVE) == 0 || actions == VX_CTL_ACT_LEAVE);
    return actions;
}
