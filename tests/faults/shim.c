// A library for LD_PRELOAD that makes one call of a program go wrong: the Nth of a kind, or all from the Nth on. Without N it
// counts, so that a test can go through all of them. What the environment says:
//
//   FAULT_CALL     the kind of call, one of `kinds` below; calls before main() do not count
//   FAULT_PATH     only calls on files whose path has this text
//   FAULT_AT       which of them, from 1; 0: none
//   FAULT_FOREVER  also all after it, as a full disk stays full
//   FAULT_DO       an errno's number; "short": half of what is asked for; "signal N"; "shrink SIZE PATH": cuts that file first
//   FAULT_COUNT    a file of one native 64-bit number, which becomes how many calls of the kind there were
//   FAULT_CHILDREN also in programs that this one starts
//   FAULT_CLOCK    the clock of the day jumps by a year between any two looks at it, back and forth
//
// The calls are those that programs make of the C library: what stdio does within it is seen as fwrite, fflush and fclose.
#define _GNU_SOURCE
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind { OPEN, READ, WRITE, SYNC, CLOSE, RENAME, MKDIR, REMOVE, TRUNCATE, MAP, MEMORY, THREAD, START, KINDS };
static const char *const kinds[KINDS] = {"open",   "read",     "write", "sync",   "close",  "rename", "mkdir",
                                         "remove", "truncate", "map",   "memory", "thread", "start"};

enum action { NOTHING, ERROR, SHORT, SIGNAL, SHRINK };

static struct {
  _Bool began;  // main() runs
  enum kind kind;
  char path[512];
  uint64_t at;
  _Bool forever;
  enum action action;
  int number;  // the errno, or the signal
  off_t size;
  char victim[512];
  _Bool clock;
} fault = {.kind = KINDS};

static _Atomic uint64_t own_count;
static _Atomic uint64_t *count = &own_count;

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

// What this call is to suffer. Signals and cuts are done here.
static enum action suffer(enum kind kind) {
  const uint64_t number = atomic_fetch_add(count, 1) + 1;
  if (fault.at == 0 || (fault.forever ? number < fault.at : number != fault.at)) return NOTHING;
  (void)kind;
  if (fault.action == SIGNAL) kill(getpid(), fault.number);
  if (fault.action == SHRINK && truncate(fault.victim, fault.size) != 0) abort();
  if (fault.action == ERROR) errno = fault.number;
  return fault.action;
}

static enum action on_path(enum kind kind, const char *path) {
  if (!fault.began || fault.kind != kind) return NOTHING;
  if (fault.path[0] && (!path || !strstr(path, fault.path))) return NOTHING;
  return suffer(kind);
}

static enum action on_fd(enum kind kind, int fd) {
  if (!fault.began || fault.kind != kind) return NOTHING;
  if (!fault.path[0]) return suffer(kind);
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  if (size < 0) return NOTHING;
  path[size] = 0;
  return on_path(kind, path);
}

static enum action on_any(enum kind kind) {
  return fault.began && fault.kind == kind ? suffer(kind) : NOTHING;
}

static const char *setting(const char *name) {
  const char *text = getenv(name);
  return text ? text : "";
}

static void read_settings(void) {
  const char *started = getenv("FAULT_STARTED");
  if (started && !*setting("FAULT_CHILDREN")) return;
  setenv("FAULT_STARTED", "1", 1);
  for (int i = 0; i < KINDS; ++i)
    if (strcmp(setting("FAULT_CALL"), kinds[i]) == 0) fault.kind = (enum kind)i;
  snprintf(fault.path, sizeof fault.path, "%s", setting("FAULT_PATH"));
  fault.at = strtoull(setting("FAULT_AT"), NULL, 10);
  fault.forever = *setting("FAULT_FOREVER") != 0;
  fault.clock = *setting("FAULT_CLOCK") != 0;
  const char *what = setting("FAULT_DO");
  long size = 0;
  if (sscanf(what, "shrink %ld %511[^\n]", &size, fault.victim) == 2) {
    fault.action = SHRINK;
    fault.size = size;
  } else if (sscanf(what, "signal %d", &fault.number) == 1) {
    fault.action = SIGNAL;
  } else if (strcmp(what, "short") == 0) {
    fault.action = SHORT;
  } else if (sscanf(what, "%d", &fault.number) == 1) {
    fault.action = ERROR;
  }
  const char *counted = getenv("FAULT_COUNT");
  if (!counted) return;
  const int fd = (int)syscall(SYS_openat, AT_FDCWD, counted, O_RDWR | O_CLOEXEC);
  void *shared = fd < 0 ? MAP_FAILED : (void *)syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (shared == MAP_FAILED) abort();
  count = shared;
  syscall(SYS_close, fd);
}

