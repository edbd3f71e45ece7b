#include <vx_base/clock.h>

#include <vx_base/assert.h>

#include <stddef.h>
#include <stdio.h>
#include <time.h>

static uint64_t read_ns(clockid_t id)
{
    struct timespec now = { 0 };
    int failed = clock_gettime(id, &now);

    VX_ASSERT(failed == 0);
    return (uint64_t)now.tv_sec * VX_NS_PER_S + (uint64_t)now.tv_nsec;
}

static uint64_t monotonic_ns(void *context)
{
    (void)context;
    return read_ns(CLOCK_MONOTONIC);
}

static uint64_t realtime_ns(void *context)
{
    (void)context;
    return read_ns(CLOCK_REALTIME);
}

static const vx_clock real = { .monotonic_ns = monotonic_ns, .realtime_ns = realtime_ns };
static vx_clock current = { .monotonic_ns = monotonic_ns, .realtime_ns = realtime_ns };

vx_clock vx_clock_system(void)
{
    return current;
}

void vx_clock_install(const vx_clock *clock)
{
    current = clock != NULL ? *clock : real;
}

char *vx_time_text(uint64_t time_ns, char text[VX_TIME_TEXT_SIZE])
{
    time_t seconds = (time_t)(time_ns / VX_NS_PER_S);
    unsigned micros = (unsigned)(time_ns % VX_NS_PER_S / 1000);
    struct tm utc = { 0 };
    size_t used;

    gmtime_r(&seconds, &utc);
    used = strftime(text, VX_TIME_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + used, VX_TIME_TEXT_SIZE - used, ".%06uZ", micros);
    return text;
}

uint32_t vx_milliseconds(double seconds)
{
    double milliseconds = seconds * 1000.0;

    if (!(milliseconds > 1.0))
        return 1;
    return milliseconds < (double)UINT32_MAX ? (uint32_t)milliseconds : UINT32_MAX;
}
