// SPDX-License-Identifier: GPL-2.0
/*
 * What is not here any more, or may not be had here, at a restart: it is refused with
 * its reason, and nothing is left.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"

#define DIRECTORY	"/tmp/fail-directory"
#define EXECUTABLE	"/tmp/fail-executable"
#define ON_DISK		"/debian/etc/passwd"

static int in_directory(const char *arg)
{
	mkdir(DIRECTORY, 0700);
	return chdir(DIRECTORY) ? errno : 0;
}

/* On a disk's file system, whose files have a greatest length. */
static int on_disk(const char *arg)
{
	return open(ON_DISK, O_RDONLY) < 0 ? FAIL_SKIP : 0;
}

static int on_one_cpu(const char *arg)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus) ? errno : 0;
}

/* Two children, the second one in a group of its own. */
static int with_children(const char *arg)
{
	pid_t pid;
	int i;

	for (i = 0; i < 2; i++) {
		pid = fork();
		while (!pid)
			pause();
	}
	return setpgid(pid, pid) ? errno : 0;
}

#define MANY	100

/* Many files, a memfd, and signals that wait in a queue. */
static int with_much(const char *arg)
{
	int fd = memfd_create("much", 0), i;
	sigset_t set;

	if (fd < 0 || ftruncate(fd, 1 << 20))
		return errno;
	for (i = 0; i < MANY; i++)
		if (open("/dev/null", O_RDONLY) < 0)
			return errno;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 5 }) ? errno : 0;
}

const struct fail_target fail_targets[] = {
	{ "with_much", with_much },
	{ "plain", NULL },
	{ "in_directory", in_directory },
	{ "on_disk", on_disk },
	{ "on_one_cpu", on_one_cpu },
	{ "with_children", with_children },
	{ }
};

FIXTURE(restart) {
	struct fail_group group;
	struct fail_report report;
	struct fail_image image;
};

FIXTURE_SETUP(restart)
{
	fail_become_reaper();
	ASSERT_EQ(0, fail_group_make(&self->group));
}

FIXTURE_TEARDOWN(restart)
{
	fail_image_free(&self->image);
	fail_group_end(&self->group);
}

