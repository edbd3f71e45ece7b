#ifndef VX_CONFIG_JOB_H
#define VX_CONFIG_JOB_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_base/bytes.h>
#include <vx_base/limits.h>
#include <vx_base/log.h>
#include <vx_base/span.h>
#include <vx_base/status.h>

/*
 * A job file (YAML, vexil-job(5)) with every default resolved. Read-only after loading. Strings and
 * lists are owned by the job. Paths are absolute. Durations are seconds.
 */
typedef enum vx_job_format {
    VX_JOB_FORMAT_IDX,
    VX_JOB_FORMAT_NPY,
    VX_JOB_FORMAT_CSV,
    VX_JOB_FORMAT_SVMLIGHT,
    VX_JOB_FORMAT_CIFAR
} vx_job_format;
typedef enum vx_job_missing {
    VX_JOB_MISSING_REFUSE,
    VX_JOB_MISSING_ZERO,
    VX_JOB_MISSING_MEAN
} vx_job_missing;
typedef enum vx_job_shard {
    VX_JOB_SHARD_IID,
    VX_JOB_SHARD_DIRICHLET,
    VX_JOB_SHARD_SORTED,
    VX_JOB_SHARD_GAMMA_SIMILARITY,
    VX_JOB_SHARD_FILES
} vx_job_shard;
typedef enum vx_job_augment_kind {
    VX_JOB_AUGMENT_FLIP,
    VX_JOB_AUGMENT_SHIFT,
    VX_JOB_AUGMENT_GAUSSIAN_NOISE,
    VX_JOB_AUGMENT_LOTKA_VOLTERRA,
    VX_JOB_AUGMENT_CAT_MAP,
    VX_JOB_AUGMENT_SMOOTH_CAT_MAP
} vx_job_augment_kind;
typedef enum vx_job_family {
    VX_JOB_FAMILY_LINEAR,
    VX_JOB_FAMILY_MLP,
    VX_JOB_FAMILY_CNN,
    VX_JOB_FAMILY_LENET5,
    VX_JOB_FAMILY_CNN_MNIST,
    VX_JOB_FAMILY_RESMLP,
    VX_JOB_FAMILY_PLUGIN /* what model.plugin says */
} vx_job_family;
typedef enum vx_job_likelihood {
    VX_JOB_LIKELIHOOD_CATEGORICAL,
    VX_JOB_LIKELIHOOD_GAUSSIAN,
    VX_JOB_LIKELIHOOD_BERNOULLI,
    VX_JOB_LIKELIHOOD_POISSON,
    VX_JOB_LIKELIHOOD_NEGATIVE_BINOMIAL
} vx_job_likelihood;
typedef enum vx_job_pool { VX_JOB_POOL_MAX, VX_JOB_POOL_AVERAGE } vx_job_pool;
typedef enum vx_job_columns_kind {
    VX_JOB_COLUMNS_ONE,
    VX_JOB_COLUMNS_BOOTSTRAP,
    VX_JOB_COLUMNS_FOLD,
    VX_JOB_COLUMNS_PERMUTATION
} vx_job_columns_kind;
typedef enum vx_job_loss_kind {
    VX_JOB_LOSS_NLL,
    VX_JOB_LOSS_SMOOTHING,
    VX_JOB_LOSS_FOCAL,
    VX_JOB_LOSS_POWER,
    VX_JOB_LOSS_MIXCE,
    VX_JOB_LOSS_UNLIKELIHOOD,
    VX_JOB_LOSS_DISTILLATION,
    VX_JOB_LOSS_NCE
} vx_job_loss_kind;
typedef enum vx_job_activation {
    VX_JOB_ACTIVATION_RELU,
    VX_JOB_ACTIVATION_TANH,
    VX_JOB_ACTIVATION_GELU
} vx_job_activation;
typedef enum vx_job_rule {
    VX_JOB_RULE_MEAN,
    VX_JOB_RULE_UNIT_MEAN,
    VX_JOB_RULE_MEDIAN,
    VX_JOB_RULE_TRIMMED_MEAN,
    VX_JOB_RULE_KRUM,
    VX_JOB_RULE_MULTI_KRUM,
    VX_JOB_RULE_GEOMETRIC_MEDIAN,
    VX_JOB_RULE_FLAG,
    VX_JOB_RULE_MEAMED,
    VX_JOB_RULE_PHOCAS,
    VX_JOB_RULE_BULYAN,
    VX_JOB_RULE_MDA,
    VX_JOB_RULE_MONNA,
    VX_JOB_RULE_CENTERED_CLIPPING,
    VX_JOB_RULE_CGE,
    VX_JOB_RULE_CAF,
    VX_JOB_RULE_SMEA,
    VX_JOB_RULE_AKSEL,
    VX_JOB_RULE_SIGN_MAJORITY,
    VX_JOB_RULE_TRIMMED_FLAG
} vx_job_rule;
typedef enum vx_job_pre {
    VX_JOB_PRE_NNM,
    VX_JOB_PRE_UNIT,
    VX_JOB_PRE_CLIPPING,
    VX_JOB_PRE_ARC,
    VX_JOB_PRE_BUCKETING
} vx_job_pre;
typedef enum vx_job_compat { VX_JOB_COMPAT_PAPER, VX_JOB_COMPAT_BYZFL } vx_job_compat;
typedef enum vx_job_report { VX_JOB_REPORT_FULL, VX_JOB_REPORT_WEIGHTS } vx_job_report;
typedef enum vx_job_aksel { VX_JOB_AKSEL_MIDDLE, VX_JOB_AKSEL_TRUSTED } vx_job_aksel;
typedef enum vx_job_flag_mode {
    VX_JOB_FLAG_MODE_DEFAULT,
    VX_JOB_FLAG_MODE_RELEASED, /* 1 iteration, released loss, unit, subspace */
    VX_JOB_FLAG_MODE_PAPER     /* 5 iterations, paper loss, raw, count */
} vx_job_flag_mode;
typedef enum vx_job_flag_scale {
    VX_JOB_FLAG_SCALE_MEDIAN_NORM,
    VX_JOB_FLAG_SCALE_SUBSPACE,
    VX_JOB_FLAG_SCALE_COUNT
} vx_job_flag_scale;
typedef enum vx_job_flag_loss {
    VX_JOB_FLAG_LOSS_RELEASED,
    VX_JOB_FLAG_LOSS_PAPER
} vx_job_flag_loss;
typedef enum vx_job_flag_direction {
    VX_JOB_FLAG_DIRECTION_UNIT,
    VX_JOB_FLAG_DIRECTION_RAW
} vx_job_flag_direction;
typedef enum vx_job_optimiser_kind {
    VX_JOB_OPTIMISER_SGD,
    VX_JOB_OPTIMISER_HEAVY_BALL,
    VX_JOB_OPTIMISER_NESTEROV,
    VX_JOB_OPTIMISER_ADAMW
} vx_job_optimiser_kind;
typedef enum vx_job_schedule_kind {
    VX_JOB_SCHEDULE_CONSTANT,
    VX_JOB_SCHEDULE_STEP,
    VX_JOB_SCHEDULE_COSINE,
    VX_JOB_SCHEDULE_ONE_CYCLE
} vx_job_schedule_kind;
typedef enum vx_job_deadline { VX_JOB_DEADLINE_FIXED, VX_JOB_DEADLINE_ADAPTIVE } vx_job_deadline;
typedef enum vx_job_durability {
    VX_JOB_DURABILITY_AUTO, /* full while an update is at most 4 MiB, else ledger */
    VX_JOB_DURABILITY_CHECKPOINT,
    VX_JOB_DURABILITY_LEDGER,
    VX_JOB_DURABILITY_FULL
} vx_job_durability;
typedef enum vx_job_on_disk_full {
    VX_JOB_ON_DISK_FULL_STOP,
    VX_JOB_ON_DISK_FULL_CONTINUE
} vx_job_on_disk_full;
typedef enum vx_job_fault_kind {
    VX_JOB_FAULT_SIGN_FLIP,
    VX_JOB_FAULT_SCALE,
    VX_JOB_FAULT_GAUSSIAN,
    VX_JOB_FAULT_CONSTANT,
    VX_JOB_FAULT_ZERO,
    VX_JOB_FAULT_NAN,
    VX_JOB_FAULT_INFINITY,
    VX_JOB_FAULT_DELAY,
    VX_JOB_FAULT_CRASH
} vx_job_fault_kind;

