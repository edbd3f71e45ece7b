#include <vx_base/clock.h>
#include <vx_test/check.h>

#include <stdlib.h>
#include <time.h>

/* Expected texts are those of date -u. */
static void time_is_written_in_utc_with_microseconds(void **state)
{
    char text[VX_TIME_TEXT_SIZE];

    (void)state;
    assert_int_equal(setenv("TZ", "XYZ-5:30", 1),
                     0); /* the zone of the process has no part in it */
    tzset();
    assert_string_equal(vx_time_text(0, text), "1970-01-01T00:00:00.000000Z");
    assert_string_equal(vx_time_text(1769860800123456789ULL, text), "2026-01-31T12:00:00.123456Z");
    assert_string_equal(vx_time_text(1709251199999999999ULL, text), "2024-02-29T23:59:59.999999Z");
    assert_string_equal(vx_time_text(UINT64_MAX, text), "2554-07-21T23:34:33.709551Z");
}

static void monotonic_time_never_goes_back(void **state)
{
    vx_clock clock = vx_clock_system();
    uint64_t last = vx_clock_monotonic_ns(&clock);

    (void)state;
    for (int i = 0; i < 10000; i++) {
        uint64_t now = vx_clock_monotonic_ns(&clock);

        assert_true(now >= last);
        last = now;
    }
}

static void real_time_counts_from_1970(void **state)
{
    vx_clock clock = vx_clock_system();

    (void)state;
    assert_true(vx_clock_realtime_ns(&clock) > 1700000000 * VX_NS_PER_S); /* November 2023 */
}

static uint64_t tick(void *context)
{
    uint64_t *now = context;

    *now += VX_NS_PER_MS;
    return *now;
}

static void a_simulator_gives_its_own_time(void **state)
{
    uint64_t now = 0;
    vx_clock clock = { .monotonic_ns = tick, .realtime_ns = tick, .context = &now };

    (void)state;
    assert_int_equal(vx_clock_monotonic_ns(&clock), 1000000);
    assert_int_equal(vx_clock_realtime_ns(&clock), 2000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_is_written_in_utc_with_microseconds),
        cmocka_unit_test(monotonic_time_never_goes_back),
        cmocka_unit_test(real_time_counts_from_1970),
        cmocka_unit_test(a_simulator_gives_its_own_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
