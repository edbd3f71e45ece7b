#include "process.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/assert.h>

#include "loop.h"
#include "net.h"
#include "storage.h"
#include "world.h"

static sim_host hosts[SIM_HOSTS_MAX];
static sim_process *processes;
static unsigned pids = 1000;

sim_host *sim_host_at(unsigned index)
{
    sim_host *host = &hosts[index];

    VX_ASSERT(index < SIM_HOSTS_MAX);
    if (host->address == 0) {
        host->index = index;
        host->address = (10u << 24) + 1 + index;
        snprintf(host->name, sizeof(host->name), "host%u", index);
    }
    return host;
}

sim_host *sim_host_find(uint32_t address)
{
    uint32_t index = address - ((10u << 24) + 1);

    return index < SIM_HOSTS_MAX ? sim_host_at(index) : NULL;
}

sim_process *sim_processes(void)
{
    return processes;
}

sim_process *sim_process_current(void)
{
    sim_fiber *fiber = sim_fiber_current();

    return fiber != NULL ? sim_fiber_process(fiber) : NULL;
}

const char *sim_who(void)
{
    sim_process *process = sim_process_current();

    return process != NULL ? process->name : "world";
}

static void run_main(void *argument)
{
    sim_process *process = argument;

    sim_process_end(process, process->run(process), 0);
}

sim_process *sim_process_start(const char *name, sim_host *host, int (*run)(sim_process *process),
                               void *program, void (*on_exit)(sim_process *process))
{
    sim_process *process = sim_alloc(sizeof(*process));

    process->next = processes;
    processes = process;
    process->pid = pids++;
    snprintf(process->name, sizeof(process->name), "%s", name);
    process->host = host;
    process->run = run;
    process->program = program;
    process->on_exit = on_exit;
    process->alive = true;
    process->born_ns = sim_now();
    process->main = sim_fiber_create(process, run_main, process);
    sim_note("start pid=%llu host=%llu", process->pid, host->index, 0);
    sim_fiber_wake(process->main, sim_magnitude(SIM_DICE_PROGRAMS, 100 * SIM_US, 20 * SIM_MS));
    return process;
}

void sim_process_add_fiber(sim_process *process, sim_fiber *fiber)
{
    for (unsigned i = 0; i < process->fibers_count; i++)
        if (sim_fiber_is_done(process->fibers[i])) {
            process->fibers[i] = fiber;
            return;
        }
    VX_ASSERT(process->fibers_count < sizeof(process->fibers) / sizeof(process->fibers[0]));
    process->fibers[process->fibers_count++] = fiber;
}

static void end_children(sim_process *parent, int signal)
{
    for (sim_process *process = processes; process != NULL; process = process->next)
        if (process->parent == parent && process->alive)
            sim_process_end(process, 0, signal);
}

void sim_process_end(sim_process *process, int code, int signal)
{
    VX_ASSERT(process->alive);
    process->alive = false;
    process->exit_code = code;
    process->exit_signal = signal;
    sim_note("exit pid=%llu code=%llu signal=%llu", process->pid, (uint64_t)code, (uint64_t)signal);
    sim_net_end(process);
    sim_storage_end_of(process);
    if (process->child_handle != NULL)
        sim_loop_child_ended(process->child_handle, code, signal);
    end_children(process, SIGKILL); /* PR_SET_PDEATHSIG */
    if (process->on_exit != NULL)
        process->on_exit(process);
    for (unsigned i = 0; i < process->fibers_count; i++)
        if (process->fibers[i] != sim_fiber_current())
            sim_fiber_drop(process->fibers[i]);
    if (sim_process_current() == process)
        sim_fiber_drop(sim_fiber_current());
}

void sim_process_signal(sim_process *process, int number)
{
    if (!process->alive)
        return;
    VX_ASSERT(number > 0 && number < SIM_SIGNALS_MAX);
    process->signals[number]++;
    sim_note("signal pid=%llu number=%llu", process->pid, (uint64_t)number, 0);
    if (number != SIGKILL && process->loop != NULL && sim_loop_signal(process->loop, number)) {
        process->heard[number]++;
        return;
    }
    if (number == SIGKILL || !process->ignores[number])
        sim_process_end(process, 0, number);
}

void sim_process_pause(sim_process *process)
{
    if (process->alive)
        sim_note("pause pid=%llu", process->pid, 0, 0);
    process->paused = process->alive;
}

void sim_process_unpause(sim_process *process)
{
    if (!process->paused)
        return;
    process->paused = false;
    sim_note("unpause pid=%llu", process->pid, 0, 0);
    for (unsigned i = 0; process->alive && i < process->fibers_count; i++)
        sim_fiber_unpause(process->fibers[i]);
}
