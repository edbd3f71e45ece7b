#ifndef VX_SIMULATION_FIBER_H
#define VX_SIMULATION_FIBER_H
#include <stdbool.h>
#include <stdint.h>

/*
 * A coroutine with a stack of its own: the thread of a program, or a thread of its pool. It runs
 * until it yields; the world's events resume it.
 */
typedef struct sim_fiber sim_fiber;
struct sim_process;

/* body runs at the first wake. When it returns the fiber is gone. */
sim_fiber *sim_fiber_create(struct sim_process *process, void (*body)(void *argument),
                            void *argument);
sim_fiber *sim_fiber_current(void); /* NULL: the scheduler runs */
bool sim_fiber_is_done(const sim_fiber *fiber);
struct sim_process *sim_fiber_process(const sim_fiber *fiber);

/* Resumes it in so long, or sooner when that has been asked for already. */
void sim_fiber_wake(sim_fiber *fiber, uint64_t delay_ns);
void sim_fiber_yield(void);              /* until the next wake */
void sim_fiber_sleep(uint64_t delay_ns); /* does nothing in the scheduler */
/* Never resumed any more; does not return when it is the current one. */
void sim_fiber_drop(sim_fiber *fiber);
/* A paused program's fibers keep their wakes until it goes on. */
void sim_fiber_unpause(sim_fiber *fiber);
#endif
