/* Records what a process does to the files below one folder, so that disk.py can say what a power cut would leave of them.
 *
 * Loaded with LD_PRELOAD. POWER_CUT_DIR is the folder, POWER_CUT_LOG the file to append to. Each record is: kind (1 byte), two
 * numbers (8 bytes each), a length (4 bytes), that many bytes; little endian. A change and its record are made under one lock, so
 * that records stand in the order of the changes. A sync has a record before it and one after: what was written before the first
 * is on disk from the second on.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 1, WRITE, TRUNCATE, SYNC_BEGIN, SYNC_END, RENAME, UNLINK, MKDIR, RMDIR, SYNC_DIR };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_length;
static int record_fd = -1;
static uint64_t syncs;

__attribute__((constructor)) static void start(void) {
    const char *dir = getenv("POWER_CUT_DIR"), *log = getenv("POWER_CUT_LOG");
    if (!dir || !log || !realpath(dir, root)) return;
    root_length = strlen(root);
    record_fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (record_fd < 0) {
        fprintf(stderr, "power cut: cannot open %s\n", log);
        abort();
    }
    /* Programs that this one starts are not recorded. */
    unsetenv("LD_PRELOAD");
}

static void record(uint8_t kind, uint64_t a, uint64_t b, const struct iovec *data, int count) {
    uint32_t length = 0;
    struct iovec all[66];
    if (count > 64) abort();
    for (int i = 0; i < count; i++) {
        length += data[i].iov_len;
        all[i + 1] = data[i];
    }
    char head[21];
    head[0] = kind;
    memcpy(head + 1, &a, 8);
    memcpy(head + 9, &b, 8);
    memcpy(head + 17, &length, 4);
    all[0].iov_base = head;
    all[0].iov_len = sizeof head;
    ssize_t written = syscall(SYS_writev, record_fd, all, count + 1);
    /* A record that is not whole would make every later one wrong. */
    if (written != (ssize_t)(length + sizeof head)) abort();
}

static void record_path(uint8_t kind, uint64_t a, const char *path) {
    struct iovec data = {(void *)path, strlen(path)};
    record(kind, a, 0, &data, 1);
}

static int is_below(const char *path) {
    return record_fd >= 0 && !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

/* The path of an open file, where that is in the folder. */
static int path_of(int fd, char *path) {
    char link[64];
    if (record_fd < 0 || fd < 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlink, link, path, PATH_MAX - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return is_below(path);
}

/* A path as it is from the root, where that is in the folder. */
static int resolve(int dir, const char *name, char *path) {
    if (record_fd < 0 || !name) return 0;
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
        return is_below(path);
    }
    char base[PATH_MAX];
    if (dir == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) return 0;
    } else if (!path_of(dir, base)) {
        return 0;
    }
    if (snprintf(path, PATH_MAX, "%s/%s", base, name) >= PATH_MAX) abort();
    return is_below(path);
}

static uint64_t inode(int fd) {
    struct stat found;
    return fstat(fd, &found) ? 0 : found.st_ino;
}

