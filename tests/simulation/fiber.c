#include "fiber.h"

#include <sys/mman.h>
#include <ucontext.h>

#include <vx_base/assert.h>

#include "process.h"
#include "world.h"

#define STACK_BYTES (512u * 1024u)
#define STACKS_KEPT 32

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#define BEFORE_SWITCH(save, bottom, size) __sanitizer_start_switch_fiber((save), (bottom), (size))
#define AFTER_SWITCH(save)                __sanitizer_finish_switch_fiber((save), NULL, NULL)
#else
#define BEFORE_SWITCH(save, bottom, size) ((void)(save), (void)(bottom), (void)(size))
#define AFTER_SWITCH(save)                ((void)(save))
#endif

struct sim_fiber {
    sim_process *process;
    sim_fiber *next; /* of the process */
    void (*body)(void *argument);
    void *argument;
    ucontext_t context;
    void *stack;
    void *fake_stack; /* of the address sanitizer */
    bool done, waiting;
    bool held; /* its wake came while the program was paused */
    uint64_t wake, wake_at_ns;
};

static ucontext_t scheduler;
static const void *scheduler_bottom;
static size_t scheduler_size;
static sim_fiber *current;
static void *idle_stacks[STACKS_KEPT];
static unsigned idle_count;

static void *take_stack(void)
{
    void *stack = MAP_FAILED;

    if (idle_count > 0)
        return idle_stacks[--idle_count];
    stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    VX_ASSERT(stack != MAP_FAILED);
    VX_ASSERT(mprotect(stack, 4096, PROT_NONE) == 0);
    return stack;
}

static void give_stack(sim_fiber *fiber)
{
    void *stack = fiber->stack;

    fiber->stack = NULL;
    if (stack == NULL)
        return;
    if (idle_count < STACKS_KEPT)
        idle_stacks[idle_count++] = stack;
    else
        (void)munmap(stack, STACK_BYTES);
}

static void to_scheduler(sim_fiber *fiber, bool last)
{
    current = NULL;
    BEFORE_SWITCH(last ? NULL : &fiber->fake_stack, scheduler_bottom, scheduler_size);
    VX_ASSERT(swapcontext(&fiber->context, &scheduler) == 0);
    AFTER_SWITCH(fiber->fake_stack);
}

static void enter(void)
{
    sim_fiber *fiber = current;

#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(NULL, &scheduler_bottom, &scheduler_size);
#endif
    fiber->body(fiber->argument);
    fiber->done = true;
    to_scheduler(fiber, true);
}

sim_fiber *sim_fiber_create(sim_process *process, void (*body)(void *argument), void *argument)
{
    sim_fiber *fiber = sim_alloc(sizeof(*fiber));

    fiber->process = process;
    fiber->body = body;
    fiber->argument = argument;
    fiber->stack = take_stack();
    fiber->waiting = true;
    VX_ASSERT(getcontext(&fiber->context) == 0);
    fiber->context.uc_stack.ss_sp = fiber->stack;
    fiber->context.uc_stack.ss_size = STACK_BYTES;
    fiber->context.uc_link = NULL;
    makecontext(&fiber->context, enter, 0);
    sim_process_add_fiber(process, fiber);
    return fiber;
}

sim_fiber *sim_fiber_current(void)
{
    return current;
}

sim_process *sim_fiber_process(const sim_fiber *fiber)
{
    return fiber->process;
}

static void resume(sim_fiber *fiber)
{
    void *fake_stack = NULL;

    fiber->waiting = false;
    fiber->wake = 0;
    current = fiber;
    BEFORE_SWITCH(&fake_stack, fiber->stack, STACK_BYTES);
    VX_ASSERT(swapcontext(&scheduler, &fiber->context) == 0);
    AFTER_SWITCH(fake_stack);
    current = NULL;
    if (fiber->done)
        give_stack(fiber);
}

static void on_wake(void *subject, uint64_t wake)
{
    sim_fiber *fiber = subject;

    if (fiber->done || wake != fiber->wake)
        return;
    if (fiber->process->paused) {
        fiber->held = true;
        return;
    }
    resume(fiber);
}

void sim_fiber_wake(sim_fiber *fiber, uint64_t delay_ns)
{
    static uint64_t wakes;

    if (fiber->done || (fiber->wake != 0 && fiber->wake_at_ns <= sim_now() + delay_ns))
        return;
    fiber->wake = ++wakes;
    fiber->wake_at_ns = sim_now() + delay_ns;
    fiber->held = false;
    sim_after(delay_ns, on_wake, fiber, fiber->wake);
}

void sim_fiber_unpause(sim_fiber *fiber)
{
    if (!fiber->held)
        return;
    fiber->held = false;
    fiber->wake = 0;
    sim_fiber_wake(fiber, 0);
}

void sim_fiber_yield(void)
{
    sim_fiber *fiber = current;

    VX_ASSERT(fiber != NULL);
    fiber->waiting = true;
    to_scheduler(fiber, false);
}

void sim_fiber_sleep(uint64_t delay_ns)
{
    if (current == NULL)
        return;
    sim_fiber_wake(current, delay_ns);
    sim_fiber_yield();
}

void sim_fiber_drop(sim_fiber *fiber)
{
    if (fiber->done)
        return;
    fiber->done = true;
    if (fiber == current)
        to_scheduler(fiber, true); /* for good; resume takes the stack back */
    give_stack(fiber);
}

bool sim_fiber_is_done(const sim_fiber *fiber)
{
    return fiber->done;
}
