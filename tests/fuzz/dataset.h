#ifndef VX_FUZZ_DATASET_H
#define VX_FUZZ_DATASET_H
#include <vx_data/dataset.h>

/* Loads it: refused with a message, or every value of it is there to be read and makes sense. */
void vx_fuzz_dataset(const vx_data_source *source);
#endif