typedef struct vx_job_csv {
    bool header;     /* the first line names the columns; true */
    char *delimiter; /* one byte; "," */
    char *target;    /* the column to predict, by name or number from 0; "" = the last */
    char **ignore;   /* columns that are no features, by name or number */
    unsigned ignore_count;
    vx_job_missing missing; /* an empty field; refuse */
    char *categories;       /* csv: columns of text and their values; "" = none */
} vx_job_csv;

typedef struct vx_job_svmlight {
    uint64_t features; /* 0 = the largest index of the file */
    uint64_t first;    /* index of the first feature, 0 or 1; 1 */
} vx_job_svmlight;

typedef struct vx_job_augment {
    vx_job_augment_kind kind;
    uint64_t *slots; /* those concerned; none = all */
    unsigned slots_count;
    double share;                  /* of a batch's observations; 1 */
    double scale;                  /* what it means depends on the kind; 1 */
    uint64_t from_round, to_round; /* both included; 0 and rounds - 1 */
} vx_job_augment;

typedef struct vx_job_data {
    vx_job_format format;
    char *train_features, *train_labels, *test_features, *test_labels; /* files; labels: "" = the
                                                                          format needs none */
    char **train_more, **test_more;                                    /* cifar: further files */
    unsigned train_more_count, test_more_count;
    uint64_t classes;       /* 0 = from the training labels */
    double mean, deviation; /* of the values after scaling to 0..1; 0 and 1 */
    char *reference;        /* npy (2, features): mean and deviation of each feature; "" = none */
    vx_job_csv csv;
    vx_job_svmlight svmlight;
    vx_job_shard shard; /* iid */
    double alpha;       /* dirichlet; 0.5 */
    double gamma;       /* gamma_similarity: the share that is dealt iid; 0.5 */
    char **files;       /* files: one a slot */
    unsigned files_count;
    vx_job_augment *augment;
    unsigned augment_count;
    uint64_t batch;      /* observations a worker uses in a round; 64 */
    uint64_t memory_mib; /* beyond it observations go to an unnamed file; 256 */
} vx_job_data;

