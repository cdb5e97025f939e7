// SPDX-License-Identifier: GPL-2.0
/*
 * A caller that waits for the other end of its image, which stands still: a pipe
 * or a socket that nobody reads or writes, a file whose server does not look at
 * its requests. Nobody else waits: not for processes, groups or memory, nor for
 * what belongs to the targets. The caller can be killed, and then the group runs
 * on or nothing is left; the group can be killed, too.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"
#include "fail_file.h"
#include "fail_rich.h"

/* Its heart beats as long as it gets memory, and gives it back. */
static int grows(const char *arg)
{
	int err = fail_rich(arg);
	void *memory;

	if (err)
		return err;
	FAIL_PAGE->ready = 1;
	for (;;) {
		memory = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (memory == MAP_FAILED || munmap(memory, 65536))
			return errno;
		FAIL_PAGE->beats++;
		fail_nap(2);
	}
}

#define LOCKED	(4 * 4096)

/* Pages of a file, which are read when they are locked, and one at a time. */
static int locks(const char *path)
{
	int fd = open(path, O_RDONLY);
	void *pages = mmap(NULL, LOCKED, PROT_READ, MAP_PRIVATE, fd, 0);
	struct stat st;

	/* who was never asked for its size is taken for empty */
	if (fstat(fd, &st) || pages == MAP_FAILED || madvise(pages, LOCKED, MADV_RANDOM) ||
	    mlock(pages, LOCKED))
		return errno;
	close(fd);
	return 0;
}

const struct fail_target fail_targets[] = {
	{ "plain", NULL },
	{ "grows", grows },
	{ "locks", locks },
	{ }
};

/* Shared with the helper that makes the call. */
struct job {
	struct fail_group group;
	struct fail_report report;
	bool restarts;
	int fd, other_end;
	volatile int err, started, done;
};

/* @target: of the group; after a restart has begun, the one that it makes */
FIXTURE(stall) {
	struct fail_group group, other, below;
	struct fail_report report;
	struct fail_image image;
	struct fail_file file;
	struct job *job;
	pid_t target, helper;
	int ends[2];
	size_t until;
};

enum kind { A_PIPE, A_SOCKET, A_FILE };
enum call { CHECKPOINT, RESTART_METADATA, RESTART_CONTENTS };

FIXTURE_VARIANT(stall) {
	enum kind kind;
	enum call call;
};

FIXTURE_VARIANT_ADD(stall, pipe_full) { .kind = A_PIPE, .call = CHECKPOINT };
FIXTURE_VARIANT_ADD(stall, socket_full) { .kind = A_SOCKET, .call = CHECKPOINT };
FIXTURE_VARIANT_ADD(stall, file_written) { .kind = A_FILE, .call = CHECKPOINT };
FIXTURE_VARIANT_ADD(stall, pipe_empty) { .kind = A_PIPE, .call = RESTART_METADATA };
FIXTURE_VARIANT_ADD(stall, pipe_empty_in_contents) { .kind = A_PIPE, .call = RESTART_CONTENTS };
FIXTURE_VARIANT_ADD(stall, socket_empty) { .kind = A_SOCKET, .call = RESTART_CONTENTS };
FIXTURE_VARIANT_ADD(stall, file_read) { .kind = A_FILE, .call = RESTART_CONTENTS };

static void do_job(void *arg)
{
	struct job *job = arg;

	/* it is not to be the one that keeps it open */
	close(job->other_end);
	job->started = 1;
	job->err = job->restarts ? fail_restart(job->fd, &job->group, 0, &job->report) :
		   fail_checkpoint(&job->group, job->fd, 0, 0, &job->report);
	job->done = 1;
}

/* ---- Bringing it about ---- */

/* The image of the group, which is dead by then, and how much of it there will be. */
static bool take_image(FIXTURE_DATA(stall) *self, bool contents)
{
	int fd = fail_save(&self->group), rec;

	if (fd < 0 || fail_image_read(&self->image, fd))
		return false;
	close(fd);
	fail_group_clear(&self->group);
	rec = fail_image_find(&self->image, contents ? CKPT_REC_CONTENT : CKPT_REC_MM, 0);
	self->until = self->image.rec[rec].at + (contents ? 2 * CKPT_PAGE_SIZE + 100 : 100);
	return true;
}

