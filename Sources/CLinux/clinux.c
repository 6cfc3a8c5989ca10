#define _GNU_SOURCE
#include "clinux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/blkpg.h>
#include <linux/loop.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

static int argument_count;
static char **argument_vector;

// glibc hands every constructor the arguments of main.
__attribute__((constructor)) static void capture_arguments(int argc, char **argv) {
    argument_count = argc;
    argument_vector = argv;
}

int hostctl_argument_count(void) { return argument_count; }

const char *hostctl_argument(int index) {
    return index >= 0 && index < argument_count ? argument_vector[index] : NULL;
}

const char *hostctl_executable_path(void) { return (const char *)getauxval(AT_EXECFN); }

int hostctl_output_failed(void) { return ferror(stdout); }

int hostctl_lock(int descriptor, int kind, int wait) {
    struct flock lock = {.l_type = (short)kind, .l_whence = SEEK_SET};
    return fcntl(descriptor, wait ? F_OFD_SETLKW : F_OFD_SETLK, &lock);
}

int hostctl_openat(int directory, const char *path, int flags, unsigned mode) {
    return openat(directory, path, flags, mode);
}

int hostctl_renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned flags) {
    return (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, flags);
}

const char *hostctl_next_name(void *stream) {
    errno = 0;
    struct dirent *entry = readdir(stream);
    return entry ? entry->d_name : NULL;
}

int hostctl_mount_id(int descriptor, uint64_t *id) {
    struct statx status;
    if (statx(descriptor, "", AT_EMPTY_PATH, STATX_MNT_ID, &status) != 0) return -1;
    if (!(status.stx_mask & STATX_MNT_ID)) {
        errno = ENOSYS;
        return -1;
    }
    *id = status.stx_mnt_id;
    return 0;
}

int hostctl_processor_count(void) {
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : -1;
}

int hostctl_syncfs(int descriptor) { return syncfs(descriptor); }

int hostctl_file_system_type(const char *path, uint32_t *type) {
    struct statfs status;
    if (statfs(path, &status) != 0) return -1;
    *type = (uint32_t)status.f_type;
    return 0;
}

int hostctl_get_flags(int descriptor, int *flags) { return ioctl(descriptor, FS_IOC_GETFLAGS, flags); }
int hostctl_set_flags(int descriptor, int flags) { return ioctl(descriptor, FS_IOC_SETFLAGS, &flags); }

int hostctl_clone(int to, int from) { return ioctl(to, FICLONE, from); }
long hostctl_copy_range(int from, int to, size_t length) {
    return copy_file_range(from, NULL, to, NULL, length, 0);
}

int hostctl_terminal_width(int descriptor) {
    struct winsize size;
    return ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

long hostctl_fgetxattr(int descriptor, const char *name, void *value, size_t size) {
    return fgetxattr(descriptor, name, value, size);
}
long hostctl_flistxattr(int descriptor, char *list, size_t size) { return flistxattr(descriptor, list, size); }
int hostctl_fsetxattr(int descriptor, const char *name, const void *value, size_t size) {
    return fsetxattr(descriptor, name, value, size, 0);
}
long hostctl_lgetxattr(const char *path, const char *name, void *value, size_t size) {
    return lgetxattr(path, name, value, size);
}
long hostctl_llistxattr(const char *path, char *list, size_t size) { return llistxattr(path, list, size); }
int hostctl_lsetxattr(const char *path, const char *name, const void *value, size_t size) {
    return lsetxattr(path, name, value, size, 0);
}

int hostctl_fremovexattr(int descriptor, const char *name) { return fremovexattr(descriptor, name); }

int hostctl_private_mounts(void) {
    if (unshare(CLONE_NEWNS) != 0) return -1;
    if (syscall(SYS_mount, NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0) return 0;
    // In a chroot whose root is no mount point, what is mounted around it cannot be named, and stays as it is.
    return errno == EINVAL ? 0 : -1;
}

int hostctl_mount(const char *source, const char *target, const char *type, unsigned long flags) {
    return (int)syscall(SYS_mount, source, target, type, flags, NULL);
}

int hostctl_unmount(const char *target) { return (int)syscall(SYS_umount2, target, 0); }

int hostctl_device_geometry(int descriptor, uint64_t *size, int *sector, int *read_only) {
    if (ioctl(descriptor, BLKGETSIZE64, size) != 0 || ioctl(descriptor, BLKSSZGET, sector) != 0) return -1;
    return ioctl(descriptor, BLKROGET, read_only);
}

int hostctl_reread_partitions(int descriptor) { return ioctl(descriptor, BLKRRPART); }

int hostctl_resize_partition(int descriptor, int number, int64_t start, int64_t length) {
    struct blkpg_partition partition = { .start = start, .length = length, .pno = number };
    struct blkpg_ioctl_arg argument = { .op = BLKPG_RESIZE_PARTITION, .datalen = sizeof partition, .data = &partition };
    return ioctl(descriptor, BLKPG, &argument);
}

int hostctl_attach_loop(int disk, uint64_t start, uint64_t size, uint32_t sector, char path[32]) {
    const int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0) return -1;
    int device = -1;
    // Another process may take the free one before we do.
    for (int attempt = 0; attempt < 64 && device < 0; ++attempt) {
        const int number = ioctl(control, LOOP_CTL_GET_FREE);
        if (number < 0) break;
        snprintf(path, 32, "/dev/loop%d", number);
        device = open(path, O_RDWR | O_CLOEXEC);
        if (device < 0) break;
        struct loop_config config = { .fd = (uint32_t)disk, .block_size = sector };
        config.info.lo_offset = start;
        config.info.lo_sizelimit = size;
        config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
        if (ioctl(device, LOOP_CONFIGURE, &config) == 0) break;
        const int code = errno;
        close(device);
        device = -1;
        errno = code;
        if (code != EBUSY) break;
    }
    const int code = errno;
    close(control);
    errno = code;
    return device;
}