typedef struct vx_job_columns {
    vx_job_columns_kind kind; /* one */
    uint64_t count;           /* models at once; 1 */
} vx_job_columns;

typedef struct vx_job_loss {
    vx_job_loss_kind kind; /* nll */
    double epsilon;        /* smoothing; 0.1 */
    double gamma;          /* focal; 2 */
    double exponent;       /* power; 0.5 */
    double threshold;      /* power: only above this probability; 0 */
    double eta;            /* mixce; 0.5 */
    double mix;            /* distillation: weight of the teacher; 0.5 */
    double temperature;    /* distillation; 2 */
    uint64_t noise;        /* nce: samples of noise an observation; 8 */
    char *teacher;         /* distillation: a safetensors file or a checkpoint; "" = none */
    char *teacher_digest;  /* of its file, in hex; "" = not pinned */
} vx_job_loss;

typedef struct vx_job_model {
    vx_job_family family;         /* required, plugin with a plugin */
    vx_job_likelihood likelihood; /* categorical */
    uint64_t *widths;             /* mlp, cnn: hidden widths */
    unsigned widths_count;
    vx_job_activation activation; /* relu */
    double dropout;               /* mlp: share of units left out; 0 */
    bool layer_norm, residual;    /* mlp; false */
    uint64_t *channels;           /* cnn: of its blocks */
    unsigned channels_count;
    uint64_t kernel;       /* cnn; 3 */
    vx_job_pool pool;      /* cnn; max */
    uint64_t patch;        /* resmlp: pixels of an edge; 7 */
    uint64_t blocks;       /* resmlp; 2 */
    uint64_t hidden;       /* resmlp: numbers a patch; 64 */
    double residual_scale; /* resmlp: first scale of a residual branch; 0.1 */
    double variance;       /* gaussian; 1 */
    double dispersion;     /* negative_binomial; 1 */
    double l2;             /* 0.5 l2 |W|^2 is added to the loss; 0 */
    vx_job_columns columns;
    vx_job_loss loss;
    char *plugin;        /* a shared library; "" = none */
    char *plugin_digest; /* of this file, in hex; "" = not pinned */
    char *options;       /* for the plugin; "" */
} vx_job_model;