static int take(FIXTURE_DATA(restart) *self, const char *target)
{
	int fd = fail_image_of(&self->group, target, &self->image);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static void *record(FIXTURE_DATA(restart) *self, uint32_t type, int nth)
{
	return fail_image_data(&self->image, fail_image_find(&self->image, type, nth));
}

static void refused(struct __test_metadata *_metadata, FIXTURE_DATA(restart) *self,
		    struct fail_image *image, int err, const char *why)
{
	fail_image_seal(image);
	EXPECT_EQ(err, fail_image_restart(image, &self->group, 0, &self->report));
	EXPECT_NE(NULL, fail_logged(&self->report, why)) {
		TH_LOG("no \"%s\": %s", why, self->report.log);
	}
	EXPECT_TRUE(fail_image_is_gone(image, &self->group));
	EXPECT_TRUE(fail_no_children());
}

TEST_F(restart, in_a_directory_that_is_gone_is_ENOENT)
{
	ASSERT_EQ(0, take(self, "in_directory"));
	EXPECT_EQ(0, rmdir(DIRECTORY));
	refused(_metadata, self, &self->image, -ENOENT, "cannot enter directory");
}

TEST_F(restart, in_a_directory_that_is_a_file_is_ENOTDIR)
{
	ASSERT_EQ(0, take(self, "in_directory"));
	EXPECT_EQ(0, rmdir(DIRECTORY));
	close(open(DIRECTORY, O_WRONLY | O_CREAT, 0600));
	refused(_metadata, self, &self->image, -ENOTDIR, "cannot enter directory");
}

TEST_F(restart, of_a_position_that_no_file_has_is_EINVAL)
{
	struct ckpt_file_path *file;
	int err = take(self, "on_disk"), i;

	if (err == -FAIL_SKIP)
		SKIP(return, "no disk");
	ASSERT_EQ(0, err);
	for (i = 0; i < self->image.nr; i++) {
		file = fail_image_data(&self->image, i);
		if (self->image.rec[i].type == CKPT_REC_FILE_PATH &&
		    !strncmp((char *)(file + 1), ON_DISK, strlen(ON_DISK)))
			file->file.pos = 1ULL << 60;
	}
	refused(_metadata, self, &self->image, -EINVAL, "cannot seek");
}

TEST_F(restart, on_a_cpu_that_is_not_here_is_EINVAL)
{
	struct ckpt_thread *t;

	ASSERT_EQ(0, take(self, "on_one_cpu"));
	t = record(self, CKPT_REC_THREAD, 0);
	ASSERT_LE(8, t->cpus_len);
	/* the last one that the mask has */
	memset(t + 1, 0, t->cpus_len);
	((uint8_t *)(t + 1))[t->cpus_len - 1] = 0x80;
	refused(_metadata, self, &self->image, -EINVAL, "none of its CPUs");
}

/* The first number is had, and given back when the second one is taken. */
TEST_F(restart, in_a_group_whose_number_is_taken_is_EEXIST)
{
	struct ckpt_process *p;

	ASSERT_EQ(0, take(self, "with_children"));
	p = record(self, CKPT_REC_PROCESS, 0);
	p->pgid = 30000;
	p = record(self, CKPT_REC_PROCESS, 1);
	p->pgid = 1;
	refused(_metadata, self, &self->image, -EEXIST, "for a session or group");
	EXPECT_EQ(-1, kill(30000, 0));
	/* that is so because of the second */
	p->pgid = 0;
	fail_image_seal(&self->image);
	EXPECT_EQ(0, fail_image_restart(&self->image, &self->group, 0, &self->report)) {
		TH_LOG("%s", self->report.log);
	}
}

/* All but a process of its own: contents are for memory that nobody has. */
TEST_F(restart, of_contents_that_nobody_has_is_EBADMSG)
{
	int gone, next, nr = 0, i, *order;
	struct ckpt_header *h;
	struct fail_image bad;

	ASSERT_EQ(0, take(self, "with_children"));
	gone = fail_image_find(&self->image, CKPT_REC_PROCESS, 2);
	for (next = gone + 1; self->image.rec[next].type == CKPT_REC_THREAD ||
	     self->image.rec[next].type == CKPT_REC_X86_THREAD ||
	     self->image.rec[next].type == CKPT_REC_X86_XFEATURE; next++)
		;
	order = calloc(self->image.nr, sizeof(*order));
	for (i = 0; i < self->image.nr; i++)
		if (i < gone || i >= next)
			order[nr++] = i;
	fail_image_build(&bad, &self->image, order, nr);
	h = fail_image_data(&bad, 0);
	h->nr_processes--;
	h->nr_threads--;
	refused(_metadata, self, &bad, -EBADMSG, "contents of an object that is not in use");
	fail_image_free(&bad);
	free(order);
}

/* The zeros in front of a block are looked at. */
TEST_F(restart, of_padding_that_is_not_zero_is_EBADMSG)
{
	int block;

	ASSERT_EQ(0, take(self, "plain"));
	block = fail_image_find(&self->image, CKPT_REC_CONTENT, 0);
	ASSERT_LE(self->image.rec[block - 1].end + 24, self->image.rec[block].at);
	self->image.data[self->image.rec[block].at - 8] = 1;
	refused(_metadata, self, &self->image, -EBADMSG, "padding is not zero");
}

TEST_F(restart, of_a_block_that_begins_otherwise_is_EBADMSG)
{
	struct ckpt_record *rec;
	int block;

	ASSERT_EQ(0, take(self, "plain"));
	block = fail_image_find(&self->image, CKPT_REC_CONTENT, 0);
	rec = (void *)(self->image.data + self->image.rec[block].at);
	rec->fixed -= 8;
	refused(_metadata, self, &self->image, -EBADMSG, "content block");
}

/* ---- Limits of the caller ---- */

struct limited {
	FIXTURE_DATA(restart) *self;
	int resource;
	rlim_t limit;
	int fd;
	volatile int err;
	struct fail_report report;
};

static void restart_limited(void *arg)
{
	struct limited *l = arg;
	struct rlimit limit = { l->limit, l->limit };

	signal(SIGXFSZ, SIG_IGN);
	l->err = setrlimit(l->resource, &limit) ? -ENOTSUP :
		 fail_restart(l->fd, &l->self->group, 0, &l->report);
}

static void limited(struct __test_metadata *_metadata, FIXTURE_DATA(restart) *self,
		    int resource, rlim_t limit, int err, const char *why)
{
	struct limited *l = mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	ASSERT_NE(MAP_FAILED, l);
	l->self = self;
	l->resource = resource;
	l->limit = limit;
	l->fd = fail_image_of(&self->group, "with_much", &self->image);
	ASSERT_LT(0, l->fd);
	lseek(l->fd, 0, SEEK_SET);
	pid = fail_helper(restart_limited, l);
	waitpid(pid, NULL, 0);
	EXPECT_EQ(err, l->err);
	EXPECT_NE(NULL, fail_logged(&l->report, why)) {
		TH_LOG("no \"%s\": %s", why, l->report.log);
	}
	EXPECT_TRUE(fail_group_empty(&self->group));
	close(l->fd);
	munmap(l, sizeof(*l));
}

TEST_F(restart, of_more_files_than_the_caller_may_have_is_EMFILE)
{
	limited(_metadata, self, RLIMIT_NOFILE, 10, -EMFILE, "open files are more than");
}

TEST_F(restart, of_a_memfd_longer_than_the_callers_files_is_EFBIG)
{
	limited(_metadata, self, RLIMIT_FSIZE, 4096, -EFBIG, "RLIMIT_FSIZE");
}

TEST_F(restart, of_more_signals_than_the_caller_may_queue_is_EAGAIN)
{
	limited(_metadata, self, RLIMIT_SIGPENDING, 0, -EAGAIN, "cannot queue the signal");
}

/* ---- Descriptors for the roots ---- */

static int restart_with_pidfds(FIXTURE_DATA(restart) *self, int fd, int *pidfds)
{
	struct restart_args args = {
		.flags		= RESTART_INTO_CGROUP,
		.image_fd	= fd,
		.cgroup_fd	= self->group.fd,
		.pidfds		= (uintptr_t)pidfds,
		.nr_roots	= 1,
	};

	lseek(fd, 0, SEEK_SET);
	return syscall(__NR_restart, &args, sizeof(args)) < 0 ? -errno : 0;
}

TEST_F(restart, gives_a_pidfd_of_its_root)
{
	int fd = fail_image_of(&self->group, "plain", &self->image), pidfd = -1;
	siginfo_t info = {};
	pid_t pid;

	ASSERT_LT(0, fd);
	ASSERT_EQ(1, fail_image_pids(&self->image, &pid, 1));
	ASSERT_EQ(0, restart_with_pidfds(self, fd, &pidfd));
	EXPECT_LE(0, pidfd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(pidfd, F_GETFD));
	EXPECT_EQ(0, syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0));
	EXPECT_EQ(0, waitid(P_PIDFD, pidfd, &info, WEXITED));
	EXPECT_EQ(pid, info.si_pid);
	close(pidfd);
	close(fd);
}

