// SPDX-License-Identifier: GPL-2.0
/*
 * What cannot be saved is refused by name, in a checkpoint and in a check, and
 * the process runs on. Here: open files. See also refuse_task_test.c and
 * refuse_memory_test.c.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/memfd.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"
#include "fail_refuse.h"

#define FILE_NAME	"/tmp/fail-file"

static int open_file(int flags)
{
	return open(FILE_NAME, flags | O_CREAT, 0644);
}

static int unix_pair(const char *a)
{
	int pair[2];

	return made(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
}

static int inet_listener(const char *a)
{
	int s = socket(AF_INET, SOCK_STREAM, 0);

	return made(s) ?: made(listen(s, 1));
}

static int udp_socket(const char *a)
{
	return made(socket(AF_INET, SOCK_DGRAM, 0));
}

static int epoll_fd(const char *a)
{
	return made(epoll_create1(0));
}

static int timer_fd(const char *a)
{
	return made(timerfd_create(CLOCK_MONOTONIC, 0));
}

static int signal_fd(const char *a)
{
	sigset_t set;

	sigemptyset(&set);
	return made(signalfd(-1, &set, 0));
}

static int inotify_fd(const char *a)
{
	return made(inotify_init());
}

static int fanotify_fd(const char *a)
{
	return made(fanotify_init(FAN_CLASS_NOTIF, O_RDONLY));
}

static int userfault_fd(const char *a)
{
	return made(syscall(SYS_userfaultfd, 0));
}

static int io_uring_fd(const char *a)
{
	struct io_uring_params p = {};

	return made(syscall(SYS_io_uring_setup, 4, &p));
}

static int io_uring_used(const char *a)
{
	struct io_uring_params p = {};
	int fd = syscall(SYS_io_uring_setup, 4, &p);

	return made(fd) ?: made(close(fd));
}

static int perf_fd(const char *a)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr),
		.config = PERF_COUNT_SW_TASK_CLOCK,
	};

	return made(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

static int bpf_fd(const char *a)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4,
		.max_entries = 1,
	};

	return made(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static int pid_fd(const char *a)
{
	return made(syscall(SYS_pidfd_open, getpid(), 0));
}

static int mqueue_fd(const char *a)
{
	struct mq_attr attr = { .mq_maxmsg = 4, .mq_msgsize = 8 };

	return made(mq_open("/fail", O_RDWR | O_CREAT, 0600, &attr));
}

static int path_fd(const char *a)
{
	return made(open("/tmp", O_PATH));
}

static int fifo_fd(const char *a)
{
	mkfifo("/tmp/fail-named", 0600);
	return made(open("/tmp/fail-named", O_RDWR));
}

static int proc_fd(const char *a)
{
	return made(open("/proc/self/status", O_RDONLY));
}

static int sysfs_fd(const char *a)
{
	return made(open("/sys/kernel", O_RDONLY));
}

static int namespace_fd(const char *a)
{
	return made(open("/proc/self/ns/uts", O_RDONLY));
}

static int block_fd(const char *a)
{
	mknod("/tmp/fail-block", S_IFBLK | 0600, makedev(7, 0));
	return made(open("/tmp/fail-block", O_RDONLY | O_NONBLOCK));
}

static int device_fd(const char *a)
{
	return made(open("/dev/kmsg", O_RDONLY));
}

static int packets(const char *a)
{
	int ends[2];

	return made(pipe2(ends, O_DIRECT));
}

/* The mode is off again, what was written in it is not. */
static int kept_packets(const char *a)
{
	int ends[2];

	return made(pipe2(ends, O_DIRECT)) ?: made(write(ends[1], "packet", 6)) ?:
	       made(fcntl(ends[1], F_SETFL, 0)) ?: made(fcntl(ends[0], F_SETFL, 0));
}

static int unlinked(const char *a)
{
	int fd = open("/tmp/fail-unlinked", O_RDWR | O_CREAT, 0600);

	return made(fd) ?: made(unlink("/tmp/fail-unlinked"));
}