static int (*real_main)(int, char **, char **);
static int main_of_program(int argc, char **argv, char **environment) {
  read_settings();
  fault.began = 1;
  return real_main(argc, argv, environment);
}

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*ld_fini)(void), void *end) {
  real_main = main;
  int (*next)(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void), void (*)(void), void *) =
      dlsym(RTLD_NEXT, "__libc_start_main");
  return next(main_of_program, argc, argv, init, fini, ld_fini, end);
}

#define NEXT(name) \
  static __typeof__(name) *next; \
  if (!next) next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

// The mode, where the flags say that there is one.
#define MODE(flags) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | __O_TMPFILE)) { \
    va_list rest; \
    va_start(rest, flags); \
    mode = va_arg(rest, mode_t); \
    va_end(rest); \
  }

#define OPEN_CALL(name) \
  int name(const char *path, int flags, ...) { \
    MODE(flags) \
    NEXT(name); \
    return on_path(OPEN, path) == ERROR ? -1 : next(path, flags, mode); \
  }
OPEN_CALL(open)
OPEN_CALL(open64)

#define OPENAT_CALL(name) \
  int name(int folder, const char *path, int flags, ...) { \
    MODE(flags) \
    NEXT(name); \
    return on_path(OPEN, path) == ERROR ? -1 : next(folder, path, flags, mode); \
  }
OPENAT_CALL(openat)
OPENAT_CALL(openat64)

#define FOPEN_CALL(name) \
  FILE *name(const char *path, const char *how) { \
    NEXT(name); \
    return on_path(OPEN, path) == ERROR ? NULL : next(path, how); \
  }
FOPEN_CALL(fopen)
FOPEN_CALL(fopen64)

static size_t shorter(enum action action, size_t size) { return action == SHORT ? (size + 1) / 2 : size; }

ssize_t read(int fd, void *to, size_t size) {
  NEXT(read);
  const enum action action = on_fd(READ, fd);
  return action == ERROR ? -1 : next(fd, to, shorter(action, size));
}

#define PREAD_CALL(name, offset_type) \
  ssize_t name(int fd, void *to, size_t size, offset_type offset) { \
    NEXT(name); \
    const enum action action = on_fd(READ, fd); \
    return action == ERROR ? -1 : next(fd, to, shorter(action, size), offset); \
  }
PREAD_CALL(pread, off_t)
PREAD_CALL(pread64, off64_t)

ssize_t write(int fd, const void *from, size_t size) {
  NEXT(write);
  const enum action action = on_fd(WRITE, fd);
  return action == ERROR ? -1 : next(fd, from, shorter(action, size));
}

#define PWRITE_CALL(name, offset_type) \
  ssize_t name(int fd, const void *from, size_t size, offset_type offset) { \
    NEXT(name); \
    const enum action action = on_fd(WRITE, fd); \
    return action == ERROR ? -1 : next(fd, from, shorter(action, size), offset); \
  }
PWRITE_CALL(pwrite, off_t)
PWRITE_CALL(pwrite64, off64_t)

ssize_t writev(int fd, const struct iovec *pieces, int number) {
  NEXT(writev);
  const enum action action = on_fd(WRITE, fd);
  if (action == ERROR) return -1;
  if (action != SHORT || number == 0) return next(fd, pieces, number);
  const struct iovec half = {pieces->iov_base, (pieces->iov_len + 1) / 2};
  return next(fd, &half, 1);
}

// As stdio tells of it: the file has its mark.
static void mark(FILE *file) { file->_flags |= 0x20; }

size_t fwrite(const void *from, size_t size, size_t number, FILE *file) {
  NEXT(fwrite);
  if (on_fd(WRITE, fileno(file)) != ERROR) return next(from, size, number, file);
  mark(file);
  return 0;
}

int fflush(FILE *file) {
  NEXT(fflush);
  if (!file || on_fd(WRITE, fileno(file)) != ERROR) return next(file);
  mark(file);
  return EOF;
}

