#include <vx_round/pace.h>

#include <math.h>
#include <string.h>

#include <vx_base/assert.h>
#include <vx_base/median.h>

void vx_pace_init(vx_pace *pace, double least_ms, double most_ms, double spread)
{
    VX_ASSERT(least_ms > 0.0 && least_ms <= most_ms);
    VX_ASSERT(spread >= 0.0);
    *pace = (vx_pace){ .least_ms = least_ms, .most_ms = most_ms, .spread = spread };
}

void vx_pace_arrived(vx_pace *pace, double after_ms)
{
    pace->arrivals_ms[pace->count % VX_PACE_ARRIVALS] = after_ms;
    pace->count++;
}

double vx_pace_deadline_ms(const vx_pace *pace)
{
    double values[VX_PACE_ARRIVALS];
    size_t count = pace->count < VX_PACE_ARRIVALS ? pace->count : VX_PACE_ARRIVALS;
    double middle = 0.0;
    double deadline = 0.0;

    if (count < VX_PACE_LEAST)
        return pace->most_ms;
    memcpy(values, pace->arrivals_ms, count * sizeof(*values));
    middle = vx_values_median(values, count);
    for (size_t i = 0; i < count; i++)
        values[i] = fabs(values[i] - middle);
    deadline = middle + pace->spread * vx_values_median(values, count);
    if (deadline < pace->least_ms)
        return pace->least_ms;
    return deadline < pace->most_ms ? deadline : pace->most_ms;
}
