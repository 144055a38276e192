/* Lets chosen system calls fail for chosen files.

   FAULTS_FROM_BELOW holds rules, one a line: "CALL ERRNO PART". A call fails with that number
   when the path it concerns holds that part, or ends with it where "$" follows. The variable is read at every call, so that a process
   may set and lift faults while it runs.

   CLOCK_AHEAD tells by how many seconds the clock of the process goes ahead of the true one. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static int holds(const char *path, const char *part)
{
    size_t length = strlen(part), whole = strlen(path);
    if (length == 0 || part[length - 1] != '$')
        return strstr(path, part) != NULL;
    return whole >= --length && !strncmp(path + whole - length, part, length);
}

static int due(const char *call, const char *path)
{
    const char *rule = getenv("FAULTS_FROM_BELOW");
    while (rule && *rule) {
        char name[32], part[512];
        int number;
        if (sscanf(rule, "%31s %d %511[^\n]", name, &number, part) == 3 && !strcmp(name, call)
            && holds(path, part)) {
            errno = number;
            return 1;
        }
        rule = strchr(rule, '\n');
        rule = rule ? rule + 1 : NULL;
    }
    return 0;
}

static int due_on(const char *call, int file)
{
    char link[64], path[4096];
    int before = errno;
    if (!getenv("FAULTS_FROM_BELOW"))
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length < 0)
        return 0;
    path[length] = 0;
    return due(call, path);
}

#define REAL(name) ((__typeof__(&name)) dlsym(RTLD_NEXT, #name))

static long ahead;

__attribute__((constructor)) static void set_clock(void)
{
    const char *seconds = getenv("CLOCK_AHEAD");
    ahead = seconds ? atol(seconds) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int failed = REAL(clock_gettime)(clock, now);
    if (!failed && clock == CLOCK_REALTIME)
        now->tv_sec += ahead;
    return failed;
}

ssize_t read(int file, void *data, size_t size)
{
    return due_on("read", file) ? -1 : REAL(read)(file, data, size);
}

ssize_t readv(int file, const struct iovec *data, int count)
{
    return due_on("read", file) ? -1 : REAL(readv)(file, data, count);
}

ssize_t pread(int file, void *data, size_t size, off_t from)
{
    return due_on("read", file) ? -1 : REAL(pread)(file, data, size, from);
}

ssize_t pread64(int file, void *data, size_t size, off64_t from)
{
    return due_on("read", file) ? -1 : REAL(pread64)(file, data, size, from);
}

/* Who looks at a page of a file that can't be read is killed. */
static void *unreadable(size_t size)
{
    return REAL(mmap)(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

void *mmap(void *at, size_t size, int access, int flags, int file, off_t from)
{
    return file >= 0 && due_on("read", file) ? unreadable(size)
                                             : REAL(mmap)(at, size, access, flags, file, from);
}

void *mmap64(void *at, size_t size, int access, int flags, int file, off64_t from)
{
    return file >= 0 && due_on("read", file) ? unreadable(size)
                                             : REAL(mmap64)(at, size, access, flags, file, from);
}

ssize_t write(int file, const void *data, size_t size)
{
    return due_on("write", file) ? -1 : REAL(write)(file, data, size);
}

ssize_t writev(int file, const struct iovec *data, int count)
{
    return due_on("write", file) ? -1 : REAL(writev)(file, data, count);
}

ssize_t pwrite(int file, const void *data, size_t size, off_t to)
{
    return due_on("write", file) ? -1 : REAL(pwrite)(file, data, size, to);
}

ssize_t pwrite64(int file, const void *data, size_t size, off64_t to)
{
    return due_on("write", file) ? -1 : REAL(pwrite64)(file, data, size, to);
}

int fsync(int file)
{
    return due_on("fsync", file) ? -1 : REAL(fsync)(file);
}

int fdatasync(int file)
{
    return due_on("fsync", file) ? -1 : REAL(fdatasync)(file);
}

int flock(int file, int how)
{
    return due_on("flock", file) ? -1 : REAL(flock)(file, how);
}

int link(const char *from, const char *to)
{
    return due("link", to) ? -1 : REAL(link)(from, to);
}

int linkat(int at, const char *from, int other, const char *to, int flags)
{
    return due("link", to) ? -1 : REAL(linkat)(at, from, other, to, flags);
}

int rename(const char *from, const char *to)
{
    return due("rename", to) ? -1 : REAL(rename)(from, to);
}