static int open_recorded(int dir, const char *name, int flags, mode_t mode) {
    char path[PATH_MAX];
    if (!(flags & (O_CREAT | O_TRUNC)) || (flags & O_TMPFILE) == O_TMPFILE || !resolve(dir, name, path))
        return syscall(SYS_openat, dir, name, flags, mode);
    pthread_mutex_lock(&lock);
    int existed = !syscall(SYS_faccessat, AT_FDCWD, path, F_OK);
    int fd = syscall(SYS_openat, dir, name, flags, mode);
    int saved = errno;
    if (fd >= 0 && !existed) record_path(CREATE, inode(fd), path);
    if (fd >= 0 && existed && (flags & O_TRUNC)) record(TRUNCATE, inode(fd), 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    errno = saved;
    return fd;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

int open(const char *name, int flags, ...) { MODE(flags) return open_recorded(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE(flags) return open_recorded(AT_FDCWD, name, flags, mode); }
int openat(int dir, const char *name, int flags, ...) { MODE(flags) return open_recorded(dir, name, flags, mode); }
int openat64(int dir, const char *name, int flags, ...) { MODE(flags) return open_recorded(dir, name, flags, mode); }

static int is_file(int fd) {
    char path[PATH_MAX];
    struct stat found;
    return record_fd >= 0 && fd > 2 && !fstat(fd, &found) && S_ISREG(found.st_mode) && path_of(fd, path);
}

/* Cuts the buffers to what was written. */
static int cut(struct iovec *to, const struct iovec *from, int count, size_t written) {
    int used = 0;
    for (; used < count && written > 0; used++) {
        to[used] = from[used];
        if (to[used].iov_len > written) to[used].iov_len = written;
        written -= to[used].iov_len;
    }
    return used;
}

ssize_t writev(int fd, const struct iovec *data, int count) {
    if (!is_file(fd)) return syscall(SYS_writev, fd, data, count);
    if (count > 64) count = 64;
    struct iovec kept[64];
    pthread_mutex_lock(&lock);
    ssize_t written = syscall(SYS_writev, fd, data, count);
    int saved = errno;
    if (written > 0) {
        uint64_t end = lseek(fd, 0, SEEK_CUR);
        record(WRITE, inode(fd), end - written, kept, cut(kept, data, count, written));
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
    return written;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (!is_file(fd)) return syscall(SYS_write, fd, bytes, length);
    struct iovec data = {(void *)bytes, length};
    return writev(fd, &data, 1);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    if (!is_file(fd)) return syscall(SYS_pwrite64, fd, bytes, length, at);
    pthread_mutex_lock(&lock);
    ssize_t written = syscall(SYS_pwrite64, fd, bytes, length, at);
    int saved = errno;
    if (written > 0) {
        struct iovec data = {(void *)bytes, written};
        record(WRITE, inode(fd), at, &data, 1);
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
    return written;
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return pwrite64(fd, bytes, length, at); }

int ftruncate64(int fd, off64_t length) {
    if (!is_file(fd)) return syscall(SYS_ftruncate, fd, length);
    pthread_mutex_lock(&lock);
    int result = syscall(SYS_ftruncate, fd, length);
    int saved = errno;
    if (!result) record(TRUNCATE, inode(fd), length, NULL, 0);
    pthread_mutex_unlock(&lock);
    errno = saved;
    return result;
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int sync_recorded(int fd, long call) {
    char path[PATH_MAX];
    struct stat found;
    if (!path_of(fd, path) || fstat(fd, &found)) return syscall(call, fd);
    pthread_mutex_lock(&lock);
    uint64_t number = ++syncs;
    if (S_ISDIR(found.st_mode))
        record_path(SYNC_DIR, number, path);
    else
        record(SYNC_BEGIN, number, found.st_ino, NULL, 0);
    pthread_mutex_unlock(&lock);
    int result = syscall(call, fd);
    int saved = errno;
    if (!result) {
        pthread_mutex_lock(&lock);
        record(SYNC_END, number, 0, NULL, 0);
        pthread_mutex_unlock(&lock);
    }
    errno = saved;
    return result;
}
int fsync(int fd) { return sync_recorded(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_recorded(fd, SYS_fdatasync); }

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    char paths[2][PATH_MAX];
    if (!resolve(from_dir, from, paths[0]) || !resolve(to_dir, to, paths[1]))
        return syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    pthread_mutex_lock(&lock);
    int result = syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    int saved = errno;
    if (!result) {
        struct iovec both[2] = {{paths[0], strlen(paths[0]) + 1}, {paths[1], strlen(paths[1])}};
        record(RENAME, 0, 0, both, 2);
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
    return result;
}
int renameat(int a, const char *from, int b, const char *to) { return renameat2(a, from, b, to, 0); }
int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

int unlinkat(int dir, const char *name, int flags) {
    char path[PATH_MAX];
    if (!resolve(dir, name, path)) return syscall(SYS_unlinkat, dir, name, flags);
    pthread_mutex_lock(&lock);
    int result = syscall(SYS_unlinkat, dir, name, flags);
    int saved = errno;
    if (!result) record_path(flags & AT_REMOVEDIR ? RMDIR : UNLINK, 0, path);
    pthread_mutex_unlock(&lock);
    errno = saved;
    return result;
}
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }

int mkdirat(int dir, const char *name, mode_t mode) {
    char path[PATH_MAX];
    if (!resolve(dir, name, path)) return syscall(SYS_mkdirat, dir, name, mode);
    pthread_mutex_lock(&lock);
    int result = syscall(SYS_mkdirat, dir, name, mode);
    int saved = errno;
    if (!result) record_path(MKDIR, 0, path);
    pthread_mutex_unlock(&lock);
    errno = saved;
    return result;
}
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

/* Copies inside the kernel would go unseen: callers then read and write. */
ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t length, unsigned flags) {
    (void)in, (void)in_at, (void)out, (void)out_at, (void)length, (void)flags;
    errno = ENOSYS;
    return -1;
}
ssize_t sendfile64(int out, int in, off64_t *at, size_t length) {
    if (!is_file(out)) return syscall(SYS_sendfile, out, in, at, length);
    errno = ENOSYS;
    return -1;
}
