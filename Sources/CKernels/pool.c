// A pool of threads that are waiting for the next piece of work: spinning for a moment, for an operator follows the other
// within microseconds, and then asleep.
#include "CKernels.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

// Rounds of waiting before a thread gives up its processor: some tens of microseconds.
enum { SPINS = 4000, MOST_THREADS = 1024 };

// The state counts the threads that work on the current run (low 16 bits), says whether the run takes more (OPEN), and
// numbers the runs above that. A thread that comes late finds the run closed and need not be waited for.
#define WORKERS UINT64_C(0xFFFF)
#define OPEN UINT64_C(0x10000)
#define RUN UINT64_C(0x20000)

typedef struct {
  weighbridge_pool *pool;
  size_t number;
  pthread_t handle;
} worker;

struct weighbridge_pool {
  _Alignas(128) _Atomic uint64_t state;
  _Alignas(128) _Atomic size_t next;
  // What the current run is; written only while no thread works.
  _Alignas(128) size_t count;
  void (*body)(void *, size_t, size_t);
  void *context;
  _Atomic size_t asleep;
  _Atomic int ending;
  pthread_mutex_t one_run;
  pthread_mutex_t sleep;
  pthread_cond_t awake;
  size_t threads;
  worker *workers;
};

static inline void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void work(weighbridge_pool *pool, size_t number) {
  for (;;) {
    size_t index = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
    if (index >= pool->count) return;
    pool->body(pool->context, index, number);
  }
}

// Whether there is something to do that is not the run `seen`.
static int is_called(weighbridge_pool *pool, uint64_t seen) {
  uint64_t state = atomic_load(&pool->state);
  return atomic_load(&pool->ending) || ((state & OPEN) && state / RUN != seen);
}

static void wait_for_call(weighbridge_pool *pool, uint64_t seen) {
  for (int spin = 0; spin < SPINS; spin++) {
    if (is_called(pool, seen)) return;
    pause_briefly();
  }
  pthread_mutex_lock(&pool->sleep);
  // Counted before the state is looked at once more: either this thread sees the call, or the caller sees it asleep.
  atomic_fetch_add(&pool->asleep, 1);
  while (!is_called(pool, seen)) pthread_cond_wait(&pool->awake, &pool->sleep);
  atomic_fetch_sub(&pool->asleep, 1);
  pthread_mutex_unlock(&pool->sleep);
}

static void *live(void *argument) {
  worker *self = argument;
  weighbridge_pool *pool = self->pool;
  uint64_t seen = 0;
  for (;;) {
    wait_for_call(pool, seen);
    if (atomic_load(&pool->ending)) return NULL;
    uint64_t state = atomic_load(&pool->state);
    if (!(state & OPEN)) continue;
    if (!atomic_compare_exchange_weak(&pool->state, &state, state + 1)) continue;
    seen = state / RUN;
    work(pool, self->number);
    atomic_fetch_sub(&pool->state, 1);
  }
}

weighbridge_pool *weighbridge_pool_create(size_t threads) {
  if (threads < 1) threads = 1;
  if (threads > MOST_THREADS) threads = MOST_THREADS;
  void *memory = NULL;
  if (posix_memalign(&memory, 128, sizeof(weighbridge_pool)) != 0) return NULL;
  weighbridge_pool *pool = memory;
  *pool = (weighbridge_pool){.threads = 1};
  pool->workers = calloc(threads, sizeof(worker));
  if (pool->workers == NULL) {
    free(pool);
    return NULL;
  }
  pthread_mutex_init(&pool->one_run, NULL);
  pthread_mutex_init(&pool->sleep, NULL);
  pthread_cond_init(&pool->awake, NULL);
  for (; pool->threads < threads; pool->threads++) {
    worker *next = &pool->workers[pool->threads];
    next->pool = pool;
    next->number = pool->threads;
    if (pthread_create(&next->handle, NULL, live, next) != 0) break;
  }
  return pool;
}

size_t weighbridge_pool_threads(const weighbridge_pool *pool) { return pool->threads; }

void weighbridge_pool_destroy(weighbridge_pool *pool) {
  pthread_mutex_lock(&pool->sleep);
  atomic_store(&pool->ending, 1);
  pthread_cond_broadcast(&pool->awake);
  pthread_mutex_unlock(&pool->sleep);
  for (size_t number = 1; number < pool->threads; number++)
    pthread_join(pool->workers[number].handle, NULL);
  pthread_cond_destroy(&pool->awake);
  pthread_mutex_destroy(&pool->sleep);
  pthread_mutex_destroy(&pool->one_run);
  free(pool->workers);
  free(pool);
}

void weighbridge_pool_run(
    weighbridge_pool *pool, size_t count, void (*body)(void *, size_t, size_t), void *context) {
  pthread_mutex_lock(&pool->one_run);
  pool->count = count;
  pool->body = body;
  pool->context = context;
  atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
  const int shares = count > 1 && pool->threads > 1;
  if (shares) {
    atomic_fetch_add(&pool->state, RUN | OPEN);  // no thread is counted and OPEN is clear, so nothing carries
    if (atomic_load(&pool->asleep) > 0) {
      pthread_mutex_lock(&pool->sleep);
      pthread_cond_broadcast(&pool->awake);
      pthread_mutex_unlock(&pool->sleep);
    }
  }
  work(pool, 0);
  if (shares) {
    atomic_fetch_and(&pool->state, ~OPEN);
    for (int spin = 0; atomic_load(&pool->state) & WORKERS; spin++) {
      if (spin < SPINS) pause_briefly();
      else sched_yield();
    }
  }
  pthread_mutex_unlock(&pool->one_run);
}
