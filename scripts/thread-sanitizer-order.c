// Tells the thread sanitizer what Swift's own library orders, which is not instrumented (Swift 6.3): a contended Mutex, whose slow paths lie
// there, and reference counts, by which a last reference is known to be one. These functions stand in place of those, and go on to them.
// scripts/sanitize compiles and links them.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void __tsan_acquire(void *address);
void __tsan_release(void *address);

// The function of a name that Swift's library has.
#define THEIRS(TYPE, NAME)        \
  static __typeof__(TYPE) theirs; \
  if (!theirs) theirs = (TYPE)dlsym(RTLD_NEXT, NAME)

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

SWIFT void lock_slowly(uint32_t thread, SELF void *handle) __asm__(LOCK);
SWIFT void unlock_slowly(SELF void *handle) __asm__(UNLOCK);

SWIFT void lock_slowly(uint32_t thread, SELF void *handle) {
  typedef SWIFT void (*function)(uint32_t, SELF void *);
  THEIRS(function, LOCK);
  theirs(thread, handle);
  __tsan_acquire(handle);
}

SWIFT void unlock_slowly(SELF void *handle) {
  typedef SWIFT void (*function)(SELF void *);
  THEIRS(function, UNLOCK);
  __tsan_release(handle);
  theirs(handle);
}

// What was done with an object before a reference to it goes comes before what is done by who finds none but its own.
#define GOES(OBJECT)          \
  if (OBJECT) {               \
    __tsan_acquire(OBJECT);   \
    __tsan_release(OBJECT);   \
  }

void swift_release(void *object) {
  THEIRS(void (*)(void *), "swift_release");
  GOES(object)
  theirs(object);
}

void swift_release_n(void *object, uint32_t count) {
  THEIRS(void (*)(void *, uint32_t), "swift_release_n");
  GOES(object)
  theirs(object, count);
}

#define IS_UNIQUE(NAME)                             \
  bool NAME(const void *object) {                   \
    THEIRS(bool (*)(const void *), #NAME);          \
    const bool is = theirs(object);                 \
    if (is) __tsan_acquire((void *)object);         \
    return is;                                      \
  }
IS_UNIQUE(swift_isUniquelyReferenced_native)
IS_UNIQUE(swift_isUniquelyReferenced_nonNull_native)
