#include <ftw.h>
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vx_base/assert.h>
#include <vx_base/random.h>
#include <vx_linalg/blas.h>

#include "checker.h"
#include "faults.h"
#include "loop.h"
#include "model.h"
#include "plant.h"
#include "programs.h"
#include "scenario.h"
#include "storage.h"
#include "vfs.h"
#include "world.h"
#include "wrap.h"

#define EVENTS_MAX     3000000u
#define SECONDS_MAX    30u /* of real time a seed */
#define SETTLE_NS      (90 * SIM_S)
#define EXIT_WRONG_USE 2

/* What a child tells of its seed. */
typedef struct outcome {
    uint64_t events, now_ns, hash, commits, server_starts, anew, momentum_lost;
    uint64_t faults[SIM_FAULT_MAX];
    sim_membership members;
    bool done, all_included;
    vx_digest digest;
    uint64_t done_after_ns; /* the last fault; liveness */
    size_t memory_max;
} outcome;

typedef struct sim_options {
    uint64_t from, to;
    sim_mode mode;
    sim_plant plant;
    bool trace, quiet, keep, clean;
    int only_variant, only_fault; /* -1: by seed */
} sim_options;

static outcome *shared; /* with the child */
static sim_model *models[SIM_VARIANTS];
static char folder[64];

static uint64_t read_monotonic(void *context)
{
    (void)context;
    return 1000 * SIM_S + sim_now();
}

static uint64_t read_realtime(void *context)
{
    const sim_process *process = sim_process_current();
    int64_t offset_ns = process != NULL ? process->host->realtime_offset_ns : 0;

    (void)context;
    return (uint64_t)((int64_t)(1800000000 * SIM_S + sim_now()) + offset_ns);
}

static int fill_secret(void *context, uint8_t *ret_bytes, size_t size)
{
    (void)context;
    for (size_t i = 0; i < size; i++)
        ret_bytes[i] = (uint8_t)sim_below(SIM_DICE_SECRETS, 256);
    return 0;
}

static void install(void)
{
    static const vx_clock clock = { read_monotonic, read_realtime, NULL };
    static const vx_random random = { fill_secret, NULL };

    vx_clock_install(&clock);
    vx_random_install(&random);
    vx_reactor_install(sim_reactor());
    sim_storage_begin();
    sim_vfs_begin();
}

static void tell(const sim_scenario *scenario)
{
    shared->events = sim_events();
    shared->now_ns = sim_now();
    shared->hash = sim_trace_hash();
    shared->commits = sim_checker_committed();
    shared->server_starts = sim_server_starts();
    shared->anew = sim_checker_anew();
    shared->momentum_lost = sim_checker_momentum_lost();
    shared->members = sim_checker_membership();
    shared->done = sim_run_is_done();
    shared->all_included = sim_checker_all_included();
    shared->digest = sim_checker_digest();
    (void)scenario;
    for (unsigned i = 0; i < SIM_FAULT_MAX; i++)
        shared->faults[i] = sim_fault_count((sim_fault)i);
}

/* What the model cannot have. */
static void leave_out(sim_scenario *scenario, const sim_model *model)
{
    const vx_job_workers *workers = &model->job->workers;

    /* A verdict that comes behind the parameters of the next round, which TCP cannot do, would
     * leave a worker with its momentum of the round before; so would what it is told of its shards
     * leave it with those of the round before. */
    scenario->on[SIM_FAULT_SWAPPED] &= workers->momentum == 0.0 && workers->shard_timeout_s == 0.0;
    /* Nor can TCP bring a gradient twice: the first copy may be refused, as the slot has answered
     * with an old one, and the second enters the next round, when its worker has gone on without
     * it. */
    scenario->on[SIM_FAULT_TWICE] &= workers->momentum == 0.0 || workers->staleness == 0;
    scenario->on[SIM_FAULT_BYZANTINE] &= sim_model_bears_one(model);
    scenario->on[SIM_FAULT_STAY_AWAY] &= workers->shard_timeout_s > 0.0;
    scenario->on[SIM_FAULT_JOINER] &= model->workers > model->awaited;
}

