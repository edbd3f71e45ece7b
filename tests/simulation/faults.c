#include "faults.h"

#include <signal.h>
#include <string.h>

#include "hostile.h"
#include "net.h"
#include "process.h"
#include "programs.h"
#include "storage.h"
#include "stream.h"
#include "world.h"

#define HOSTS (1 + SIM_WORKERS_MAX)

static struct {
    const sim_scenario *scenario;
    uint64_t done[SIM_FAULT_MAX];
    uint64_t latency_ns[SIM_HOSTS_MAX];
    const sim_model *model;
} faults;

const char *sim_fault_name(sim_fault fault)
{
    static const char *const names[SIM_FAULT_MAX] = {
        [SIM_FAULT_KILL_WORKER] = "kill-worker",
        [SIM_FAULT_KILL_SERVER] = "kill-server",
        [SIM_FAULT_KILL_EVALUATOR] = "kill-evaluator",
        [SIM_FAULT_STOP_WORKER] = "stop-worker",
        [SIM_FAULT_STOP_SERVER] = "stop-server",
        [SIM_FAULT_INTERRUPT_SERVER] = "interrupt-server",
        [SIM_FAULT_DRAIN_SERVER] = "drain-server",
        [SIM_FAULT_DUMP_SERVER] = "dump-server",
        [SIM_FAULT_HANGUP_SERVER] = "hangup-server",
        [SIM_FAULT_STOP_TWICE] = "stop-twice",
        [SIM_FAULT_STOP_RECOVERY] = "stop-recovery",
        [SIM_FAULT_PAUSE_WORKER] = "pause-worker",
        [SIM_FAULT_PAUSE_SERVER] = "pause-server",
        [SIM_FAULT_HOST_WORKER] = "host-of-worker",
        [SIM_FAULT_HOST_SERVER] = "host-of-server",
        [SIM_FAULT_PARTITION] = "partition",
        [SIM_FAULT_ONE_WAY] = "one-way",
        [SIM_FAULT_SWIZZLE] = "swizzle",
        [SIM_FAULT_BREAK] = "break",
        [SIM_FAULT_FLIP] = "flip",
        [SIM_FAULT_TWICE] = "twice",
        [SIM_FAULT_SWAPPED] = "swapped",
        [SIM_FAULT_SPIKE] = "spike",
        [SIM_FAULT_SLOW_LINK] = "slow-link",
        [SIM_FAULT_TIGHT_BUFFERS] = "tight-buffers",
        [SIM_FAULT_PIECES] = "pieces",
        [SIM_FAULT_CLOCK_JUMP] = "clock-jump",
        [SIM_FAULT_NO_DESCRIPTORS] = "no-descriptors",
        [SIM_FAULT_DISK_SLOW] = "disk-slow",
        [SIM_FAULT_DISK_FULL] = "disk-full",
        [SIM_FAULT_DISK_ERROR] = "disk-error",
        [SIM_FAULT_STRANGER] = "stranger",
        [SIM_FAULT_IMPOSTOR] = "impostor",
        [SIM_FAULT_BYZANTINE] = "byzantine",
        [SIM_FAULT_STAY_AWAY] = "stay-away",
        [SIM_FAULT_JOINER] = "joiner",
    };

    return fault < SIM_FAULT_MAX ? names[fault] : "unknown";
}

void sim_fault_done(sim_fault fault)
{
    faults.done[fault]++;
}

uint64_t sim_fault_count(sim_fault fault)
{
    return faults.done[fault];
}

void sim_fault_flip(uint8_t *at, size_t size)
{
    size_t byte = sim_below(SIM_DICE_NETWORK, size);

    at[byte] = (uint8_t)(at[byte] ^ 1u << sim_below(SIM_DICE_NETWORK, 8));
    sim_note("flip byte=%llu of=%llu", byte, size, 0);
}

static uint64_t roll(uint64_t bound)
{
    return sim_below(SIM_DICE_FAULTS, bound);
}

static unsigned any_slot(void)
{
    return (unsigned)roll(faults.model->workers);
}

static void on_unpause(void *process, uint64_t unused)
{
    (void)unused;
    sim_process_unpause(process);
}

