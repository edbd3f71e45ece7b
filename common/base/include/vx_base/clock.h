#ifndef VX_BASE_CLOCK_H
#define VX_BASE_CLOCK_H
#include <stdint.h>

#define VX_NS_PER_MS 1000000ULL
#define VX_NS_PER_S  1000000000ULL

/*
 * Where time comes from. A process is started with the kernel's clocks; a simulator installs its
 * own. Durations and deadlines use monotonic time only; realtime is for people and file names.
 */
typedef struct vx_clock {
    uint64_t (*monotonic_ns)(void *context);
    uint64_t (*realtime_ns)(void *context); /* since 1970-01-01 UTC */
    void *context;
} vx_clock;

vx_clock vx_clock_system(void); /* what is installed */
/* Before anything else runs; NULL: the kernel's. For a simulator. */
void vx_clock_install(const vx_clock *clock);

static inline uint64_t vx_clock_monotonic_ns(const vx_clock *clock)
{
    return clock->monotonic_ns(clock->context);
}

static inline uint64_t vx_clock_realtime_ns(const vx_clock *clock)
{
    return clock->realtime_ns(clock->context);
}

/* "2026-01-31T12:00:00.123456Z" of a time since 1970; text holds at least VX_TIME_TEXT_SIZE bytes.
 * Returns text. */
#define VX_TIME_TEXT_SIZE 32
char *vx_time_text(uint64_t realtime_ns, char text[VX_TIME_TEXT_SIZE]);

/* Seconds of a setting (> 0) as a timeout: at least 1, since 0 means never, at most what fits. */
uint32_t vx_milliseconds(double seconds);
#endif
