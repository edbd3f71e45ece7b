#ifndef VX_BASE_ASSERT_H
#define VX_BASE_ASSERT_H
/*
 * Our own invariant is false: print where, stop (SIGABRT); a restart recovers from the checkpoint.
 * On in every build. Never used on bytes from a peer, a file or a user.
 */
#define VX_ASSERT(cond)                                                                            \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0))                                                          \
            vx_assert_failed(#cond, __FILE__, __LINE__, __func__);                                 \
    } while (0)

#ifdef NDEBUG
#define VX_DEBUG_ASSERT(cond) ((void)0)
#else
#define VX_DEBUG_ASSERT(cond) VX_ASSERT(cond)
#endif

_Noreturn void vx_assert_failed(const char *condition, const char *file, int line,
                                const char *function);
#endif
