// Preloaded by tests: counts the calls that change files below a folder, and makes one of them, or all from one on, fail;
// or ends or stops the process before it. The process is not changed otherwise.
//
//   FAULT_ROOT     the folder, without links in it; calls elsewhere are not counted
//   FAULT_AT       the number of the call that the fault comes to, from 1
//   FAULT_ACTION   what happens there: the number of an error, "kill" or "stop"
//   FAULT_STICKY   the calls after it fail, too
//   FAULT_LOG      a file that gets a line for each failed call, or, without FAULT_AT, for each counted one
//   FAULT_STOP     a process that would kill itself, as at a fault point, stops instead
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

static atomic_long calls;

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

// The absolute path of `path` in `folder`, or of the open file `folder` when there is no path.
static void resolve(int folder, const char *path, char *result) {
    if (path && path[0] == '/') {
        snprintf(result, PATH_MAX, "%s", path);
        return;
    }
    char link[64];
    if (folder == AT_FDCWD) {
        snprintf(link, sizeof link, "/proc/self/cwd");
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    }
    ssize_t length = readlink(link, result, PATH_MAX - 1);
    if (length < 0) length = 0;
    result[length] = 0;
    if (path && *path) snprintf(result + length, PATH_MAX - length, "/%s", path);
}

static void note(long number, const char *call, const char *path) {
    const char *log = setting("FAULT_LOG");
    if (!log) return;
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%ld %s %s\n", number, call, path);
    int file = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0) return;
    syscall(SYS_write, file, line, length);
    close(file);
}

// Stops the process, this thread at once: a signal to the process may come to another thread first.
static void stop(void) { syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGSTOP); }

// Counts a call. The number of the error that it has to fail with, or 0.
static int fault(const char *call, int folder, const char *path) {
    int before = errno;
    const char *root = setting("FAULT_ROOT");
    char full[PATH_MAX];
    if (!root) return 0;
    resolve(folder, path, full);
    errno = before;
    if (strncmp(full, root, strlen(root)) != 0) return 0;
    long number = atomic_fetch_add(&calls, 1) + 1;
    const char *at = setting("FAULT_AT");
    if (!at) {
        note(number, call, full);
        errno = before;
        return 0;
    }
    long chosen = atol(at);
    if (number < chosen || (number > chosen && !setting("FAULT_STICKY"))) return 0;
    const char *action = setting("FAULT_ACTION");
    note(number, call, full);
    errno = before;
    if (action && strcmp(action, "kill") == 0) syscall(SYS_kill, getpid(), SIGKILL);
    if (action && strcmp(action, "stop") == 0) {
        stop();
        return 0;
    }
    return action ? atoi(action) : 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

// A call that answers -1 on failure.
#define WRAP(result, name, parameters, arguments, folder, path)                                                        \
    result name parameters {                                                                                           \
        static __typeof__(&name) real;                                                                                 \
        if (!real) real = REAL(name);                                                                                  \
        int error = fault(#name, folder, path);                                                                        \
        if (error) {                                                                                                   \
            errno = error;                                                                                             \
            return -1;                                                                                                 \
        }                                                                                                              \
        return real arguments;                                                                                         \
    }

WRAP(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size), fd, NULL)
WRAP(ssize_t, writev, (int fd, const struct iovec *data, int count), (fd, data, count), fd, NULL)
WRAP(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at), fd, NULL)
WRAP(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at), fd, NULL)
WRAP(ssize_t, copy_file_range, (int in, off64_t *from, int fd, off64_t *to, size_t size, unsigned flags),
     (in, from, fd, to, size, flags), fd, NULL)
WRAP(ssize_t, sendfile, (int fd, int in, off_t *from, size_t size), (fd, in, from, size), fd, NULL)
WRAP(ssize_t, sendfile64, (int fd, int in, off64_t *from, size_t size), (fd, in, from, size), fd, NULL)
WRAP(int, ftruncate, (int fd, off_t size), (fd, size), fd, NULL)
WRAP(int, ftruncate64, (int fd, off64_t size), (fd, size), fd, NULL)
WRAP(int, fsync, (int fd), (fd), fd, NULL)
WRAP(int, fdatasync, (int fd), (fd), fd, NULL)
WRAP(int, syncfs, (int fd), (fd), fd, NULL)
WRAP(int, fchown, (int fd, uid_t user, gid_t group), (fd, user, group), fd, NULL)
WRAP(int, lchown, (const char *path, uid_t user, gid_t group), (path, user, group), AT_FDCWD, path)
WRAP(int, fchownat, (int fd, const char *path, uid_t user, gid_t group, int flags), (fd, path, user, group, flags), fd,
     path)
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode), fd, NULL)
WRAP(int, chmod, (const char *path, mode_t mode), (path, mode), AT_FDCWD, path)
WRAP(int, fchmodat, (int fd, const char *path, mode_t mode, int flags), (fd, path, mode, flags), fd, path)
WRAP(int, futimens, (int fd, const struct timespec times[2]), (fd, times), fd, NULL)
WRAP(int, utimensat, (int fd, const char *path, const struct timespec times[2], int flags), (fd, path, times, flags), fd,
     path)