TEST_F(restart, whose_pidfd_cannot_be_told_leaves_nothing)
{
	int fd = fail_image_of(&self->group, "plain", &self->image), next = dup(fd);

	ASSERT_LT(0, fd);
	close(next);
	EXPECT_EQ(-EFAULT, restart_with_pidfds(self, fd, (int *)1));
	EXPECT_TRUE(fail_image_is_gone(&self->image, &self->group));
	EXPECT_TRUE(fail_no_children());
	/* nor a descriptor */
	EXPECT_EQ(next, dup(fd));
	close(next);
	close(fd);
}

/* ---- An executable that somebody writes to ---- */

static int copy_of_itself(void)
{
	char buf[65536];
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int out = open(EXECUTABLE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, n) != n)
			break;
	close(in);
	close(out);
	return n;
}

static pid_t start_copy(const struct fail_group *group)
{
	pid_t pid = fork();
	int err;

	if (!pid) {
		fail_group_write(group, "cgroup.procs", "0");
		execl(EXECUTABLE, "fail", "--target", "plain", "", NULL);
		_exit(122);
	}
	err = fail_wait_ready(pid);
	return err ? -err : pid;
}

TEST_F(restart, of_a_program_that_somebody_writes_to_is_EACCES)
{
	int fd, writer;

	ASSERT_EQ(0, copy_of_itself());
	ASSERT_LT(0, start_copy(&self->group));
	fd = fail_save(&self->group);
	ASSERT_LT(0, fd);
	fail_group_clear(&self->group);
	writer = open(EXECUTABLE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, writer);
	EXPECT_EQ(-EACCES, fail_restart(fd, &self->group, 0, &self->report)) {
		TH_LOG("%s", self->report.log);
	}
	EXPECT_NE(NULL, fail_logged(&self->report, "the executable is open for writing")) {
		TH_LOG("%s", self->report.log);
	}
	EXPECT_TRUE(fail_group_empty(&self->group) && fail_no_children());
	close(writer);
	lseek(fd, 0, SEEK_SET);
	EXPECT_EQ(0, fail_restart(fd, &self->group, 0, &self->report)) {
		TH_LOG("%s", self->report.log);
	}
	close(fd);
}

TEST_HARNESS_MAIN
