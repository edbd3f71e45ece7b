#include <vx_linalg/parallel.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

typedef struct helper {
    vx_parallel *parallel; /* borrowed */
    pthread_t thread;
    unsigned index; /* 1 .. threads - 1; the caller is 0 */
} helper;

/*
 * A piece of work is open for helpers while `wanted` > 0. A helper that wakes late finds it closed
 * and sleeps on: the caller waits only for helpers that took part (`active`).
 */
struct vx_parallel {
    unsigned threads, helpers; /* wished, and started so far */
    pthread_mutex_t mutex;
    pthread_cond_t open, done;
    bool stop, running; /* under mutex, as all down to context */
    size_t wanted;      /* helpers that may still join */
    unsigned active;    /* helpers at work */
    size_t parts;
    vx_parallel_part *run;
    void *context;
    atomic_size_t next; /* the next part that nobody took */
    helper helper[VX_THREADS_MAX];
};

static void take_parts(vx_parallel *p, unsigned thread)
{
    size_t part = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);

    while (part < p->parts) {
        p->run(p->context, part, thread);
        part = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
    }
}

static void *help(void *context)
{
    const helper *self = context;
    vx_parallel *p = self->parallel;

    pthread_mutex_lock(&p->mutex);
    for (;;) {
        while (!p->stop && p->wanted == 0)
            pthread_cond_wait(&p->open, &p->mutex);
        if (p->stop)
            break;
        p->wanted--;
        p->active++;
        pthread_mutex_unlock(&p->mutex);
        take_parts(p, self->index);
        pthread_mutex_lock(&p->mutex);
        if (--p->active == 0)
            pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->mutex);
    return NULL;
}

/* Signals stay with the threads that the program made itself. */
static bool start_helpers(vx_parallel *p)
{
    sigset_t all, old;
    bool started = true;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (unsigned i = 1; i < p->threads && started; i++) {
        helper *h = &p->helper[i];

        *h = (helper){ .parallel = p, .index = i };
        started = pthread_create(&h->thread, NULL, help, h) == 0;
        p->helpers += started ? 1 : 0;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return started;
}

vx_status vx_parallel_create(unsigned threads, vx_parallel **ret_parallel)
{
    vx_parallel *p = vx_calloc(1, sizeof(*p));

    VX_ASSERT(threads >= 1 && threads <= VX_THREADS_MAX);
    if (p == NULL)
        return VX_ERR_NOMEM;
    p->threads = threads;
    atomic_init(&p->next, 0);
    pthread_mutex_init(&p->mutex, NULL); /* these three cannot fail without attributes */
    pthread_cond_init(&p->open, NULL);
    pthread_cond_init(&p->done, NULL);
    if (!start_helpers(p)) {
        vx_parallel_destroy(p);
        return VX_ERR_NOMEM;
    }
    *ret_parallel = p;
    return VX_OK;
}

vx_parallel *vx_parallel_destroy(vx_parallel *p)
{
    if (p == NULL)
        return NULL;
    pthread_mutex_lock(&p->mutex);
    VX_ASSERT(!p->running);
    p->stop = true;
    pthread_cond_broadcast(&p->open);
    pthread_mutex_unlock(&p->mutex);
    for (unsigned i = 1; i <= p->helpers; i++)
        pthread_join(p->helper[i].thread, NULL);
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->open);
    pthread_mutex_destroy(&p->mutex);
    vx_free(p);
    return NULL;
}

unsigned vx_parallel_threads(const vx_parallel *parallel)
{
    return parallel != NULL ? parallel->threads : 1;
}

static void open_work(vx_parallel *p, size_t parts, vx_parallel_part *run, void *context)
{
    pthread_mutex_lock(&p->mutex);
    VX_ASSERT(!p->running && p->active == 0);
    p->running = true;
    p->parts = parts;
    p->run = run;
    p->context = context;
    p->wanted = parts - 1 < p->helpers ? parts - 1 : p->helpers;
    atomic_store_explicit(&p->next, 0, memory_order_relaxed);
    for (size_t i = 0; i < p->wanted; i++)
        pthread_cond_signal(&p->open);
    pthread_mutex_unlock(&p->mutex);
}

static void close_work(vx_parallel *p)
{
    pthread_mutex_lock(&p->mutex);
    p->wanted = 0;
    while (p->active > 0)
        pthread_cond_wait(&p->done, &p->mutex);
    p->running = false;
    pthread_mutex_unlock(&p->mutex);
}

void vx_parallel_run(vx_parallel *parallel, size_t parts, vx_parallel_part *run, void *context)
{
    if (parallel == NULL || parallel->helpers == 0 || parts <= 1) {
        for (size_t part = 0; part < parts; part++)
            run(context, part, 0);
        return;
    }
    open_work(parallel, parts, run, context);
    take_parts(parallel, 0);
    close_work(parallel);
}
