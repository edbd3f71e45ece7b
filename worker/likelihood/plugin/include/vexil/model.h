#ifndef VEXIL_MODEL_H
#define VEXIL_MODEL_H
#include <stddef.h>
#include <stdint.h>

/*
 * A likelihood of one's own for Vexil: a shared library that workers load with
 *
 *     model: {family: plugin, plugin: /path/to/library.so, options: "text for create"}
 *
 * Plain C (C99) for libraries in C, C++, Fortran or Rust; an example with its test is installed in
 * share/vexil/examples/plugin. The library defines two symbols:
 *
 *     VEXIL_MODEL_EXPORT const uint32_t vexil_model_abi = VEXIL_MODEL_ABI;
 *     VEXIL_MODEL_EXPORT const vexil_model_table *vexil_model_entry(void);
 *
 * The library must be the same on every worker: its result is recorded as that of the job. Every
 * function is called by one thread at a time with a given self. None may end the process, unwind
 * into its caller or keep a pointer beyond the call, but for the memory of self.
 */
#define VEXIL_MODEL_ABI 1u

#if defined(__GNUC__)
#define VEXIL_MODEL_EXPORT __attribute__((visibility("default")))
#else
#define VEXIL_MODEL_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What the data of the job looks like. */
typedef struct vexil_model_data {
    size_t features;  /* numbers an observation */
    size_t outputs;   /* classes of the labels, or columns of the target */
    int classes;      /* 1: an observation has a label; 0: a target of numbers */
    size_t batch_max; /* observations of the largest batch that will come */
} vexil_model_data;

/* Observations for one call. */
typedef struct vexil_model_batch {
    size_t rows;            /* 1..batch_max */
    const float *features;  /* row i at features + i * features_ld */
    size_t features_ld;     /* >= features */
    const uint32_t *labels; /* (rows), < outputs; NULL when there are targets */
    const float *targets;   /* row i at targets + i * targets_ld; NULL when there are labels */
    size_t targets_ld;
    const float *weights;    /* (rows) >= 0, perhaps all 0; NULL: all 1 */
    uint64_t seed, round;    /* with slot and the number of an observation a key for chance: same */
    uint32_t slot;           /* key, same result */
    const uint32_t *numbers; /* (rows) of the observations; NULL: 0, 1, ... */
} vexil_model_batch;

/* A named part of theta. Parts follow each other without gaps. */
typedef struct vexil_model_tensor {
    char name[96]; /* [A-Za-z0-9_.], each once, ends with a zero: "inflation.weight" */
    size_t rank;   /* 1..4 */
    size_t shape[4];
    int is_weight; /* 1: model.l2 holds for it */
} vexil_model_tensor;

/*
 * Functions that return int return 0, or another number for failure: Vexil treats the gradient of
 * that call as not finite, and the server leaves it out of its round.
 */
typedef struct vexil_model_table {
    size_t size;       /* sizeof(vexil_model_table): tells which of the last members are there */
    const char *name;  /* [a-z0-9_], at most 63 bytes */
    const char *about; /* one line for people; NULL: none */

    /* options: the job's text, "" when there is none. On failure a reason for people goes to
     * message (size bytes with the zero). *ret_self may not be NULL. Takes all memory. */
    int (*create)(const vexil_model_data *data, const char *options, void **ret_self, char *message,
                  size_t size);
    void (*destroy)(void *self);

    size_t (*dimension)(const void *self);    /* d = numbers of theta, 1..2^32 */
    size_t (*tensor_count)(const void *self); /* 1..512 */
    int (*tensor_at)(const void *self, size_t index, vexil_model_tensor *ret_tensor);
    /* First parameters (d), a pure function of the seed. */
    void (*initialise)(const void *self, uint64_t seed, float *ret_theta);

    /*
     * *ret_nll = sum_i w_i l_i(theta) / sum_i w_i, l_i the negative log-likelihood of an
     * observation in nats, constants included; 0 when the weights sum to 0. ret_gradient (d) = its
     * derivative in theta, overwritten; NULL: only the value is asked for, by an evaluation.
     */
    int (*gradient)(void *self, const float *theta, const vexil_model_batch *batch,
                    float *ret_gradient, double *ret_nll);

    /* The same in double, for `vexil gradcheck`; NULL: there is none. */
    int (*gradient64)(void *self, const double *theta, const vexil_model_batch *batch,
                      double *ret_gradient, double *ret_nll);

    /* Numbers that are predicted of an observation, >= 1, and the predictions: row i at ret_outputs
     * + i * outputs_ld; logits when there are labels: the largest is the predicted class. Both
     * NULL: there are none. */
    size_t (*outputs)(const void *self);
    int (*predict)(void *self, const float *theta, const vexil_model_batch *batch,
                   float *ret_outputs, size_t outputs_ld);
} vexil_model_table;

#ifdef __cplusplus
}
#endif
#endif
