/*
 * A library for LD_PRELOAD that makes the n-th call of a kind fail, or kills the program there. From the environment:
 *     FAULT_CALL   write (also fsync, rename, link, exchanging names, and closing what stdio wrote: all that reaches the disk),
 *                  open (for writing), or alloc (by the program's own code, not by the libraries under it)
 *     FAULT_AT     which one, from 1; 0: none, only count
 *     FAULT_DO     an errno: that call and all after it fail with it; "once": only that one, with EIO or out of memory;
 *                  "kill": SIGKILL, in a write after half of its bytes
 *     FAULT_COUNT  file that gets the number of calls when the program ends: the most of any process that it starts
 */
#undef _FILE_OFFSET_BITS /* both names of each function are defined here */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* What glibc's own functions are called inside: dlsym itself allocates. */
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

EXPORT int open64(const char *path, int flags, ...);

enum { NONE, DISK, OPEN, ALLOC };

static struct {
    int watched;
    long at;
    int error; /* errno to fail with */
    bool once, kill;
    const char *count_file;
    atomic_long count;
    uintptr_t begin, end; /* the program's own code */
} fault;

static int note_program(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    (void)user;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type == PT_LOAD && (p->p_flags & PF_X)) {
            fault.begin = info->dlpi_addr + p->p_vaddr;
            fault.end = fault.begin + p->p_memsz;
        }
    }
    return 1; /* the first is the program */
}

static bool is(const char *text, const char *word)
{
    return text && strcmp(text, word) == 0;
}

__attribute__((constructor)) static void begin(void)
{
    const char *call = getenv("FAULT_CALL"), *at = getenv("FAULT_AT"), *what = getenv("FAULT_DO");

    if (!is(program_invocation_short_name, "refold")) /* what the program starts: node */
        return;
    dl_iterate_phdr(note_program, NULL);
    fault.count_file = getenv("FAULT_COUNT");
    fault.at = at ? atol(at) : 0;
    fault.kill = is(what, "kill");
    fault.once = is(what, "once");
    fault.error = what && atoi(what) ? atoi(what) : EIO;
    fault.watched = is(call, "write")   ? DISK
                    : is(call, "open")  ? OPEN
                    : is(call, "alloc") ? ALLOC
                                        : NONE;
}

__attribute__((destructor)) static void end(void)
{
    char text[32] = "";
    const int fd = fault.count_file ? (int)syscall(SYS_openat, AT_FDCWD, fault.count_file,
                                                   O_RDWR | O_CREAT, 0666)
                                    : -1;
    if (fd < 0)
        return;
    (void)!read(fd, text, sizeof text - 1);
    const int size = snprintf(text, sizeof text, "%ld",
                              atol(text) > fault.count ? atol(text) : (long)fault.count);
    (void)!syscall(SYS_pwrite64, fd, text, (size_t)size, 0L);
}

/* Counts the call; whether it is to fail. */
static bool strikes(int kind)
{
    if (kind != fault.watched)
        return false;
    const long n = ++fault.count;
    return fault.at > 0 && (n == fault.at || (n > fault.at && !fault.once && !fault.kill));
}

static bool fails(int kind)
{
    if (!strikes(kind))
        return false;
    if (fault.kill)
        raise(SIGKILL);
    errno = fault.error;
    return true;
}

static bool is_file(int fd)
{
    struct stat s;
    return fd > STDERR_FILENO && fstat(fd, &s) == 0 && S_ISREG(s.st_mode);
}

/* --- the disk --- */

EXPORT ssize_t write(int fd, const void *bytes, size_t size)
{
    if (is_file(fd) && strikes(DISK)) {
        if (fault.kill) {
            (void)!syscall(SYS_write, fd, bytes, size / 2);
            raise(SIGKILL);
        }
        errno = fault.error;
        return -1;
    }
    return (ssize_t)syscall(SYS_write, fd, bytes, size);
}

EXPORT int fsync(int fd)
{
    return is_file(fd) && fails(DISK) ? -1 : (int)syscall(SYS_fsync, fd);
}

EXPORT int rename(const char *from, const char *to)
{
    return fails(DISK) ? -1 : (int)syscall(SYS_rename, from, to);
}