/* Descriptor for the call; ends[0] is the other end, if there is one. */
static int make_stream(FIXTURE_DATA(stall) *self, const FIXTURE_VARIANT(stall) *variant)
{
	bool restarts = variant->call != CHECKPOINT;

	if (variant->kind == A_FILE) {
		memcpy(self->file.data, self->image.data, self->image.len);
		self->file.len = self->image.len;
		fail_file_plan(&self->file, restarts ? self->until : 5000, FAIL_FILE_UNREAD, 0);
		return fail_file_open(&self->file, O_RDWR);
	}
	if (variant->kind == A_PIPE) {
		if (pipe2(self->ends, O_CLOEXEC))
			return -1;
		/* the other end reads or writes, as the call does not */
		if (restarts) {
			int end = self->ends[0];

			self->ends[0] = self->ends[1];
			self->ends[1] = end;
		}
		fcntl(self->ends[1], F_SETPIPE_SZ, restarts ? 1 << 20 : 4096);
	} else {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, self->ends))
			return -1;
		if (!restarts)
			setsockopt(self->ends[1], SOL_SOCKET, SO_SNDBUF, &(int){ 1 }, sizeof(int));
	}
	if (restarts && write(self->ends[0], self->image.data, self->until) !=
			(ssize_t)self->until)
		return -1;
	return self->ends[1];
}

/* Does the helper wait for its stream? Not just for a moment. */
static bool is_stuck(void *arg)
{
	FIXTURE_DATA(stall) *self = arg;
	int i, queued;
	char state;

	for (i = 0; i < 5; i++) {
		state = fail_state(self->helper);
		if (!self->job->started || self->job->done || (state != 'S' && state != 'D'))
			return false;
		if (self->job->fd != self->ends[1]) {
			if (!self->file.stalls)
				return false;
		} else if (ioctl(self->ends[self->job->restarts], FIONREAD, &queued) ||
			   !queued != self->job->restarts) {
			return false;
		}
		fail_nap(4);
	}
	return true;
}

static bool stall(FIXTURE_DATA(stall) *self, const FIXTURE_VARIANT(stall) *variant)
{
	self->job->group = self->group;
	self->job->restarts = variant->call != CHECKPOINT;
	if (self->job->restarts && !take_image(self, variant->call == RESTART_CONTENTS))
		return false;
	self->job->fd = make_stream(self, variant);
	if (self->job->fd < 0)
		return false;
	self->job->other_end = self->ends[0];
	self->helper = fail_helper(do_job, self->job);
	return fail_poll(is_stuck, self, 60000);
}

FIXTURE_SETUP(stall)
{
	fail_become_reaper();
	ASSERT_EQ(0, fail_rich_files());
	ASSERT_EQ(0, fail_group_make(&self->group));
	ASSERT_EQ(0, fail_group_make(&self->other));
	ASSERT_EQ(0, fail_file_make(&self->file, 4 << 20));
	self->job = mmap(NULL, sizeof(*self->job), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->job);
	self->target = fail_start(&self->group, "grows", NULL);
	ASSERT_LT(0, self->target);
	ASSERT_TRUE(stall(self, variant));
}

static void kill_helper(FIXTURE_DATA(stall) *self)
{
	kill(self->helper, SIGKILL);
	fail_reap(self->helper);
	self->helper = 0;
}

FIXTURE_TEARDOWN(stall)
{
	fail_file_end(&self->file);
	if (self->helper)
		kill_helper(self);
	fail_group_end(&self->below);
	fail_group_end(&self->group);
	fail_group_end(&self->other);
	fail_image_free(&self->image);
	munmap(self->job, sizeof(*self->job));
}

/* ---- What is not kept waiting: a test that is comes to no end ---- */

/* Not every kernel has every file. */
static bool read_all(pid_t pid, const char *file)
{
	char path[64], buf[4096];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		;
	close(fd);
	return !n;
}

static bool list(pid_t pid, const char *directory)
{
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, directory);
	dir = opendir(path);
	while (dir && readdir(dir))
		;
	return dir && !closedir(dir);
}

