#include <vx_optimise/optimise.h>

#include <math.h>

/* Rounds since the end of the warm-up, and the last of them; beyond the job its last round counts.
 */
typedef struct place {
    double round, last;
} place;

static place place_of(const vx_schedule *s, uint64_t round)
{
    uint64_t last = s->rounds > s->warmup + 1 ? s->rounds - s->warmup - 1 : 0;
    uint64_t since = round > s->warmup ? round - s->warmup : 0;

    return (place){ .round = (double)since, .last = (double)last };
}

static double mix(double from, double to, double share)
{
    return from + (to - from) * share;
}

static double cosine(const vx_schedule *s, place at)
{
    const double pi = 3.14159265358979323846;
    double share = at.last > 0.0 ? fmin(at.round / at.last, 1.0) : 0.0;

    return mix(s->final_factor, 1.0, 0.5 * (1.0 + cos(pi * share)));
}

/* How high the cycle stands: 0 at its ends, 1 at the peak. */
static double cycle_height(const vx_schedule *s, place at, bool *ret_down)
{
    double peak = s->up_share * at.last;

    *ret_down = at.round > peak;
    if (!*ret_down)
        return peak > 0.0 ? at.round / peak : 1.0;
    return fmax((at.last - at.round) / (at.last - peak), 0.0);
}

static double one_cycle(const vx_schedule *s, place at)
{
    bool down = false;
    double height = cycle_height(s, at, &down);

    return mix(down ? s->final_factor : 1.0 / s->initial_divisor, 1.0, height);
}

static double after_warmup(const vx_schedule *s, place at)
{
    switch (s->kind) {
    case VX_SCHEDULE_CONSTANT:
        break;
    case VX_SCHEDULE_STEP:
        return pow(s->factor, floor(at.round / (double)s->every));
    case VX_SCHEDULE_COSINE:
        return cosine(s, at);
    case VX_SCHEDULE_ONE_CYCLE:
        return one_cycle(s, at);
    }
    return 1.0;
}

double vx_schedule_factor(const vx_schedule *schedule, uint64_t round)
{
    double factor = after_warmup(schedule, place_of(schedule, round));

    if (round >= schedule->warmup)
        return factor;
    return factor * ((double)round + 1.0) / ((double)schedule->warmup + 1.0);
}

double vx_schedule_momentum(const vx_schedule *schedule, double momentum, uint64_t round)
{
    bool down = false;

    if (schedule->kind != VX_SCHEDULE_ONE_CYCLE)
        return momentum;
    return mix(momentum, schedule->momentum_low,
               cycle_height(schedule, place_of(schedule, round), &down));
}