typedef struct vx_job_workers {
    uint64_t count;       /* slots that the run is planned for, 1..VX_WORKERS_MAX */
    uint64_t max_workers; /* slots in all, and shards; count */
    uint64_t min_workers; /* with fewer a run is held; quorum */
    uint64_t ranks;       /* processes that compute one gradient, 1..VX_BLOCKS_MAX; 1 */
    uint64_t blocks;      /* parts of a batch, whose gradients are added in one order; ranks */
    uint64_t quorum;      /* least contributions that close a round at its deadline; default count -
                             byzantine, at least 1 */
    uint64_t backup;      /* a round closes when count - backup have answered; 0 */
    uint64_t staleness;   /* rounds that a gradient may be old; 0 */
    vx_job_deadline deadline; /* fixed */
    double deadline_s;        /* of a round; adaptive: the most; 60 */
    double deadline_least_s;  /* adaptive; 0.1 */
    double deadline_spread;   /* adaptive: median + spread x MAD of recent arrivals; 8 */
    double start_timeout_s;   /* until min_workers have joined; 300 */
    double shard_timeout_s; /* then others draw from the shard of a slot that is away; 0 = never */
    double heartbeat_s;     /* 2 */
    double heartbeat_timeout_s; /* 10; larger than heartbeat_s */
    uint64_t max_restarts;      /* of one worker by its agent; 10 */
    double momentum;            /* in the worker; default 0.9 with a robust rule, 0 with mean */
    double clip_norm;           /* 0 = none */
    uint64_t blas_threads;      /* 0 = cores of the host / workers on it, at least 1 */
} vx_job_workers;

typedef struct vx_job_flag {
    vx_job_flag_mode mode; /* default; the others set iterations, scale, loss and direction */
    uint64_t subspace;     /* 0 = ceil((n + 1) / 2) */
    uint64_t iterations;   /* 1 */
    double lambda;         /* 0 */
    double tolerance;      /* 1e-10 */
    double alpha, beta;    /* of the Beta likelihood of a reconstruction ratio; 1 and 0.5 */
    vx_job_flag_scale scale;
    vx_job_flag_loss loss;
    vx_job_flag_direction direction;
} vx_job_flag;

