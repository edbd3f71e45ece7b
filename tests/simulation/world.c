#include "world.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/assert.h>
#include <vx_base/rng.h>

#include "process.h"
#include "wrap.h"

#define NOTES_KEPT    4096 /* a power of two */
#define NOTES_PRINTED 120
#define ARENA_BYTES   (256u * 1024u)

typedef struct queued {
    uint64_t at_ns, sequence;
    sim_event event;
    void *subject;
    uint64_t argument;
} queued;

typedef struct note {
    uint64_t at_ns;
    const char *format;
    const char *who;
    uint64_t numbers[3];
} note;

static struct {
    uint64_t seed, now_ns, sequence, events, hash;
    vx_rng dice[SIM_DICE_MAX];
    queued *heap;
    size_t heap_count, heap_room;
    uint8_t *arena;
    size_t arena_left;
    note notes[NOTES_KEPT];
    uint64_t notes_count;
    bool print;
} world;

void sim_world_begin(uint64_t seed)
{
    world.seed = seed;
    world.hash = 0xcbf29ce484222325u;
    for (uint32_t i = 0; i < SIM_DICE_MAX; i++)
        world.dice[i] = vx_rng_stream(seed, VX_RNG_TEST, i, 0);
    world.heap_room = 1024;
    world.heap = sim_alloc(world.heap_room * sizeof(*world.heap));
}

uint64_t sim_seed(void)
{
    return world.seed;
}

uint64_t sim_below(sim_dice dice, uint64_t bound)
{
    return vx_rng_below(&world.dice[dice], bound);
}

uint64_t sim_between(sim_dice dice, uint64_t low, uint64_t high)
{
    return low + sim_below(dice, high - low + 1);
}

double sim_uniform(sim_dice dice)
{
    return vx_rng_uniform(&world.dice[dice]);
}

bool sim_chance(sim_dice dice, double probability)
{
    return probability > 0.0 && sim_uniform(dice) < probability;
}

uint64_t sim_magnitude(sim_dice dice, uint64_t low, uint64_t high)
{
    double share = sim_uniform(dice);

    return (uint64_t)((double)low * exp(share * log((double)high / (double)low)));
}

uint64_t sim_exponential(sim_dice dice, uint64_t mean)
{
    return (uint64_t)(-(double)mean * log(1.0 - sim_uniform(dice)));
}

uint64_t sim_now(void)
{
    return world.now_ns;
}

uint64_t sim_events(void)
{
    return world.events;
}

static bool earlier(const queued *a, const queued *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->sequence < b->sequence;
}

static void swap(queued *a, queued *b)
{
    queued third = *a;

    *a = *b;
    *b = third;
}

static void grow_heap(void)
{
    queued *wider = sim_alloc(2 * world.heap_room * sizeof(*wider));

    memcpy(wider, world.heap, world.heap_room * sizeof(*wider));
    world.heap = wider;
    world.heap_room *= 2;
}

void sim_after(uint64_t delay_ns, sim_event event, void *subject, uint64_t argument)
{
    size_t at = world.heap_count;

    if (world.heap_count == world.heap_room)
        grow_heap();
    world.heap_count++;
    world.heap[at] =
        (queued){ world.now_ns + delay_ns, world.sequence++, event, subject, argument };
    while (at > 0 && earlier(&world.heap[at], &world.heap[(at - 1) / 2])) {
        swap(&world.heap[at], &world.heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

static queued take_first(void)
{
    queued first = world.heap[0];
    size_t at = 0;

    world.heap[0] = world.heap[--world.heap_count];
    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= world.heap_count)
            return first;
        if (child + 1 < world.heap_count && earlier(&world.heap[child + 1], &world.heap[child]))
            child++;
        if (!earlier(&world.heap[child], &world.heap[at]))
            return first;
        swap(&world.heap[at], &world.heap[child]);
        at = child;
    }
}

bool sim_step(void)
{
    queued next;

    if (world.heap_count == 0)
        return false;
    next = take_first();
    VX_ASSERT(next.at_ns >= world.now_ns);
    world.now_ns = next.at_ns;
    world.events++;
    next.event(next.subject, next.argument);
    return true;
}

void *sim_alloc(size_t size)
{
    uint8_t *at = NULL;

    size = (size + 63) / 64 * 64;
    if (size > ARENA_BYTES / 4)
        at = sim_real_calloc(1, size);
    if (at == NULL && size > world.arena_left) {
        world.arena = sim_real_calloc(1, ARENA_BYTES);
        world.arena_left = world.arena != NULL ? ARENA_BYTES : 0;
    }
    if (at == NULL) {
        VX_ASSERT(size <= world.arena_left);
        at = world.arena;
        world.arena += size;
        world.arena_left -= size;
    }
    return at;
}

static void print_note(const note *entry)
{
    char text[200];

    /* The formats are literals of this folder. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof(text), entry->format, entry->numbers[0], entry->numbers[1],
             entry->numbers[2]);
#pragma GCC diagnostic pop
    fprintf(stderr, "%14.6f %-13s %s\n", (double)entry->at_ns / (double)SIM_S, entry->who, text);
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

void sim_note(const char *format, uint64_t a, uint64_t b, uint64_t c)
{
    note *entry = &world.notes[world.notes_count++ % NOTES_KEPT];

    *entry = (note){ world.now_ns, format, sim_who(), { a, b, c } };
    for (const char *at = format; *at != '\0'; at++)
        world.hash = (world.hash ^ (unsigned char)*at) * 0x100000001b3u;
    world.hash = mix(mix(mix(mix(world.hash, world.now_ns), a), b), c);
    if (world.print)
        print_note(entry);
}

void sim_note_text(const char *text, size_t size)
{
    if (world.print)
        fprintf(stderr, "%14.6f %-13s | %.*s", (double)world.now_ns / (double)SIM_S, sim_who(),
                (int)size, text);
}

uint64_t sim_trace_hash(void)
{
    return mix(world.hash, world.notes_count);
}

vx_log_level sim_log_level(void)
{
    return world.print ? VX_LOG_INFO : VX_LOG_ERROR;
}

void sim_trace_print(bool print)
{
    world.print = print;
}

void sim_violation(const char *promise, const char *format, ...)
{
    uint64_t from = world.notes_count > NOTES_PRINTED ? world.notes_count - NOTES_PRINTED : 0;
    va_list list;

    for (uint64_t i = from; !world.print && i < world.notes_count; i++)
        print_note(&world.notes[i % NOTES_KEPT]);
    fprintf(stderr, "seed %" PRIu64 " breaks %s at %.6f s: ", world.seed, promise,
            (double)world.now_ns / (double)SIM_S);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fprintf(stderr, "\n");
    sim_real_exit(SIM_EXIT_VIOLATION);
}