/* The whole life of one seed, in a child. */
static void run_world(uint64_t seed, const sim_options *options)
{
    sim_scenario scenario;
    uint64_t done_ns = 0;

    sim_world_begin(seed);
    sim_trace_print(options->trace);
    scenario = sim_scenario_of(seed, options->mode);
    if (options->clean)
        scenario = sim_scenario_clean(scenario);
    if (options->only_fault >= 0) {
        uint64_t mean_ns = scenario.mean_ns[options->only_fault];

        scenario = sim_scenario_clean(scenario);
        scenario.clean = false;
        scenario.on[options->only_fault] = true;
        scenario.mean_ns[options->only_fault] = mean_ns > 0 ? mean_ns : 300 * SIM_MS;
    }
    if (options->only_variant >= 0)
        scenario.variant = (unsigned)options->only_variant;
    scenario.plant = options->plant;
    leave_out(&scenario, models[scenario.variant]);
    install();
    sim_plant_begin(&scenario, options->plant);
    sim_checker_begin(&scenario, models[scenario.variant]);
    sim_work_time(scenario.work_low_ns, scenario.work_high_ns);
    sim_faults_begin(&scenario, models[scenario.variant]);
    sim_programs_begin(&scenario, models[scenario.variant]);
    while (sim_step()) {
        sim_checker_event();
        if (sim_run_is_done() && done_ns == 0) {
            done_ns = sim_now();
            shared->done_after_ns =
                done_ns > scenario.faults_end_ns ? done_ns - scenario.faults_end_ns : 0;
        }
        if (sim_all_ended() || sim_now() > (done_ns != 0 ? done_ns + SETTLE_NS : scenario.end_ns))
            break;
        if (sim_events() > EVENTS_MAX)
            sim_violation("I7", "%u events and no end", EVENTS_MAX);
    }
    sim_checker_end();
    tell(&scenario);
}