WRAP(int, fsetxattr, (int fd, const char *name, const void *value, size_t size, int flags),
     (fd, name, value, size, flags), fd, NULL)
WRAP(int, lsetxattr, (const char *path, const char *name, const void *value, size_t size, int flags),
     (path, name, value, size, flags), AT_FDCWD, path)
WRAP(int, rename, (const char *from, const char *to), (from, to), AT_FDCWD, to)
WRAP(int, renameat, (int from, const char *name, int fd, const char *to), (from, name, fd, to), fd, to)
WRAP(int, renameat2, (int from, const char *name, int fd, const char *to, unsigned flags), (from, name, fd, to, flags),
     fd, to)
WRAP(int, link, (const char *from, const char *to), (from, to), AT_FDCWD, to)
WRAP(int, linkat, (int from, const char *name, int fd, const char *to, int flags), (from, name, fd, to, flags), fd, to)
WRAP(int, symlink, (const char *target, const char *path), (target, path), AT_FDCWD, path)
WRAP(int, symlinkat, (const char *target, int fd, const char *path), (target, fd, path), fd, path)
WRAP(int, unlink, (const char *path), (path), AT_FDCWD, path)
WRAP(int, unlinkat, (int fd, const char *path, int flags), (fd, path, flags), fd, path)
WRAP(int, rmdir, (const char *path), (path), AT_FDCWD, path)

// Only what makes a file counts.
static int exists(int folder, const char *path) {
    int before = errno;
    struct stat status;
    int result = fstatat(folder, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
    errno = before;
    return result;
}

#define WRAP_OPEN(name, parameters, arguments, last, folder)                                                           \
    int name parameters {                                                                                              \
        static __typeof__(&name) real;                                                                                 \
        if (!real) real = REAL(name);                                                                                  \
        mode_t mode = 0;                                                                                               \
        if ((flags & O_CREAT && !exists(folder, path)) || (flags & O_TMPFILE) == O_TMPFILE) {                                                     \
            va_list list;                                                                                              \
            va_start(list, last);                                                                                      \
            mode = va_arg(list, mode_t);                                                                               \
            va_end(list);                                                                                              \
            int error = fault(#name, folder, path);                                                                    \
            if (error) {                                                                                               \
                errno = error;                                                                                         \
                return -1;                                                                                             \
            }                                                                                                          \
        }                                                                                                              \
        return real arguments;                                                                                         \
    }

WRAP_OPEN(open, (const char *path, int flags, ...), (path, flags, mode), flags, AT_FDCWD)
WRAP_OPEN(open64, (const char *path, int flags, ...), (path, flags, mode), flags, AT_FDCWD)
WRAP_OPEN(openat, (int fd, const char *path, int flags, ...), (fd, path, flags, mode), flags, fd)
WRAP_OPEN(openat64, (int fd, const char *path, int flags, ...), (fd, path, flags, mode), flags, fd)

// A folder that is there already is told to be so, whatever the disk is like.
static int make_folder(const char *name, int folder, const char *path, mode_t mode) {
    int error = exists(folder, path) ? 0 : fault(name, folder, path);
    if (error) {
        errno = error;
        return -1;
    }
    return (int)syscall(SYS_mkdirat, folder, path, mode);
}

int mkdir(const char *path, mode_t mode) { return make_folder("mkdir", AT_FDCWD, path, mode); }
int mkdirat(int folder, const char *path, mode_t mode) { return make_folder("mkdirat", folder, path, mode); }

// Answers the number of the error.
int posix_fallocate(int fd, off_t from, off_t size) {
    int error = fault("posix_fallocate", fd, NULL);
    return error ? error : REAL(posix_fallocate)(fd, from, size);
}

// Both hostctl and libglnx call renameat2 this way where the C library may lack it.
long syscall(long number, ...) {
    static long (*real)(long, ...);
    if (!real) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    long a[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_renameat2) {
        int error = fault("renameat2", (int)a[2], (const char *)a[3]);
        if (error) {
            errno = error;
            return -1;
        }
    }
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int kill(pid_t process, int signal) {
    if (signal == SIGKILL && process == getpid() && setting("FAULT_STOP")) {
        stop();
        return 0;
    }
    return (int)syscall(SYS_kill, process, signal);
}
