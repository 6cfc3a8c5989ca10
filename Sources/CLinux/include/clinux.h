// System calls that Swift cannot reach (variadic, or missing from its C library module), and the
// arguments as the kernel passed them. No policy here.
#ifndef CLINUX_H
#define CLINUX_H

// Only these: a system header included here would become part of this module in Swift's eyes.
#include <stddef.h>
#include <stdint.h>

/// The process's arguments, captured before main; Swift's own copy is empty where /proc is not mounted.
int hostctl_argument_count(void);
const char *hostctl_argument(int index);
/// The path the kernel executed (AT_EXECFN), known without /proc; may be relative. NULL if unknown.
const char *hostctl_executable_path(void);

/// Whether something that was printed to standard output could not be written; 0 if not.
int hostctl_output_failed(void);

/// Open file description locks, as libostree takes them on `.lock` and `/ostree/lock`.
/// `kind` is F_RDLCK, F_WRLCK or F_UNLCK. Returns 0 or -1 with errno.
int hostctl_lock(int descriptor, int kind, int wait);

int hostctl_openat(int directory, const char *path, int flags, unsigned mode);
int hostctl_renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned flags);
/// The next name in a folder that opendir opened. NULL at the end, where errno is 0, and on failure.
const char *hostctl_next_name(void *stream);
/// Which mount an open file lies on, so that a bind mount of the same file system is told apart. Linux 5.8; before, -1
/// with ENOSYS.
int hostctl_mount_id(int descriptor, uint64_t *id);
/// The processors this process may run on; -1 when that cannot be asked.
int hostctl_processor_count(void);
int hostctl_syncfs(int descriptor);
/// The number of the kind of file system that holds `path`, as in linux/magic.h. Returns 0 or -1 with errno.
int hostctl_file_system_type(const char *path, uint32_t *type);
int hostctl_get_flags(int descriptor, int *flags);
int hostctl_set_flags(int descriptor, int flags);
/// Makes a file share the blocks of another one, where the file system can. Returns 0 or -1 with errno.
int hostctl_clone(int to, int from);
/// copy_file_range from both files' positions on; the number of bytes, 0 at the end, or -1 with errno.
long hostctl_copy_range(int from, int to, size_t length);
int hostctl_terminal_width(int descriptor);

/// A mount namespace of this thread's own, whose mounts nobody else sees and which end with it. 0 or -1 with errno.
int hostctl_private_mounts(void);
int hostctl_mount(const char *source, const char *target, const char *type, unsigned long flags);
int hostctl_unmount(const char *target);
/// A block device's size in bytes, its sectors' size, and whether it can only be read. 0 or -1 with errno.
int hostctl_device_geometry(int descriptor, uint64_t *size, int *sector, int *read_only);
/// Attaches part of a file or disk, in bytes, to a free loop device, whose path is written to `path`. The device goes when
/// nothing has it open any more, neither the descriptor that is returned nor a mount. Its sectors have `sector` bytes,
/// so that what is made on it fits the disk. -1 with errno.
int hostctl_attach_loop(int disk, uint64_t start, uint64_t size, uint32_t sector, char path[32]);
/// Makes the kernel read a disk's partition table.
int hostctl_reread_partitions(int descriptor);
/// Tells the kernel that a partition of a disk has another length, in bytes; it may be mounted. -1 with errno.
int hostctl_resize_partition(int descriptor, int number, int64_t start, int64_t length);

long hostctl_fgetxattr(int descriptor, const char *name, void *value, size_t size);
long hostctl_flistxattr(int descriptor, char *list, size_t size);
int hostctl_fremovexattr(int descriptor, const char *name);
int hostctl_fsetxattr(int descriptor, const char *name, const void *value, size_t size);
long hostctl_lgetxattr(const char *path, const char *name, void *value, size_t size);
long hostctl_llistxattr(const char *path, char *list, size_t size);
int hostctl_lsetxattr(const char *path, const char *name, const void *value, size_t size);

#define HOSTCTL_RENAME_NOREPLACE 1u
#define HOSTCTL_RENAME_EXCHANGE 2u

#endif