/* 0, or how the child ended. */
static int run_seed(uint64_t seed, const sim_options *options)
{
    int status = 0;
    pid_t child = 0;

    memset(shared, 0, sizeof(*shared));
    child = fork();
    if (child == 0) {
        alarm(SECONDS_MAX);
        if (options->quiet && freopen("/dev/null", "w", stderr) == NULL)
            sim_real_exit(EXIT_WRONG_USE);
        run_world(seed, options);
        sim_real_exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return -1;
    if (WIFSIGNALED(status) && !options->quiet)
        fprintf(stderr, "seed %" PRIu64 " ends with signal %d\n", seed, WTERMSIG(status));
    return status;
}

static void sum_up(outcome *total)
{
    total->events += shared->events;
    total->now_ns += shared->now_ns;
    total->commits += shared->commits;
    total->server_starts += shared->server_starts;
    total->anew += shared->anew;
    total->momentum_lost += shared->momentum_lost;
    total->members.given_away += shared->members.given_away;
    total->members.returned += shared->members.returned;
    total->members.lent += shared->members.lent;
    total->members.old += shared->members.old;
    total->hash = total->hash * 31 + shared->hash;
    if (shared->done_after_ns > total->done_after_ns)
        total->done_after_ns = shared->done_after_ns;
    for (unsigned i = 0; i < SIM_FAULT_MAX; i++)
        total->faults[i] += shared->faults[i];
}

static void print_total(const sim_options *options, const outcome *total, uint64_t run,
                        uint64_t done, uint64_t broken)
{
    printf("%" PRIu64 " seeds (%s), %" PRIu64 " runs done, %" PRIu64 " events, %.2f simulated "
           "hours, %" PRIu64 " commits, %" PRIu64 " server starts\n",
           run, options->mode == SIM_MODE_LIVENESS ? "liveness" : "safety", done, total->events,
           (double)total->now_ns / (double)(3600 * SIM_S), total->commits, total->server_starts);
    printf("recorded rounds made anew %" PRIu64 ", momentum begun anew %" PRIu64 "\n", total->anew,
           total->momentum_lost);
    printf("shards given away %" PRIu64 ", returned %" PRIu64 ", lent %" PRIu64
           "; old gradients that entered %" PRIu64 "\n",
           total->members.given_away, total->members.returned, total->members.lent,
           total->members.old);
    if (options->mode == SIM_MODE_LIVENESS)
        printf("longest way from the last fault to the end: %.1f s of %u\n",
               (double)total->done_after_ns / (double)SIM_S, SIM_LIVENESS_S);
    for (unsigned i = 0; i < SIM_FAULT_MAX; i++)
        printf("%s%s %" PRIu64, i > 0 ? ", " : "faults: ", sim_fault_name((sim_fault)i),
               total->faults[i]);
    printf("\ntrace %016" PRIx64 ", violations %" PRIu64 "\n", total->hash, broken);
}

static int run_all(const sim_options *options)
{
    outcome total = { 0 };
    uint64_t broken = 0;
    uint64_t done = 0;

    for (uint64_t seed = options->from; seed <= options->to; seed++) {
        int status = run_seed(seed, options);

        if (status != 0) {
            broken++;
            printf("seed %" PRIu64 " FAILED: vexil-simulate --mode %s --seed %" PRIu64 " --trace\n",
                   seed, options->mode == SIM_MODE_LIVENESS ? "liveness" : "safety", seed);
            fflush(stdout);
            continue;
        }
        done += shared->done;
        sum_up(&total);
    }
    print_total(options, &total, options->to - options->from + 1, done, broken);
    return broken > 0 ? 1 : 0;
}

static bool parse_range(const char *text, sim_options *options)
{
    char *end = NULL;

    options->from = options->to = strtoull(text, &end, 10);
    if (end == text)
        return false;
    if (strncmp(end, "..", 2) == 0)
        options->to = strtoull(end + 2, &end, 10);
    return *end == '\0' && options->from <= options->to;
}

static bool parse_plant(const char *text, sim_plant *ret_plant)
{
    for (int i = 0; i < SIM_PLANT_MAX; i++)
        if (strcmp(text, sim_plant_name((sim_plant)i)) == 0) {
            *ret_plant = (sim_plant)i;
            return true;
        }
    return false;
}

static bool parse_fault(const char *text, int *ret_fault)
{
    for (int i = 0; i < SIM_FAULT_MAX; i++)
        if (strcmp(text, sim_fault_name((sim_fault)i)) == 0) {
            *ret_fault = i;
            return true;
        }
    return false;
}

static bool parse(int argc, char **argv, sim_options *options)
{
    static const struct option names[] = {
        { "seeds", required_argument, NULL, 's' },
        { "seed", required_argument, NULL, 's' },
        { "mode", required_argument, NULL, 'm' },
        { "plant", required_argument, NULL, 'p' },
        { "variant", required_argument, NULL, 'v' },
        { "trace", no_argument, NULL, 't' },
        { "quiet", no_argument, NULL, 'q' },
        { "clean", no_argument, NULL, 'c' },
        { "only", required_argument, NULL, 'o' },
        { "keep", no_argument, NULL, 'k' },
        { NULL, 0, NULL, 0 },
    };
    bool good = true;
    int option = 0;

    while (good && (option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 's')
            good = parse_range(optarg, options);
        else if (option == 'm')
            options->mode = strcmp(optarg, "liveness") == 0 ? SIM_MODE_LIVENESS : SIM_MODE_SAFETY;
        else if (option == 'p')
            good = parse_plant(optarg, &options->plant);
        else if (option == 'o')
            good = parse_fault(optarg, &options->only_fault);
        else if (option == 'v')
            options->only_variant = (int)strtol(optarg, NULL, 10) % SIM_VARIANTS;
        else if (option == 't')
            options->trace = true;
        else if (option == 'q')
            options->quiet = true;
        else if (option == 'c')
            options->clean = true;
        else if (option == 'k')
            options->keep = true;
        else
            good = false;
    }
    return good && optind == argc;
}

static bool prepare(void)
{
    /* A seed is short: memory that is given back to the kernel costs more than it is worth. */
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 20);
    (void)mallopt(M_TRIM_THRESHOLD, 256 << 20);
    vx_blas_set_threads(1);
    sim_vfs_install();
    snprintf(folder, sizeof(folder), "%s/vexil-simulate-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(folder) == NULL)
        return false;
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return false;
    sim_model_write_data(folder);
    for (unsigned i = 0; i < SIM_VARIANTS; i++)
        models[i] = sim_model_create(i, folder);
    return true;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

/* vexil-simulate: see CONTRIBUTING.md. */
int main(int argc, char **argv)
{
    sim_options options = { .from = 1, .to = 100, .only_variant = -1, .only_fault = -1 };
    int result = 0;

    if (getenv("OPENBLAS_NUM_THREADS") == NULL) { /* it makes its threads before main */
        setenv("OPENBLAS_NUM_THREADS", "1", 1);
        execv("/proc/self/exe", argv);
    }
    if (!parse(argc, argv, &options)) {
        fprintf(stderr, "Usage: vexil-simulate [--seeds A..B | --seed N] [--mode safety|liveness] "
                        "[--trace] [--clean] [--only FAULT] [--variant V] [--plant NAME] [--quiet] "
                        "[--keep]\n");
        return EXIT_WRONG_USE;
    }
    if (!prepare()) {
        perror("vexil-simulate");
        return EXIT_WRONG_USE;
    }
    result = run_all(&options);
    if (!options.keep)
        (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return result;
}