EXPORT int renameat2(int from_folder, const char *from, int to_folder, const char *to,
                     unsigned flags)
{
    return fails(DISK) ? -1 : (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

EXPORT int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
    return fails(DISK) ? -1 : (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
}

/* Only a place to be killed at: nothing fails where what is removed stays. */
EXPORT int unlinkat(int folder, const char *path, int flags)
{
    if (fault.kill)
        (void)fails(DISK);
    return (int)syscall(SYS_unlinkat, folder, path, flags);
}

EXPORT int link(const char *from, const char *to)
{
    return fails(DISK) ? -1 : (int)syscall(SYS_link, from, to);
}

typedef int (*stream_fn)(FILE *);

/* The C library's own; ISO C has no conversion from what dlsym gives to a function. */
static void (*real(const char *name))(void)
{
    void *const found = dlsym(RTLD_NEXT, name);
    void (*function)(void);
    memcpy(&function, &found, sizeof function);
    return function;
}

static int close_or_flush(FILE *stream, const char *name)
{
    const bool failed = stream && is_file(fileno(stream)) &&
                        (fcntl(fileno(stream), F_GETFL) & O_ACCMODE) != O_RDONLY && fails(DISK);
    const int cause = errno;
    const int result = ((stream_fn)real(name))(stream);
    if (failed)
        errno = cause;
    return failed ? EOF : result;
}

EXPORT int fclose(FILE *stream)
{
    return close_or_flush(stream, "fclose");
}

EXPORT int fflush(FILE *stream)
{
    return close_or_flush(stream, "fflush");
}

static int open_file(const char *path, int flags, va_list args)
{
    const unsigned mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, unsigned) : 0;
    if ((flags & O_ACCMODE) != O_RDONLY && strncmp(path, "/dev/", 5) != 0 && fails(OPEN))
        return -1;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

EXPORT int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    const int fd = open_file(path, flags, args);
    va_end(args);
    return fd;
}

EXPORT int open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    const int fd = open_file(path, flags, args);
    va_end(args);
    return fd;
}

typedef int (*temporary_fn)(char *, int);
EXPORT int mkostemp64(char *name, int flags);

EXPORT int mkostemp(char *name, int flags)
{
    return fails(OPEN) ? -1 : ((temporary_fn)real("mkostemp"))(name, flags);
}

EXPORT int mkostemp64(char *name, int flags)
{
    return mkostemp(name, flags);
}

typedef FILE *(*fopen_fn)(const char *, const char *);
EXPORT FILE *fopen64(const char *path, const char *mode);

EXPORT FILE *fopen(const char *path, const char *mode)
{
    if (*mode != 'r' && fails(OPEN))
        return NULL;
    return ((fopen_fn)real("fopen"))(path, mode);
}

EXPORT FILE *fopen64(const char *path, const char *mode)
{
    return fopen(path, mode);
}

/* --- memory --- */

static bool no_memory(const void *caller)
{
    const uintptr_t at = (uintptr_t)caller;
    if (at < fault.begin || at >= fault.end || !fails(ALLOC))
        return false;
    errno = ENOMEM;
    return true;
}

#define NO_MEMORY no_memory(__builtin_return_address(0))

EXPORT void *malloc(size_t size)
{
    return NO_MEMORY ? NULL : __libc_malloc(size);
}

EXPORT void *calloc(size_t count, size_t size)
{
    return NO_MEMORY ? NULL : __libc_calloc(count, size);
}

EXPORT void *realloc(void *old, size_t size)
{
    return NO_MEMORY ? NULL : __libc_realloc(old, size);
}

EXPORT int posix_memalign(void **out, size_t alignment, size_t size)
{
    if (NO_MEMORY)
        return ENOMEM;
    void *memory = __libc_memalign(alignment, size);
    if (!memory)
        return ENOMEM;
    *out = memory;
    return 0;
}

static char *copy(const char *text, size_t length)
{
    char *made = __libc_malloc(length + 1);
    if (!made)
        return NULL;
    memcpy(made, text, length);
    made[length] = 0;
    return made;
}

EXPORT char *strdup(const char *text)
{
    return NO_MEMORY ? NULL : copy(text, strlen(text));
}

EXPORT char *strndup(const char *text, size_t size)
{
    return NO_MEMORY ? NULL : copy(text, strnlen(text, size));
}