static bool pause_one(sim_process *process)
{
    if (process == NULL || process->paused)
        return false;
    sim_process_pause(process);
    sim_after(sim_magnitude(SIM_DICE_FAULTS, 10 * SIM_MS, 10 * SIM_S), on_unpause, process, 0);
    return true;
}

static bool kill_one(sim_process *process, int number)
{
    if (process == NULL)
        return false;
    sim_process_signal(process, number);
    return true;
}

static bool stop_worker(unsigned slot)
{
    if (sim_worker(slot) == NULL)
        return false;
    sim_worker_away(slot, sim_magnitude(SIM_DICE_FAULTS, 10 * SIM_MS, 5 * SIM_S));
    sim_process_signal(sim_worker(slot), SIGTERM);
    return true;
}

/* Its shard is given away meanwhile: a silent end takes a heartbeat's timeout to be noticed. */
static bool stay_away(unsigned slot)
{
    const vx_job_workers *workers = &faults.model->job->workers;
    double least_s = workers->shard_timeout_s + workers->heartbeat_timeout_s;
    uint64_t away_ns = (uint64_t)(least_s * (double)SIM_S);

    if (sim_worker(slot) == NULL)
        return false;
    sim_worker_away(slot, sim_between(SIM_DICE_FAULTS, away_ns / 2, 2 * away_ns));
    sim_process_signal(sim_worker(slot), roll(2) == 0 ? SIGTERM : SIGKILL);
    return true;
}

/* It joined when it was first started, or joins again now. */
static bool leave(unsigned slot)
{
    if (sim_worker(slot) == NULL)
        return false;
    sim_worker_away(slot, sim_magnitude(SIM_DICE_FAULTS, 100 * SIM_MS, 4 * SIM_S));
    sim_process_signal(sim_worker(slot), SIGTERM);
    return true;
}

static unsigned any_joiner(void)
{
    unsigned awaited = faults.model->awaited;

    return awaited + (unsigned)roll(faults.model->workers - awaited);
}

static void on_host_up(void *host, uint64_t unused)
{
    (void)unused;
    if (((sim_host *)host)->down)
        sim_net_host_up(host);
}

static bool lose_power(sim_host *host)
{
    if (host->down)
        return false;
    sim_net_host_down(host);
    for (sim_process *process = sim_processes(); process != NULL; process = process->next)
        if (process->alive && process->host == host)
            sim_process_end(process, 0, SIGKILL);
    if (host == sim_server_host())
        sim_storage_crash();
    sim_after(sim_magnitude(SIM_DICE_FAULTS, 50 * SIM_MS, 5 * SIM_S), on_host_up, host, 0);
    return true;
}

static void on_unblock(void *unused, uint64_t pair)
{
    (void)unused;
    sim_net_block(sim_host_at((unsigned)(pair >> 8)), sim_host_at(pair & 255), false);
}

static bool cut(sim_host *from, sim_host *to, uint64_t length_ns)
{
    if (sim_net_is_blocked(from, to))
        return false;
    sim_net_block(from, to, true);
    sim_after(length_ns, on_unblock, NULL, (uint64_t)from->index << 8 | to->index);
    return true;
}

static bool cut_off(sim_host *worker, bool one_way)
{
    sim_host *server = sim_server_host();
    uint64_t length_ns = sim_magnitude(SIM_DICE_FAULTS, 10 * SIM_MS, 8 * SIM_S);
    bool to = !one_way || roll(2) == 0;
    bool from = !one_way || !to;
    bool made = false;

    if (to)
        made |= cut(worker, server, length_ns);
    if (from)
        made |= cut(server, worker, length_ns);
    return made;
}

static void on_swizzle(void *unused, uint64_t slot)
{
    (void)unused;
    (void)cut_off(sim_worker_host((unsigned)slot), false);
}

static bool swizzle(void)
{
    for (unsigned slot = 0; slot < faults.model->workers; slot++)
        if (roll(2) == 0)
            sim_after(roll(2 * SIM_S), on_swizzle, NULL, slot);
    return true;
}

static void on_fast(void *subject, uint64_t unused)
{
    sim_host *host = subject;

    (void)unused;
    host->latency_ns = faults.latency_ns[host->index];
    host->bytes_per_s = 100u << 20;
}