int fclose(FILE *file) {
  NEXT(fclose);
  const enum action action = on_fd(CLOSE, fileno(file));
  const int number = errno;
  const int closed = next(file);
  if (action != ERROR) return closed;
  errno = number;
  return EOF;
}

// The descriptor is gone, whatever close() says.
int close(int fd) {
  NEXT(close);
  const enum action action = on_fd(CLOSE, fd);
  const int number = errno;
  const int closed = next(fd);
  if (action != ERROR) return closed;
  errno = number;
  return -1;
}

#define FD_CALL(name, kind) \
  int name(int fd) { \
    NEXT(name); \
    return on_fd(kind, fd) == ERROR ? -1 : next(fd); \
  }
FD_CALL(fsync, SYNC)
FD_CALL(fdatasync, SYNC)

#define PATH_CALL(name, kind) \
  int name(const char *path) { \
    NEXT(name); \
    return on_path(kind, path) == ERROR ? -1 : next(path); \
  }
PATH_CALL(unlink, REMOVE)
PATH_CALL(remove, REMOVE)
PATH_CALL(rmdir, REMOVE)

int unlinkat(int folder, const char *path, int flags) {
  NEXT(unlinkat);
  return on_path(REMOVE, path) == ERROR ? -1 : next(folder, path, flags);
}

int rename(const char *from, const char *to) {
  NEXT(rename);
  return on_path(RENAME, from) == ERROR ? -1 : next(from, to);
}

int mkdir(const char *path, mode_t mode) {
  NEXT(mkdir);
  return on_path(MKDIR, path) == ERROR ? -1 : next(path, mode);
}

int ftruncate(int fd, off_t size) {
  NEXT(ftruncate);
  return on_fd(TRUNCATE, fd) == ERROR ? -1 : next(fd, size);
}

int ftruncate64(int fd, off64_t size) {
  NEXT(ftruncate64);
  return on_fd(TRUNCATE, fd) == ERROR ? -1 : next(fd, size);
}

// Maps of memory without a file are memory's.
#define MAP_CALL(name, offset_type) \
  void *name(void *at, size_t size, int protection, int flags, int fd, offset_type offset) { \
    NEXT(name); \
    const enum action action = flags & MAP_ANONYMOUS ? on_any(MEMORY) : on_fd(MAP, fd); \
    return action == ERROR ? MAP_FAILED : next(at, size, protection, flags, fd, offset); \
  }
MAP_CALL(mmap, off_t)
MAP_CALL(mmap64, off64_t)

void *malloc(size_t size) { return on_any(MEMORY) == ERROR ? NULL : __libc_malloc(size); }
void *calloc(size_t number, size_t size) { return on_any(MEMORY) == ERROR ? NULL : __libc_calloc(number, size); }
void *realloc(void *old, size_t size) { return on_any(MEMORY) == ERROR ? NULL : __libc_realloc(old, size); }
void *aligned_alloc(size_t alignment, size_t size) {
  return on_any(MEMORY) == ERROR ? NULL : __libc_memalign(alignment, size);
}
int posix_memalign(void **to, size_t alignment, size_t size) {
  if (on_any(MEMORY) == ERROR) return fault.number;
  *to = __libc_memalign(alignment, size);
  return *to ? 0 : ENOMEM;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument) {
  NEXT(pthread_create);
  return on_any(THREAD) == ERROR ? fault.number : next(thread, attributes, run, argument);
}

int posix_spawn(pid_t *id, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
                char *const argv[], char *const environment[]) {
  NEXT(posix_spawn);
  return on_any(START) == ERROR ? fault.number : next(id, path, actions, attributes, argv, environment);
}

int pipe2(int ends[2], int flags) {
  NEXT(pipe2);
  return on_any(START) == ERROR ? -1 : next(ends, flags);
}

static time_t jumped(time_t now) {
  static _Atomic unsigned looks;
  return fault.clock ? now + (atomic_fetch_add(&looks, 1) % 2 ? 31557600 : -31557600) : now;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  NEXT(clock_gettime);
  const int failed = next(clock, now);
  if (failed == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec = jumped(now->tv_sec);
  return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  NEXT(gettimeofday);
  const int failed = next(now, zone);
  if (failed == 0) now->tv_sec = jumped(now->tv_sec);
  return failed;
}

time_t time(time_t *to) {
  NEXT(time);
  const time_t now = jumped(next(NULL));
  if (to) *to = now;
  return now;
}