/* Takes the lock of its memory for writing. */
static bool clear_references(pid_t pid)
{
	char path[64];
	int fd;
	bool done;

	snprintf(path, sizeof(path), "/proc/%d/clear_refs", pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	done = fd >= 0 && write(fd, "1", 1) == 1;
	close(fd);
	return done;
}

TEST_F(stall, keeps_nobody_from_looking_at_the_processes)
{
	static const char *const files[] = {
		"status", "stat", "maps", "smaps", "cmdline", "environ", "io", "limits", "wchan",
		"stack", "cgroup", "mountinfo", "timers", "syscall", "auxv", NULL
	};
	pid_t pids[2] = { self->helper, self->target };
	int i, file;

	if (variant->call == RESTART_METADATA)
		pids[1] = self->helper;
	for (i = 0; i < 2; i++) {
		for (file = 0; files[file]; file++) {
			EXPECT_TRUE(read_all(pids[i], files[file])) {
				TH_LOG("%s: %m", files[file]);
			}
		}
		EXPECT_TRUE(list(pids[i], "fd"));
		EXPECT_TRUE(list(pids[i], "task"));
		EXPECT_TRUE(list(pids[i], "ns"));
		EXPECT_TRUE(clear_references(pids[i]));
	}
	EXPECT_TRUE(is_stuck(self));
}

TEST_F(stall, keeps_nobody_from_making_processes_and_groups)
{
	pid_t pid;

	/* fork, exec, and mappings */
	pid = fail_start(&self->other, "plain", NULL);
	ASSERT_LT(0, pid);
	EXPECT_TRUE(fail_beats(pid));
	/* groups are frozen beside and made below */
	EXPECT_EQ(0, fail_group_write(&self->other, "cgroup.freeze", "1"));
	EXPECT_EQ(0, fail_group_write(&self->other, "cgroup.freeze", "0"));
	EXPECT_EQ(0, fail_group_below(&self->below, &self->group, "below"));
	EXPECT_TRUE(is_stuck(self));
}

TEST_F(stall, keeps_nobody_from_the_same_calls)
{
	pid_t pid = fail_start(&self->other, "plain", NULL);
	int fd = fail_save(&self->other);

	ASSERT_LT(0, pid);
	ASSERT_LT(0, fd);
	fail_group_write(&self->other, "cgroup.kill", "1");
	fail_reap(pid);
	EXPECT_EQ(0, fail_restart(fd, &self->other, 0, &self->report)) {
		TH_LOG("%s", self->report.log);
	}
	EXPECT_TRUE(fail_beats(self->report.pid));
	EXPECT_TRUE(is_stuck(self));
	close(fd);
}

/* ---- The way out ---- */

static bool is_gone(void *arg)
{
	FIXTURE_DATA(stall) *self = arg;

	return fail_image_is_gone(&self->image, &self->group);
}

TEST_F(stall, ends_when_the_caller_is_killed)
{
	kill_helper(self);
	if (variant->call == CHECKPOINT) {
		EXPECT_TRUE(fail_beats(self->target));
		EXPECT_EQ(0, fail_group_has(&self->group, "cgroup.freeze", "1"));
		EXPECT_LT(0, fail_save(&self->group));
		return;
	}
	EXPECT_TRUE(fail_poll(is_gone, self, 60000));
	EXPECT_EQ(0, fail_image_restart(&self->image, &self->group, 0, &self->report)) {
		TH_LOG("%s", self->report.log);
	}
	EXPECT_TRUE(fail_beats(self->report.pid));
}

static bool is_empty(void *group)
{
	return fail_group_empty(group);
}

static bool is_done(void *job)
{
	return ((struct job *)job)->done;
}

TEST_F(stall, does_not_keep_the_group_from_being_killed)
{
	EXPECT_EQ(0, fail_group_write(&self->group, "cgroup.kill", "1"));
	EXPECT_TRUE(fail_poll(is_empty, &self->group, 60000));
	EXPECT_TRUE(is_stuck(self));
	/* and the call ends when its other end goes, or goes on */
	fail_file_go_on(&self->file);
	close(self->ends[0]);
	EXPECT_TRUE(fail_poll(is_done, self->job, 60000));
	EXPECT_EQ(variant->call == RESTART_METADATA ? -EBADMSG :
		  variant->call == RESTART_CONTENTS ? self->job->err :
		  variant->kind == A_FILE ? -ESRCH : -EPIPE, self->job->err);
	EXPECT_NE(0, self->job->err);
}

/* ---- A server that took the request, and never answers ---- */

/*
 * FUSE waits for such an answer whatever comes, as write(2) would. What an
 * administrator can do is to kill the group, and to end the connection.
 */
FIXTURE(silent) {
	struct fail_group group;
	struct fail_file file;
	struct job *job;
	pid_t target, helper;
};

FIXTURE_SETUP(silent)
{
	fail_become_reaper();
	ASSERT_EQ(0, fail_rich_files());
	ASSERT_EQ(0, fail_group_make(&self->group));
	ASSERT_EQ(0, fail_file_make(&self->file, 4 << 20));
	self->job = mmap(NULL, sizeof(*self->job), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->job);
	self->target = fail_start(&self->group, "grows", NULL);
	ASSERT_LT(0, self->target);
	self->job->group = self->group;
	self->job->fd = fail_file_open(&self->file, O_RDWR);
	self->job->other_end = -1;
	ASSERT_LT(0, self->job->fd);
}

FIXTURE_TEARDOWN(silent)
{
	fail_file_end(&self->file);
	fail_reap(self->helper);
	fail_group_end(&self->group);
	munmap(self->job, sizeof(*self->job));
}

static bool is_silent(void *file)
{
	return ((struct fail_file *)file)->stalls;
}

TEST_F(silent, server_of_a_checkpoint_ends_with_its_connection)
{
	fail_file_plan(&self->file, 5000, FAIL_FILE_UNANSWERED, 0);
	self->helper = fail_helper(do_job, self->job);
	ASSERT_TRUE(fail_poll(is_silent, &self->file, 60000));
	EXPECT_EQ(0, fail_group_write(&self->group, "cgroup.kill", "1"));
	EXPECT_TRUE(fail_poll(is_empty, &self->group, 60000));
	EXPECT_EQ(0, fail_file_abort(&self->file));
	EXPECT_TRUE(fail_poll(is_done, self->job, 60000));
	EXPECT_EQ(-ECONNABORTED, self->job->err);
	EXPECT_NE(NULL, fail_logged(&self->job->report, "cannot write the image at offset 5000"));
}

TEST_F(silent, server_of_a_restart_ends_with_its_connection)
{
	struct fail_image image;
	int fd = fail_save(&self->group);

	ASSERT_LT(0, fd);
	ASSERT_EQ(0, fail_image_read(&image, fd));
	fail_group_clear(&self->group);
	memcpy(self->file.data, image.data, image.len);
	self->file.len = image.len;
	self->job->restarts = true;
	fail_file_plan(&self->file, image.len - 100, FAIL_FILE_UNANSWERED, 0);
	self->helper = fail_helper(do_job, self->job);
	ASSERT_TRUE(fail_poll(is_silent, &self->file, 60000));
	EXPECT_FALSE(fail_group_empty(&self->group));
	EXPECT_EQ(0, fail_file_abort(&self->file));
	EXPECT_TRUE(fail_poll(is_done, self->job, 60000));
	EXPECT_EQ(-ECONNABORTED, self->job->err);
	EXPECT_TRUE(fail_group_empty(&self->group));
	EXPECT_NE(NULL, fail_logged(&self->job->report, "cannot read the image at offset"));
	fail_image_free(&image);
}

/* ---- A server of a file that a new task has to read before it is whole ---- */

FIXTURE(locked) {
	struct fail_group group;
	struct fail_file file;
	struct fail_image image;
	struct job *job;
	pid_t target, helper;
};

/* The server gives one page more, and is not seen again. */
FIXTURE_SETUP(locked)
{
	fail_become_reaper();
	ASSERT_EQ(0, fail_group_make(&self->group));
	ASSERT_EQ(0, fail_file_make(&self->file, LOCKED));
	self->file.len = LOCKED;
	self->job = mmap(NULL, sizeof(*self->job), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->job);
	self->target = fail_start(&self->group, "locks", self->file.path);
	ASSERT_LT(0, self->target);
	self->job->fd = fail_save(&self->group);
	ASSERT_LT(0, self->job->fd);
	ASSERT_EQ(0, fail_image_read(&self->image, self->job->fd));
	fail_group_clear(&self->group);
	self->job->group = self->group;
	self->job->restarts = true;
	self->job->other_end = -1;
	lseek(self->job->fd, 0, SEEK_SET);
	fail_file_plan(&self->file, 4096, FAIL_FILE_UNREAD, 0);
	self->helper = fail_helper(do_job, self->job);
	ASSERT_TRUE(fail_poll(is_silent, &self->file, 20000));
	EXPECT_FALSE(self->job->done);
}

FIXTURE_TEARDOWN(locked)
{
	fail_file_end(&self->file);
	if (self->helper > 0) {
		kill(self->helper, SIGKILL);
		fail_reap(self->helper);
	}
	fail_group_end(&self->group);
	fail_image_free(&self->image);
	munmap(self->job, sizeof(*self->job));
}

static int oom_score_adj_of(pid_t pid)
{
	char path[64], text[16] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return -1;
	close(fd);
	return atoi(text);
}

/* It is made with the caller's memory, which is not to go for it, but has its own now. */
TEST_F(locked, pages_are_read_by_one_who_may_be_killed_for_its_memory)
{
	EXPECT_EQ(0, oom_score_adj_of(self->target));
}

static bool new_task_is_gone(void *arg)
{
	FIXTURE_DATA(locked) *self = arg;

	return fail_image_is_gone(&self->image, &self->group);
}

/* Both wait: the task for the server, the caller for the task. */
TEST_F(locked, pages_that_never_come_are_not_waited_for_when_the_caller_is_killed)
{
	EXPECT_EQ(0, kill(self->helper, SIGKILL));
	EXPECT_TRUE(fail_poll(new_task_is_gone, self, 20000));
}

TEST_HARNESS_MAIN
