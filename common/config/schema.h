#ifndef VX_CONFIG_SCHEMA_H
#define VX_CONFIG_SCHEMA_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cyaml/cyaml.h>

#include "where.h"

/*
 * The keys of a job file. Each row of the table in schema.c becomes a field of libcyaml's schema,
 * which fills vx_job, and a vx_key, which holds what libcyaml cannot: default, range, wording.
 */
#define VX_KEY_DEPTH_MAX 6   /* job, aggregation, flag, leaf; job, faults, [i], slots, [j] */
#define VX_KEY_PATH_MAX  160 /* bytes with the zero of "faults[12].slots[3]" */
#define VX_FAULTS_MAX    256
#define VX_WIDTHS_MAX    32
#define VX_PRE_MAX       8
#define VX_AUGMENT_MAX   64
#define VX_IGNORE_MAX    256
#define VX_MORE_MAX      64
#define VX_TEXT_MAX      4000 /* bytes of a text */

typedef enum vx_key_kind {
    VX_KEY_SECTION,
    VX_KEY_LIST,
    VX_KEY_NAME,
    VX_KEY_PATH, /* empty only where that is the default */
    VX_KEY_TEXT,
    VX_KEY_COUNT, /* uint64_t */
    VX_KEY_REAL,  /* double */
    VX_KEY_ENUM,
    VX_KEY_BOOL
} vx_key_kind;

typedef enum vx_range {
    VX_RANGE_ANY,
    VX_RANGE_POSITIVE,
    VX_RANGE_NOT_NEGATIVE,
    VX_RANGE_BELOW_ONE, /* [0, 1) */
    VX_RANGE_BETWEEN,   /* (0, 1) */
    VX_RANGE_AT_LEAST_ONE,
    VX_RANGE_SECONDS,       /* (0, 1e9]: fits 64 bits of nanoseconds */
    VX_RANGE_PATIENCE,      /* [0, 1e9] seconds */
    VX_RANGE_CONCENTRATION, /* (0, 1e9]: what a Dirichlet draw takes */
    VX_RANGE_PART,          /* [0, 1] */
    VX_RANGE_SOME,          /* (0, 1] */
    VX_RANGE_SHARE,         /* (0, 1e18]: sums of VX_WORKERS_MAX of them keep their digits */
    VX_RANGE_BETA_ALPHA,    /* [1, 1e6] and [0, 0.999]: the objective of flag falls */
    VX_RANGE_BETA_BETA,
    VX_RANGE_FOCUS,       /* [0, 100]; this and what follows is what the models take */
    VX_RANGE_EXPONENT,    /* (0, 100] */
    VX_RANGE_TEMPERATURE, /* [0.001, 1e6] */
    VX_RANGE_VARIANCE,    /* [1e-30, 1e30] */
    VX_RANGE_DEVIATION,   /* [1e-18, 1e18]: what data are standardised by */
    VX_RANGE_DISPERSION,  /* [1e-6, 1e6] */
    VX_RANGE_PENALTY,     /* [0, 1e6] */
    VX_RANGE_MAX
} vx_range;

typedef struct vx_key {
    const char *name;     /* NULL ends the keys of a section; "" for the element of a list */
    const char *fallback; /* the default as the file would spell it; NULL = required */
    size_t offset, size;  /* in the struct of its section; size of one element for a list */
    size_t count_offset;  /* list */
    uint64_t low, high;   /* count: the value; list: how many; text: bytes; enum: high names */
    const cyaml_strval_t *names; /* enum */
    const struct vx_key *keys;   /* section: its keys; list: its element */
    vx_key_kind kind;
    vx_range range; /* real */
} vx_key;

extern const vx_key vx_config_root;
extern const cyaml_schema_value_t vx_config_cyaml_root;

/* What decides the bits of a run: workers.ranks is 1 in it, whose bits are those of workers.blocks.
 * All that it points to is job's. */
vx_job vx_config_deciding(const vx_job *job);

/* NULL when section has no such key. */
const vx_key *vx_config_key_find(const vx_key *section, const char *name);
bool vx_config_range_holds(vx_range range, double value);

/* "a whole number from 1 to 1024", "one of iid, dirichlet, sorted". Returns buffer. */
#define VX_EXPECTED_SIZE 300
char *vx_config_expected(const vx_key *key, char buffer[VX_EXPECTED_SIZE]);

/* "expected a known key, found "batches"; did you mean data.batch": section, at where, has no key
 * of this name. Returns VX_ERR_CONFIG. */
vx_status vx_config_fail_unknown(vx_where where, vx_error *err, const vx_key *section,
                                 const char *name);
#endif
