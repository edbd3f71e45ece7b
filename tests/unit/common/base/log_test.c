#include <vx_base/log.h>
#include <vx_test/check.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t fixed_time(void *context)
{
    (void)context;
    return 1769860800123456789ULL;
}

/* A log into memory at a fixed time. */
static vx_log log_create(vx_log_level at_least)
{
    vx_log log = vx_log_to(memfd_create("log", MFD_CLOEXEC), at_least, "vexild");

    assert_true(log.fd >= 0);
    log.clock.realtime_ns = fixed_time;
    return log;
}

/* All that was logged; ends the log. */
static const char *log_end(vx_log *log, char *text, size_t size)
{
    ssize_t count = pread(log->fd, text, size - 1, 0);

    assert_true(count >= 0);
    text[count] = '\0';
    close(log->fd);
    return text;
}

static void an_event_is_one_logfmt_line(void **state)
{
    char text[1024];
    vx_log log = log_create(VX_LOG_INFO);

    (void)state;
    vx_log_event(&log, VX_LOG_INFO, "round.enter", "round=%d from=%s", 41, "collecting");
    vx_log_event(&log, VX_LOG_ERROR, "disk.full", "path=%s", "\"/x\"");
    assert_string_equal(log_end(&log, text, sizeof(text)),
                        "ts=2026-01-31T12:00:00.123456Z program=vexild level=info "
                        "event=round.enter round=41 from=collecting\n"
                        "ts=2026-01-31T12:00:00.123456Z program=vexild level=error "
                        "event=disk.full path=\"/x\"\n");
}

static void a_level_below_the_asked_one_is_silent(void **state)
{
    char text[1024];
    vx_log log = log_create(VX_LOG_WARN);

    (void)state;
    vx_log_event(&log, VX_LOG_DEBUG, "frame", "bytes=%d", 1);
    vx_log_event(&log, VX_LOG_INFO, "frame", "bytes=%d", 1);
    assert_string_equal(log_end(&log, text, sizeof(text)), "");
}

static void the_system_clock_stamps_a_log(void **state)
{
    vx_log log = vx_log_to(2, VX_LOG_INFO, "vexil");

    (void)state;
    assert_int_equal(log.fd, 2);
    assert_true(vx_clock_realtime_ns(&log.clock) > 0);
}

static void a_long_line_is_cut_and_still_ends(void **state)
{
    char text[4096];
    char peer[2000];
    vx_log log = log_create(VX_LOG_INFO);

    (void)state;
    memset(peer, 'x', sizeof(peer) - 1);
    peer[sizeof(peer) - 1] = '\0';
    vx_log_event(&log, VX_LOG_INFO, "long", "text=%s", peer);
    vx_log_event(&log, VX_LOG_INFO, peer, "text=%s", peer);
    log_end(&log, text, sizeof(text));
    assert_int_equal(strlen(text), 2 * 1024);
    assert_int_equal(strncmp(text + 1024 - 5, "x...\nts=", 8), 0);
    assert_string_equal(text + 2048 - 5, "x...\n");
}

/* 1023 bytes and the line feed just fit; one more does not. */
static void a_line_that_just_fits_is_not_cut(void **state)
{
    char text[4096];
    vx_log log = log_create(VX_LOG_INFO);
    int head = (int)strlen("ts=2026-01-31T12:00:00.123456Z program=vexild level=info event=e ");

    (void)state;
    vx_log_event(&log, VX_LOG_INFO, "e", "%0*d", 1023 - head, 7);
    vx_log_event(&log, VX_LOG_INFO, "e", "%0*d", 1024 - head, 7);
    log_end(&log, text, sizeof(text));
    assert_int_equal(strncmp(text + 1024 - 4, "007\nts=", 7), 0);
    assert_string_equal(text + 2048 - 5, "0...\n");
}

static void no_text_can_begin_a_second_line(void **state)
{
    char text[1024];
    vx_log log = log_create(VX_LOG_INFO);

    (void)state;
    vx_log_event(&log, VX_LOG_INFO, "hello", "name=%s", "x\nts=1 level=error\r\033[2J\177");
    log_end(&log, text, sizeof(text));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    assert_non_null(strstr(text, "name=x ts=1 level=error  [2J \n"));
}

static void a_log_that_cannot_be_written_stops_nothing(void **state)
{
    vx_log log = vx_log_to(open("/dev/null", O_RDONLY | O_CLOEXEC), VX_LOG_INFO, "vexild");

    (void)state;
    errno = ENOENT;
    vx_log_event(&log, VX_LOG_INFO, "lost", "n=%d", 1);
    assert_int_equal(errno, ENOENT); /* a caller may log between a failure and its message */
    close(log.fd);
}

static void quoting_escapes_what_is_not_plain(void **state)
{
    char buffer[VX_LOG_QUOTE_SIZE];

    (void)state;
    assert_string_equal(vx_log_quote("", buffer), "\"\"");
    assert_string_equal(vx_log_quote("node 7", buffer), "\"node 7\"");
    assert_string_equal(vx_log_quote("a\"b\\c", buffer), "\"a\\\"b\\\\c\"");
    assert_string_equal(vx_log_quote("a\nb\tc\177", buffer), "\"a\\nb\\x09c\\x7f\"");
    assert_string_equal(vx_log_quote("\xc3\xa4", buffer), "\"\\xc3\\xa4\"");
}

static void a_long_text_is_cut_to_its_buffer(void **state)
{
    char buffer[VX_LOG_QUOTE_SIZE];
    char text[600];

    (void)state;
    for (size_t length = 230; length < sizeof(text); length++) {
        memset(text, 'x', length);
        text[length] = '\0';
        vx_log_quote(text, buffer);
        assert_true(strlen(buffer) < sizeof(buffer));
        assert_int_equal(buffer[strlen(buffer) - 1], '"');
        assert_int_equal(strstr(buffer, "...\"") != NULL, length > 250);
    }
    memset(text, '\001', sizeof(text) - 1); /* four bytes each: a cut never falls inside one */
    text[sizeof(text) - 1] = '\0';
    vx_log_quote(text, buffer);
    assert_string_equal(buffer + strlen(buffer) - 8, "\\x01...\"");
}

static void levels_are_parsed_by_name(void **state)
{
    vx_log_level level = VX_LOG_LEVEL_MAX;

    (void)state;
    assert_true(vx_log_level_parse("debug", &level) && level == VX_LOG_DEBUG);
    assert_true(vx_log_level_parse("info", &level) && level == VX_LOG_INFO);
    assert_true(vx_log_level_parse("warn", &level) && level == VX_LOG_WARN);
    assert_true(vx_log_level_parse("error", &level) && level == VX_LOG_ERROR);
    assert_false(vx_log_level_parse("Info", &level));
    assert_false(vx_log_level_parse("", &level));
    assert_int_equal(level, VX_LOG_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_one_logfmt_line),
        cmocka_unit_test(a_level_below_the_asked_one_is_silent),
        cmocka_unit_test(the_system_clock_stamps_a_log),
        cmocka_unit_test(a_long_line_is_cut_and_still_ends),
        cmocka_unit_test(a_line_that_just_fits_is_not_cut),
        cmocka_unit_test(no_text_can_begin_a_second_line),
        cmocka_unit_test(a_log_that_cannot_be_written_stops_nothing),
        cmocka_unit_test(quoting_escapes_what_is_not_plain),
        cmocka_unit_test(a_long_text_is_cut_to_its_buffer),
        cmocka_unit_test(levels_are_parsed_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