static bool slow_down(sim_host *host)
{
    host->latency_ns = sim_magnitude(SIM_DICE_FAULTS, 20 * SIM_MS, SIM_S);
    host->bytes_per_s = sim_magnitude(SIM_DICE_FAULTS, 2000, 1u << 20);
    sim_after(sim_magnitude(SIM_DICE_FAULTS, 100 * SIM_MS, 5 * SIM_S), on_fast, host, 0);
    return true;
}

static bool jump(sim_host *host)
{
    host->realtime_offset_ns +=
        (int64_t)sim_below(SIM_DICE_FAULTS, 7200 * SIM_S) - (int64_t)(3600 * SIM_S);
    return true;
}

static void on_fast_disk(void *unused, uint64_t argument)
{
    (void)unused;
    (void)argument;
    sim_storage_slow(0);
}

static bool slow_disk(void)
{
    sim_storage_slow(sim_magnitude(SIM_DICE_FAULTS, 10 * SIM_MS, 5 * SIM_S));
    sim_after(sim_magnitude(SIM_DICE_FAULTS, 100 * SIM_MS, 5 * SIM_S), on_fast_disk, NULL, 0);
    return true;
}

static void on_room(void *unused, uint64_t argument)
{
    (void)unused;
    (void)argument;
    sim_storage_full(false);
}

static bool fill_disk(void)
{
    sim_storage_full(true);
    sim_after(sim_magnitude(SIM_DICE_FAULTS, 20 * SIM_MS, 5 * SIM_S), on_room, NULL, 0);
    return true;
}

static bool make(sim_fault fault)
{
    unsigned slot = any_slot();

    switch (fault) {
    case SIM_FAULT_KILL_WORKER:
        return kill_one(sim_worker(slot), SIGKILL);
    case SIM_FAULT_KILL_SERVER:
        return kill_one(sim_server(), SIGKILL);
    case SIM_FAULT_KILL_EVALUATOR:
        return kill_one(sim_evaluator(), SIGKILL);
    case SIM_FAULT_STOP_WORKER:
        return stop_worker(slot);
    case SIM_FAULT_PAUSE_WORKER:
        return pause_one(sim_worker(slot));
    case SIM_FAULT_PAUSE_SERVER:
        return pause_one(roll(4) > 0 ? sim_server() : sim_evaluator());
    case SIM_FAULT_HOST_WORKER:
        return lose_power(sim_worker_host(slot));
    case SIM_FAULT_HOST_SERVER:
        return lose_power(sim_server_host());
    case SIM_FAULT_PARTITION:
        return cut_off(sim_worker_host(slot), false);
    case SIM_FAULT_ONE_WAY:
        return cut_off(sim_worker_host(slot), true);
    case SIM_FAULT_SWIZZLE:
        return swizzle();
    case SIM_FAULT_BREAK:
        return sim_net_break_one();
    case SIM_FAULT_SLOW_LINK:
        return slow_down(sim_worker_host(slot));
    case SIM_FAULT_CLOCK_JUMP:
        return jump(sim_host_at((unsigned)roll(HOSTS)));
    case SIM_FAULT_NO_DESCRIPTORS:
        sim_net_starve_accepts(1 + (unsigned)roll(5));
        return true;
    case SIM_FAULT_DISK_SLOW:
        return slow_disk();
    case SIM_FAULT_DISK_FULL:
        return fill_disk();
    case SIM_FAULT_DISK_ERROR:
        sim_storage_fail_once();
        return true;
    case SIM_FAULT_STRANGER:
        return sim_hostile_stranger();
    case SIM_FAULT_IMPOSTOR:
        return sim_hostile_impostor(slot);
    case SIM_FAULT_STOP_SERVER:
    case SIM_FAULT_INTERRUPT_SERVER:
    case SIM_FAULT_DRAIN_SERVER:
    case SIM_FAULT_DUMP_SERVER:
    case SIM_FAULT_HANGUP_SERVER:
    case SIM_FAULT_STOP_TWICE:
    case SIM_FAULT_STOP_RECOVERY:
        return sim_signal_fault(fault);
    case SIM_FAULT_STAY_AWAY:
        return stay_away(slot);
    case SIM_FAULT_JOINER:
        return leave(any_joiner());
    case SIM_FAULT_FLIP:
    case SIM_FAULT_TWICE:
    case SIM_FAULT_SWAPPED:
    case SIM_FAULT_SPIKE:
    case SIM_FAULT_TIGHT_BUFFERS:
    case SIM_FAULT_PIECES:
    case SIM_FAULT_BYZANTINE:
    case SIM_FAULT_MAX:
        break; /* in force all the time */
    }
    return false;
}