static int tmpfile_fd(const char *a)
{
	return made(open("/tmp", O_TMPFILE | O_RDWR, 0600));
}

static int hidden(const char *a)
{
	int fd = open_file(O_RDWR);

	unlink(FILE_NAME);
	return made(fd) ?: made(open_file(O_RDWR));
}

#define COVERED		"/tmp/fail-covered"

/* Something is mounted over its directory. */
static int covered(const char *a)
{
	mkdir(COVERED, 0700);
	return made(open(COVERED "/file", O_RDWR | O_CREAT, 0600)) ?:
	       made(mount("none", COVERED, "tmpfs", 0, NULL));
}

/* And there is a file of that name. */
static int covered_by_another(const char *a)
{
	int err = covered(a), fd = open(COVERED "/file", O_RDWR | O_CREAT, 0600);

	return err ?: made(fd) ?: made(close(fd));
}

static int removed_cwd(const char *a)
{
	mkdir("/tmp/fail-cwd", 0700);
	return made(chdir("/tmp/fail-cwd")) ?: made(rmdir("/tmp/fail-cwd"));
}

static int flocked(const char *a)
{
	return made(flock(open_file(O_RDWR), LOCK_EX));
}

static int posix_lock(const char *a)
{
	struct flock lock = { .l_type = F_WRLCK };

	return made(fcntl(open_file(O_RDWR), F_SETLK, &lock));
}

static int ofd_lock(const char *a)
{
	struct flock lock = { .l_type = F_WRLCK };

	return made(fcntl(open_file(O_RDWR), F_OFD_SETLK, &lock));
}

static int lease(const char *a)
{
	close(open_file(O_RDWR));
	return made(fcntl(open(FILE_NAME, O_RDONLY), F_SETLEASE, F_RDLCK));
}

static int owner(const char *a)
{
	int ends[2];

	return made(pipe(ends)) ?: made(fcntl(ends[0], F_SETOWN, getpid()));
}

static int async(const char *a)
{
	int ends[2];

	return made(pipe(ends)) ?: made(fcntl(ends[0], F_SETFL, O_ASYNC));
}

static int secret(const char *a)
{
	return made(syscall(SYS_memfd_secret, 0));
}

/* One more than fits into an image's table of descriptors. */
static int far_descriptor(const char *a)
{
	struct rlimit many = { 1 << 21, 1 << 21 };
	int fd = open("/proc/sys/fs/nr_open", O_WRONLY), err;

	err = made(fd) ?: made(write(fd, "2097152", 7)) ?: made(setrlimit(RLIMIT_NOFILE, &many)) ?:
	      made(dup2(open_file(O_RDWR), 1 << 20)) ?: made(pwrite(fd, "1048576", 7, 0));
	close(fd);
	return err;
}

static int eventfd_flags(const char *a)
{
	int fd = eventfd(0, 0);

	return made(fd) ?: made(fcntl(fd, F_SETFL, O_APPEND));
}

/* Open, but neither to read nor to write. */
static int neither(const char *a)
{
	return made(open_file(O_WRONLY | O_RDWR));
}

static int memfd_attribute(const char *a)
{
	int fd = memfd_create("attribute", 0);

	return made(fd) ?: made(fsetxattr(fd, "trusted.a", "b", 1, 0));
}

static int several(const char *a)
{
	return epoll_fd(a) ?: udp_socket(a) ?: pid_fd(a) ?: flocked(a);
}

#define T(name) { #name, name }
const struct fail_target fail_targets[] = {
	T(unix_pair), T(inet_listener), T(udp_socket), T(epoll_fd), T(timer_fd),
	T(signal_fd), T(inotify_fd), T(fanotify_fd), T(userfault_fd), T(io_uring_fd),
	T(io_uring_used), T(perf_fd), T(bpf_fd), T(pid_fd), T(mqueue_fd), T(path_fd),
	T(fifo_fd), T(proc_fd), T(sysfs_fd), T(namespace_fd), T(block_fd), T(device_fd),
	T(packets), T(kept_packets), T(covered), T(covered_by_another),
	T(unlinked), T(tmpfile_fd), T(hidden), T(removed_cwd), T(flocked),
	T(posix_lock), T(ofd_lock), T(lease), T(owner), T(async), T(secret),
	T(far_descriptor), T(several), T(eventfd_flags), T(neither), T(memfd_attribute),
	{ }
};

