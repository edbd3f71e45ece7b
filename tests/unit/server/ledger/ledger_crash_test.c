#include "ledger_sample.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/clock.h>
#include <vx_base/rng.h>

enum { KILLS = 50, UPDATE = 30000 };

/* Commits, prunes now and then, and tells each round whose commit has returned. Never ends. */
static void commit_for_ever(const char *run_dir, vx_ledger_durability durability, int pipe_end)
{
    vx_ledger *ledger = NULL;
    uint64_t first;
    uint64_t end;

    if (vx_ledger_open(run_dir, sample_config, durability, &ledger, NULL) != VX_OK)
        _exit(1);
    vx_ledger_range(ledger, &first, &end);
    for (;; end++) {
        if (vx_ledger_commit(ledger, sample(end, UPDATE), NULL) != VX_OK ||
            write(pipe_end, &end, sizeof(end)) != sizeof(end))
            _exit(2);
        if (end % 16 == 15 && vx_ledger_prune(ledger, end - 10, NULL) != VX_OK)
            _exit(3);
    }
}

/* Kills the child after a while; returns the end of what it told, or end when it told nothing. */
static uint64_t kill_after(pid_t child, int pipe_end, uint64_t delay_us, uint64_t end)
{
    struct timespec delay = { 0, (long)delay_us * 1000 };
    uint64_t round;
    int how = 0;

    nanosleep(&delay, NULL);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how)); /* it has not ended by a failure */
    while (read(pipe_end, &round, sizeof(round)) == sizeof(round)) {
        assert_int_equal(round, end);
        end = round + 1;
    }
    return end;
}

static uint64_t crash_once(const char *run_dir, vx_ledger_durability durability, uint64_t delay_us,
                           uint64_t end)
{
    int ends[2];
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        commit_for_ever(run_dir, durability, ends[1]);
    }
    close(ends[1]);
    end = kill_after(child, ends[0], delay_us, end);
    close(ends[0]);
    return end;
}

/* Every round that was told is there, and at most one more. Returns the end. */
static uint64_t expect_told(const char *run_dir, uint64_t told)
{
    vx_ledger *ledger = open_sample(run_dir, VX_LEDGER_FULL);
    uint64_t first;
    uint64_t end;

    vx_ledger_range(ledger, &first, &end);
    if (end != told && end != told + 1)
        fail_msg("the ledger ends at %d, told was %d", (int)end, (int)told);
    assert_true(end == 0 || first + 10 <= end || first == 0);
    expect_samples(ledger, first, end, UPDATE);
    vx_ledger_close(ledger);
    return end;
}

static void no_committed_round_is_lost_by_kill_9(void **state)
{
    vx_clock clock = vx_clock_system();
    uint64_t seed = vx_clock_realtime_ns(&clock);
    vx_rng rng = vx_rng_stream(seed, VX_RNG_TEST, 0, 0);
    uint64_t end = 0;

    print_message("seed %ju\n", (uintmax_t)seed);
    /* On a busy machine many a process is killed before it has committed: then it takes more. */
    for (int k = 0; k < KILLS || (end <= KILLS && k < 20 * KILLS); k++) {
        uint64_t told =
            crash_once(*state, VX_LEDGER_FULL, vx_rng_below(&rng, k % 4 == 0 ? 4000 : 60000), end);

        end = expect_told(*state, told);
    }
    assert_true(end > KILLS);
}

/* A process that dies loses nothing that it has written: this holds for each durability. */
static void a_ledger_killed_while_it_is_created_is_empty_or_whole(void **state)
{
    vx_rng rng = vx_rng_stream(1, VX_RNG_TEST, 1, 0);

    (void)state;
    for (int k = 0; k < KILLS; k++) {
        char *folder = vx_test_folder_create();
        uint64_t told = crash_once(folder, VX_LEDGER_FULL, vx_rng_below(&rng, 3000), 0);

        (void)expect_told(folder, told);
        vx_test_folder_remove(folder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_committed_round_is_lost_by_kill_9, vx_test_folder_setup,
                                        vx_test_folder_teardown),
        cmocka_unit_test(a_ledger_killed_while_it_is_created_is_empty_or_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