typedef struct vx_job_aggregation {
    vx_job_rule rule; /* flag */
    vx_job_pre *pre;  /* none */
    unsigned pre_count;
    uint64_t byzantine; /* f; 0 */
    double *share;      /* of each slot, how much its data weighs; none, or max_workers of them */
    unsigned share_count;
    uint64_t threads;         /* 0 = cores of the server's host, at most 8; the bits are the same */
    vx_job_compat compat;     /* paper */
    vx_job_report report;     /* full */
    uint64_t selected;        /* multi_krum: m; 0 = the paper's */
    double nu;                /* geometric_median; 1e-6, byzfl 0.1 */
    double tolerance;         /* geometric_median; 1e-10 */
    uint64_t iterations;      /* geometric_median; 1000, byzfl 3 */
    double tau;               /* centered_clipping: radius; 100 */
    uint64_t clip_iterations; /* centered_clipping: L; 1 */
    uint64_t pivot;           /* monna: the trusted slot; 0 */
    vx_job_aksel aksel;       /* middle */
    double clip_norm;         /* clipping: longest norm; 2 */
    double clip_quantile;     /* clipping: above 0, the norm at this quantile instead; 0 */
    uint64_t bucket_size;     /* bucketing: s; 2 */
    uint64_t bucket_seed;     /* bucketing: of the permutation, with the round; 0 */
    uint64_t exact_rows;      /* mda, smea, trimmed_flag: exact up to so many rows; 20 */
    vx_job_flag flag;
} vx_job_aggregation;

typedef struct vx_job_schedule {
    vx_job_schedule_kind kind; /* constant */
    uint64_t warmup;           /* rounds; 0 */
    uint64_t every;            /* step: rounds; required for step */
    double factor;             /* step; 0.1 */
    double final_factor;       /* cosine and one_cycle; 0 and 0 */
    double initial_divisor;    /* one_cycle; 25 */
    double up_share;           /* one_cycle; 0.3 */
    double momentum_low;       /* one_cycle; 0.85 */
} vx_job_schedule;

typedef struct vx_job_optimiser {
    vx_job_optimiser_kind kind;   /* sgd */
    double step_size;             /* required */
    double momentum;              /* heavy_ball, nesterov; 0.9 */
    double beta1, beta2, epsilon; /* adamw; 0.9, 0.999, 1e-8 */
    double weight_decay;          /* 0 */
    double l1;                    /* not adamw; 0 */
    vx_job_schedule schedule;
} vx_job_optimiser;

typedef struct vx_job_checkpoint {
    uint64_t every;                   /* rounds; 100; 0 = only at the end */
    uint64_t keep;                    /* newest checkpoints that stay; 3 */
    uint64_t keep_every;              /* those of a multiple of these rounds stay too; 0 = none */
    vx_job_durability durability;     /* auto */
    vx_job_on_disk_full on_disk_full; /* stop */
} vx_job_checkpoint;

typedef struct vx_job_evaluation {
    uint64_t every;     /* rounds; 0, which is: only at the end */
    uint64_t batch;     /* observations at once; 1000 */
    uint64_t bins;      /* of the calibration error; 15 */
    uint64_t bootstrap; /* samples drawn for intervals; 0 = no intervals */
} vx_job_evaluation;

typedef struct vx_job_fault {
    uint64_t *slots;
    unsigned slots_count;
    vx_job_fault_kind kind;
    double scale;                  /* 1 */
    uint64_t from_round, to_round; /* both included; 0 and rounds - 1 */
} vx_job_fault;

typedef struct vx_job_limits {
    uint64_t connections; /* open at once, beside one a slot; 64 */
    uint64_t memory_mib;  /* budget of the server's gradients and parameters; refused at start when
                             exceeded; 0, which is: no limit */
    double handshake_s;   /* a connection that has not said hello is closed; 10 */
    uint64_t log_level;   /* a vx_log_level; the key is debug | info | warn | error; info */
} vx_job_limits;

typedef struct vx_job_origin vx_job_origin;

typedef struct vx_job {
    char *name;      /* [a-z0-9-]+ of at most 63 bytes */
    uint64_t seed;   /* 1 */
    uint64_t rounds; /* 1..VX_ROUNDS_MAX */
    vx_job_data data;
    vx_job_model model;
    vx_job_workers workers;
    vx_job_aggregation aggregation;
    vx_job_optimiser optimiser;
    vx_job_checkpoint checkpoint;
    vx_job_evaluation evaluation;
    vx_job_fault *faults;
    unsigned faults_count;
    bool allow_fault_injection;
    vx_job_limits limits;
    vx_job_origin *origin; /* where each key stands, for vx_job_fail; NULL in a job made by hand */
} vx_job;

