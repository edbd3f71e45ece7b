#ifndef VX_LINALG_BLAS_H
#define VX_LINALG_BLAS_H

/* OpenBLAS gives other last bits for another core type or thread count: both are pinned, recorded,
 * compared. */
void vx_blas_set_threads(int threads);
int vx_blas_threads(void);
/* One thread until unpin, then as many as before; for calls inside a program that is not ours.
 * Calls nest and may come from several threads: the last unpin restores. A number that somebody
 * sets in between may not last. */
void vx_blas_pin(void);
void vx_blas_unpin(void);
const char *vx_blas_core(void);    /* "Zen", "SkylakeX", ...; static */
const char *vx_blas_version(void); /* "OpenBLAS 0.3.21 ..."; static */
#endif
