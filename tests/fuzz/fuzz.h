#ifndef VX_FUZZ_FUZZ_H
#define VX_FUZZ_FUZZ_H
#include <stddef.h>
#include <stdint.h>

/* The entry of libFuzzer; a finding stops the process. */
int LLVMFuzzerTestOneInput(const uint8_t *at, size_t size);
#endif