/*
 * Loads path and applies overrides ("aggregation.rule=mean", as --set gives them) in their order.
 *
 * VX_ERR_CONFIG: "job.yaml:12: aggregation.byzantine: expected ..., found ...": file, line, key,
 * what was expected; or the file is too large. An override's message starts with "--set
 * key=value:". VX_ERR_NOT_FOUND, VX_ERR_IO.
 */
VX_MUST_CHECK vx_status vx_job_load(const char *path, const char *const *overrides,
                                    size_t overrides_count, vx_job **ret_job, vx_error *err);

/* The same from text; relative paths are taken from folder; name stands for the file in messages.
 */
VX_MUST_CHECK vx_status vx_job_parse(vx_cbytes text, const char *name, const char *folder,
                                     const char *const *overrides, size_t overrides_count,
                                     vx_job **ret_job, vx_error *err);
vx_job *vx_job_destroy(vx_job *job);

/* The resolved job, every key with its value, in the order of vexil-job(5). Parsing it gives the
 * same job. New memory that the caller frees; a zero follows the text. */
VX_MUST_CHECK vx_status vx_job_print_yaml(const vx_job *job, vx_bytes *ret_text);
VX_MUST_CHECK vx_status vx_job_print_json(const vx_job *job, bool indented, vx_bytes *ret_text);

/*
 * Pins the content of a file that decides what is computed: model.loss.teacher (of a checkpoint its
 * parameters.safetensors), and model.plugin. A job that does not state the XXH3-128 of the file
 * gets it; another one than stated is VX_ERR_CONFIG with key, path and both. A server pins both
 * before it digests its job, so they are part of it; whoever reads a file pins it before. No such
 * path in the job: nothing happens. VX_ERR_NOT_FOUND, VX_ERR_DATA (empty, or no file), VX_ERR_IO,
 * VX_ERR_NOMEM. Cost: one reading of the file.
 */
VX_MUST_CHECK vx_status vx_job_pin_teacher(vx_job *job, vx_error *err);
VX_MUST_CHECK vx_status vx_job_pin_plugin(vx_job *job, vx_error *err);
VX_MUST_CHECK vx_status vx_job_pin(vx_job *job, vx_error *err); /* both */

/* Of the compact JSON form, with 1 for workers.ranks: two jobs that mean the same have the same
 * digest, and so have two that differ in workers.ranks alone, which changes no bit. */
vx_status vx_job_digest(const vx_job *job, vx_digest *ret_digest) VX_MUST_CHECK;

/* The first key in which job is not earlier: "optimiser.step_size is 0.2, was 0.1"; "" when there
 * is none, or only workers.ranks. */
#define VX_DIFFERENCE_SIZE 320
VX_MUST_CHECK vx_status vx_job_difference(const vx_job *job, const vx_job *earlier,
                                          char text[VX_DIFFERENCE_SIZE]);

/* For checks that need more than the file ("krum needs n >= 2f + 3"): fills err with file, line
 * and key as the loader would, returns VX_ERR_CONFIG. key e.g. "aggregation.byzantine". */
vx_status vx_job_fail(const vx_job *job, const char *key, vx_error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Names as the file spells them. */
const char *vx_job_rule_name(vx_job_rule rule);
const char *vx_job_pre_name(vx_job_pre pre);
const char *vx_job_family_name(vx_job_family family);
const char *vx_job_likelihood_name(vx_job_likelihood likelihood);
const char *vx_job_format_name(vx_job_format format);
const char *vx_job_fault_kind_name(vx_job_fault_kind kind);

/* Walks the schema: "aggregation.flag.lambda" and so on, lists as "faults[].kind". For the test
 * that compares the schema with vexil-job(5). */
typedef void (*vx_job_key_visit)(const char *key, void *context);
void vx_job_keys(vx_job_key_visit visit, void *context);
#endif
