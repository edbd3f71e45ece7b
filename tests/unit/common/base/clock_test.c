#include <vx_base/clock.h>
#include <vx_base/random.h>
#include <vx_test/check.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
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

static void an_installed_clock_is_the_clock_of_the_process(void **state)
{
    uint64_t now = 0;
    vx_clock simulated = { .monotonic_ns = tick, .realtime_ns = tick, .context = &now };
    vx_clock clock;

    (void)state;
    vx_clock_install(&simulated);
    clock = vx_clock_system();
    assert_int_equal(vx_clock_monotonic_ns(&clock), 1000000);
    vx_clock_install(NULL);
    clock = vx_clock_system();
    assert_true(vx_clock_realtime_ns(&clock) > 1600000000 * VX_NS_PER_S);
}

static int count_up(void *context, uint8_t *ret_bytes, size_t size)
{
    uint8_t *next = context;

    for (size_t i = 0; i < size; i++)
        ret_bytes[i] = (*next)++;
    return *next > 100 ? ENOSYS : 0;
}

static void secrets_come_from_the_installed_source_and_its_failure_is_named(void **state)
{
    uint8_t next = 7;
    uint8_t bytes[4] = { 0 };
    uint8_t other[4] = { 0 };
    vx_random simulated = { count_up, &next };
    vx_error err = { 0 };

    (void)state;
    vx_random_install(&simulated);
    assert_int_equal(vx_random_bytes(bytes, sizeof(bytes), &err), VX_OK);
    assert_memory_equal(bytes, "\x07\x08\x09\x0a", 4);
    next = 200;
    assert_int_equal(vx_random_bytes(bytes, sizeof(bytes), &err), VX_ERR_SYSTEM);
    assert_non_null(strstr(err.message, "random numbers"));
    vx_random_install(NULL);
    assert_int_equal(vx_random_bytes(bytes, sizeof(bytes), &err), VX_OK);
    assert_int_equal(vx_random_bytes(other, sizeof(other), &err), VX_OK);
    assert_memory_not_equal(bytes, other, sizeof(bytes)); /* fails once in 2^32 */
}

static void a_timeout_is_never_zero_and_always_fits(void **state)
{
    (void)state;
    assert_int_equal(vx_milliseconds(2.5), 2500);
    assert_int_equal(vx_milliseconds(1e-6), 1);
    assert_int_equal(vx_milliseconds(4294967.296), UINT32_MAX); /* 2^32 ms */
    assert_int_equal(vx_milliseconds(1e9), UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timeout_is_never_zero_and_always_fits),
        cmocka_unit_test(time_is_written_in_utc_with_microseconds),
        cmocka_unit_test(monotonic_time_never_goes_back),
        cmocka_unit_test(real_time_counts_from_1970),
        cmocka_unit_test(a_simulator_gives_its_own_time),
        cmocka_unit_test(an_installed_clock_is_the_clock_of_the_process),
        cmocka_unit_test(secrets_come_from_the_installed_source_and_its_failure_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