static void on_fault(void *unused, uint64_t fault)
{
    if (sim_now() >= faults.scenario->faults_end_ns || sim_run_is_done())
        return;
    sim_note("fault kind=%llu", fault, 0, 0);
    if (make((sim_fault)fault))
        sim_fault_done((sim_fault)fault);
    sim_after(sim_exponential(SIM_DICE_FAULTS, faults.scenario->mean_ns[fault]), on_fault, unused,
              fault);
}

static void set_network(const sim_scenario *scenario)
{
    const bool *on = scenario->on;

    sim_net = (sim_net_faults){ .capacity_low = 64u << 10, .capacity_high = 1u << 20 };
    if (on[SIM_FAULT_TIGHT_BUFFERS]) {
        sim_net.capacity_low = 64;
        sim_net.capacity_high = 8192;
        sim_fault_done(SIM_FAULT_TIGHT_BUFFERS);
    }
    if (on[SIM_FAULT_FLIP])
        sim_net.flip = 0.001 * (double)sim_magnitude(SIM_DICE_FAULTS, 1, 50);
    if (on[SIM_FAULT_TWICE])
        sim_net.twice = 0.001 * (double)sim_magnitude(SIM_DICE_FAULTS, 1, 100);
    if (on[SIM_FAULT_SWAPPED])
        sim_net.swapped = 0.001 * (double)sim_magnitude(SIM_DICE_FAULTS, 10, 500);
    if (on[SIM_FAULT_SPIKE]) {
        sim_net.spike = 0.001 * (double)sim_magnitude(SIM_DICE_FAULTS, 1, 100);
        sim_net.spike_ns = sim_magnitude(SIM_DICE_FAULTS, 10 * SIM_MS, 4 * SIM_S);
        sim_fault_done(SIM_FAULT_SPIKE);
    }
    if (on[SIM_FAULT_PIECES]) {
        sim_read_pieces(sim_magnitude(SIM_DICE_FAULTS, 1, 200));
        sim_fault_done(SIM_FAULT_PIECES);
    }
}

static void on_end(void *unused, uint64_t argument)
{
    (void)unused;
    (void)argument;
    sim_faults_end();
}

void sim_faults_begin(const sim_scenario *scenario, const sim_model *model)
{
    uint64_t latency_ns = sim_magnitude(SIM_DICE_FAULTS, 30 * SIM_US, 10 * SIM_MS);

    faults.scenario = scenario;
    faults.model = model;
    for (unsigned i = 0; i < SIM_HOSTS_MAX; i++) {
        faults.latency_ns[i] = latency_ns;
        sim_host_at(i)->latency_ns = latency_ns;
        sim_host_at(i)->bytes_per_s = 100u << 20;
    }
    set_network(scenario);
    for (uint64_t i = 0; i < SIM_FAULT_MAX; i++)
        if (scenario->on[i])
            sim_after(sim_exponential(SIM_DICE_FAULTS, scenario->mean_ns[i]), on_fault, NULL, i);
    if (scenario->on[SIM_FAULT_BYZANTINE])
        sim_hostile_byzantine(scenario);
    if (scenario->mode == SIM_MODE_LIVENESS)
        sim_after(scenario->faults_end_ns, on_end, NULL, 0);
}

void sim_faults_end(void)
{
    sim_note("faults end", 0, 0, 0);
    for (unsigned i = 0; i < SIM_HOSTS_MAX; i++) {
        sim_host *host = sim_host_at(i);

        host->latency_ns = faults.latency_ns[i];
        host->bytes_per_s = 100u << 20;
        if (host->down)
            sim_net_host_up(host);
    }
    sim_net.flip = sim_net.twice = sim_net.swapped = sim_net.spike = 0.0;
    sim_net_starve_accepts(0);
    sim_net_heal();
    sim_storage_heal();
    sim_hostile_end();
    for (sim_process *process = sim_processes(); process != NULL; process = process->next)
        sim_process_unpause(process);
}
