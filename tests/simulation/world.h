#ifndef VX_SIMULATION_WORLD_H
#define VX_SIMULATION_WORLD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vx_base/clock.h>
#include <vx_base/log.h>

/*
 * The world of one seed: simulated time, a queue of events ordered by (time, sequence), dice,
 * notes. One world a process: simulate.c runs each seed in a child of its own, so that nothing a
 * killed program leaves behind outlives its seed. Objects of the world are never freed before that.
 */

/* Each purpose has a stream of its own: another roll of one does not shift the others. */
typedef enum sim_dice {
    SIM_DICE_SCENARIO,
    SIM_DICE_NETWORK,
    SIM_DICE_PROGRAMS,
    SIM_DICE_FAULTS,
    SIM_DICE_HOSTILE,
    SIM_DICE_SECRETS,
    SIM_DICE_DISK,
    SIM_DICE_SIGNALS,
    SIM_DICE_MEMBERS,
    SIM_DICE_MAX
} sim_dice;

void sim_world_begin(uint64_t seed);
uint64_t sim_seed(void);

uint64_t sim_below(sim_dice dice, uint64_t bound); /* 0..bound-1; bound > 0 */
uint64_t sim_between(sim_dice dice, uint64_t low, uint64_t high);
bool sim_chance(sim_dice dice, double probability);
double sim_uniform(sim_dice dice);
/* Every order of magnitude is as likely as the next. */
uint64_t sim_magnitude(sim_dice dice, uint64_t low, uint64_t high);
uint64_t sim_exponential(sim_dice dice, uint64_t mean);

#define SIM_US 1000ull
#define SIM_MS VX_NS_PER_MS
#define SIM_S  VX_NS_PER_S

uint64_t sim_now(void); /* ns since the world began */
typedef void (*sim_event)(void *subject, uint64_t argument);
void sim_after(uint64_t delay_ns, sim_event event, void *subject, uint64_t argument);
/* Runs the next event. False: there is none. */
bool sim_step(void);
uint64_t sim_events(void); /* run so far */

/* Zeroed, for the life of the world; not counted to any program. Never NULL. */
void *sim_alloc(size_t size);

/* What happened: part of the trace and of its hash. format takes up to three %llu. */
void sim_note(const char *format, uint64_t a, uint64_t b, uint64_t c);
/* A line of a program's log: only part of the printed trace. */
void sim_note_text(const char *text, size_t size);
uint64_t sim_trace_hash(void);
vx_log_level sim_log_level(void); /* of the programs: a line that nobody prints is not made */
void sim_trace_print(bool print); /* every note, at once, on standard error */

/* A promise is broken: prints seed, promise, why and the last notes, and ends this child. */
_Noreturn void sim_violation(const char *promise, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
#define SIM_EXIT_VIOLATION 3
#endif