REFUSED(unix_pair, "object=\"socket\"", "fd=");
REFUSED(inet_listener, "object=\"socket\"", "fd=");
REFUSED(udp_socket, "object=\"socket\"", "fd=");
REFUSED(epoll_fd, "eventpoll", "fd=");
REFUSED(timer_fd, "timerfd", "fd=");
REFUSED(signal_fd, "signalfd", "fd=");
REFUSED(inotify_fd, "inotify", "fd=");
REFUSED(fanotify_fd, "fanotify", "fd=");
REFUSED(userfault_fd, "userfaultfd", "fd=");
REFUSED(io_uring_fd, "io_uring", "fd=");
REFUSED(io_uring_used, "object=\"io_uring\"");
REFUSED(perf_fd, "perf_event", "fd=");
REFUSED(bpf_fd, "bpf-map", "fd=");
REFUSED(pid_fd, "pidfs", "fd=");
REFUSED(mqueue_fd, "mqueue", "fd=");
REFUSED(path_fd, "object=\"O_PATH descriptor\"", "fd=");
REFUSED(fifo_fd, "object=\"fifo\"", "fd=");
REFUSED(proc_fd, "proc", "fd=");
REFUSED(sysfs_fd, "sysfs", "fd=");
REFUSED(namespace_fd, "nsfs", "fd=");
REFUSED(block_fd, "block device 7:0", "fd=");
REFUSED(device_fd, "character device 1:11", "fd=");
REFUSED(packets, "object=\"pipe\"", "O_DIRECT");
REFUSED(kept_packets, "object=\"pipe\"", "holds packets");
REFUSED(unlinked, "object=\"unlinked file\"", "fail-unlinked", "fd=");
REFUSED(tmpfile_fd, "object=\"unlinked file\"", "fd=");
REFUSED(hidden, "fail-file", "fd=");
REFUSED(removed_cwd, "object=\"unlinked file\"", "fail-cwd");
REFUSED(flocked, "object=\"file lock\"", "fd=");
REFUSED(posix_lock, "object=\"file lock\"", "fd=");
REFUSED(ofd_lock, "object=\"file lock\"", "fd=");
REFUSED(lease, "object=\"file lock\"", "fd=");
REFUSED(owner, "object=\"F_SETOWN\"", "fd=");
REFUSED(async, "fd=");
REFUSED(secret, "fd=");
REFUSED(eventfd_flags, OBJECT("eventfd"), "flags 0", "fd=");
REFUSED(neither, OBJECT("file flags"), "neither", "fd=");
REFUSED(memfd_attribute, OBJECT("memfd"), "extended attributes");
REFUSED(far_descriptor, OBJECT("descriptor"), "fd=1048576");

static void uncover(void)
{
	umount(COVERED);
	unlink(COVERED "/file");
	rmdir(COVERED);
}

TEST_F(refused, covered)
{
	refuse(_metadata, self, "covered",
	       (const char *const []){ "object=\"path\"", "leads to another file", NULL });
	uncover();
}

TEST_F(refused, covered_by_another)
{
	refuse(_metadata, self, "covered_by_another",
	       (const char *const []){ "object=\"path\"", "leads to another file", NULL });
	uncover();
}

TEST_F(refused, several_at_once)
{
	refuse(_metadata, self, "several", (const char *const []){ "fd=", NULL });
	EXPECT_EQ(4, self->report.result.blockers);
	EXPECT_NE(NULL, fail_logged(&self->report, "eventpoll"));
	EXPECT_NE(NULL, fail_logged(&self->report, "object=\"socket\""));
	EXPECT_NE(NULL, fail_logged(&self->report, "pidfs"));
	EXPECT_NE(NULL, fail_logged(&self->report, "object=\"file lock\""));
}

TEST_HARNESS_MAIN
