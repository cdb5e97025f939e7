// SPDX-License-Identifier: GPL-2.0
/* Targets, groups and the calls of the tests of what fails. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/sched.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fail.h"

#define CGROUPS		"/sys/fs/cgroup"
#define READY_MS	30000

void fail_nap(int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

bool fail_poll(bool (*cond)(void *arg), void *arg, int ms)
{
	long end = now_ms() + ms;

	while (!cond(arg)) {
		if (now_ms() > end)
			return false;
		fail_nap(2);
	}
	return true;
}

/* ---- In the target ---- */

void fail_beat(void)
{
	for (;;) {
		FAIL_PAGE->beats++;
		fail_nap(2);
	}
}

/* Nothing of the test may be left in it: a descriptor would be shared. */
static void become_target(const char *name, const char *arg)
{
	const struct fail_target *target;
	int null;

	if (mmap(FAIL_PAGE, 4096, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != FAIL_PAGE)
		_exit(120);
	syscall(SYS_close_range, 3, ~0U, 0);
	null = open("/dev/null", O_RDWR);
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	close(null);
	for (target = fail_targets; target->name; target++) {
		if (strcmp(target->name, name))
			continue;
		FAIL_PAGE->error = target->prepare ? target->prepare(arg) : 0;
		FAIL_PAGE->ready = 1;
		fail_beat();
	}
	_exit(121);
}

/* Before all that the test harness does: it maps memory and reads arguments. */
static void __attribute__((constructor(101))) maybe_target(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "--target"))
		become_target(argv[2], argv[3]);
}

/* ---- Groups ---- */

static int group_open(struct fail_group *group)
{
	if (mkdir(group->path, 0755))
		return -errno;
	group->fd = open(group->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return group->fd < 0 ? -errno : 0;
}

int fail_group_make(struct fail_group *group)
{
	static int nr;

	snprintf(group->path, sizeof(group->path), CGROUPS "/fail-%d-%d", getpid(), nr++);
	return group_open(group);
}

int fail_group_below(struct fail_group *group, const struct fail_group *above,
		     const char *name)
{
	int n = snprintf(group->path, sizeof(group->path), "%s/%s", above->path, name);

	return n < (int)sizeof(group->path) ? group_open(group) : -ENAMETOOLONG;
}

int fail_group_write(const struct fail_group *group, const char *file, const char *text)
{
	int fd = openat(group->fd, file, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* Return: 1 if the file contains the text, 0 if not. */
int fail_group_has(const struct fail_group *group, const char *file, const char *text)
{
	int fd = openat(group->fd, file, O_RDONLY | O_CLOEXEC);
	char buf[4096];
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n < 0)
		return -errno;
	buf[n] = 0;
	return !!strstr(buf, text);
}

bool fail_group_empty(const struct fail_group *group)
{
	return fail_group_has(group, "cgroup.events", "populated 0") != 0;
}

static bool is_empty(void *group)
{
	return fail_group_empty(group);
}

/* Orphans of targets come to the test, so that none is overlooked. */
void fail_become_reaper(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static bool reaped_all(void *group)
{
	while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
		;
	return fail_group_empty(group) && fail_no_children();
}

/* Kill all that is in the group, and reap. Other children have a moment. */
void fail_group_clear(const struct fail_group *group)
{
	fail_group_write(group, "cgroup.kill", "1");
	fail_poll(is_empty, (void *)group, 5000);
	fail_poll(reaped_all, (void *)group, 300);
}

/* Files and empty directories that test and targets made. */
void fail_files_remove(const char *pattern)
{
	glob_t files;
	size_t i;

	if (glob(pattern, 0, NULL, &files))
		return;
	for (i = 0; i < files.gl_pathc; i++)
		remove(files.gl_pathv[i]);
	globfree(&files);
}

/* Who was outside of its group when that was killed is a child of the test now. */
void fail_children_end(void)
{
	FILE *f = fopen("/proc/thread-self/children", "re");
	int pid;

	while (f && fscanf(f, "%d", &pid) == 1)
		kill(pid, SIGKILL);
	if (f)
		fclose(f);
	while (waitpid(-1, NULL, __WALL) > 0)
		;
}

/* Of IPC, what a target leaves when it is killed: nothing else here has any. */
void fail_objects_remove(void)
{
	struct semid_ds sem;
	struct shmid_ds shm;
	struct msqid_ds msg;
	int i, id;

	for (i = 0; i < 16; i++) {
		id = semctl(i, 0, SEM_STAT, &sem);
		if (id >= 0)
			semctl(id, 0, IPC_RMID);
		id = shmctl(i, SHM_STAT, &shm);
		if (id >= 0)
			shmctl(id, IPC_RMID, NULL);
		id = msgctl(i, MSG_STAT, &msg);
		if (id >= 0)
			msgctl(id, IPC_RMID, NULL);
	}
	mq_unlink("/fail");
}

/* The same, and remove it. */
void fail_group_end(struct fail_group *group)
{
	int i;

	if (group->fd <= 0)
		return;
	fail_group_clear(group);
	close(group->fd);
	group->fd = -1;
	for (i = 0; i < 200 && rmdir(group->path) && errno == EBUSY; i++)
		fail_nap(5);
	fail_files_remove(FAIL_FILES "*");
}

/* ---- Starting and watching targets ---- */

pid_t fail_start_unready(const struct fail_group *group, const char *target,
			 const char *arg)
{
	struct clone_args args = {
		.flags		= group ? CLONE_INTO_CGROUP : 0,
		.exit_signal	= SIGCHLD,
		.cgroup		= group ? group->fd : 0,
	};
	sigset_t none;
	pid_t pid;

	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid)
		return pid < 0 ? -errno : pid;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execl("/proc/self/exe", "fail", "--target", target, arg ?: "", NULL);
	_exit(122);
}

int fail_look(pid_t pid, struct fail_page *page)
{
	char name[32];
	ssize_t n;
	int fd;

	snprintf(name, sizeof(name), "/proc/%d/mem", pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = pread(fd, page, sizeof(*page), (off_t)FAIL_PAGE);
	close(fd);
	return n == sizeof(*page) ? 0 : -EIO;
}

/* Return: 0, or the errno of its preparation, FAIL_SKIP. */
int fail_wait_ready(pid_t pid)
{
	long end = now_ms() + READY_MS;
	struct fail_page page;
	siginfo_t info;

	while (now_ms() < end) {
		if (!fail_look(pid, &page) && page.ready)
			return page.error;
		info.si_pid = 0;
		if (!waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid)
			return ECHILD;
		fail_nap(2);
	}
	return ETIMEDOUT;
}

/* Start a target in a group. Return: its pid when it is ready, or -errno. */
pid_t fail_start(const struct fail_group *group, const char *target, const char *arg)
{
	pid_t pid = fail_start_unready(group, target, arg);
	int err = pid > 0 ? fail_wait_ready(pid) : 0;

	if (!err)
		return pid;
	kill(pid, SIGKILL);
	fail_reap(pid);
	return -err;
}

/* Does it run? Heartbeats are waited for. */
bool fail_beats(pid_t pid)
{
	struct fail_page before, after;
	long end = now_ms() + 5000;

	if (fail_look(pid, &before))
		return false;
	do {
		fail_nap(3);
		if (fail_look(pid, &after))
			return false;
		if (after.beats >= before.beats + 2)
			return true;
	} while (now_ms() < end);
	return false;
}

/* Does it stand still? */
bool fail_is_still(pid_t pid)
{
	struct fail_page before, after;

	fail_nap(20);
	if (fail_look(pid, &before))
		return false;
	fail_nap(60);
	return !fail_look(pid, &after) && after.beats == before.beats;
}

void fail_reap(pid_t pid)
{
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
}

bool fail_is_gone(pid_t pid)
{
	return kill(pid, 0) && errno == ESRCH;
}

/* Its state as ps shows it, 0 if there is none. */
char fail_state(pid_t pid)
{
	char name[32], buf[512], *end;
	int fd, n;

	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	buf[n > 0 ? n : 0] = 0;
	end = strrchr(buf, ')');
	return end ? end[2] : 0;
}

bool fail_no_children(void)
{
	return waitpid(-1, NULL, WNOHANG | __WALL) < 0 && errno == ECHILD;
}

/* A child of the test, for calls that block or that are made by somebody else. */
pid_t fail_helper(void (*fn)(void *arg), void *arg)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fn(arg);
	_exit(0);
}

/* ---- The calls ---- */

int fail_checkpoint(const struct fail_group *group, int image_fd, uint64_t flags,
		    uint64_t timeout_ms, struct fail_report *report)
{
	struct checkpoint_args args = {
		.flags		= flags,
		.cgroup_fd	= group->fd,
		.image_fd	= image_fd,
		.timeout_ms	= timeout_ms,
		.log_buf	= (uintptr_t)report->log,
		.log_size	= sizeof(report->log),
		.result		= (uintptr_t)&report->result,
		.result_size	= sizeof(report->result),
	};

	memset(&report->result, 0, sizeof(report->result));
	report->log[0] = 0;
	return syscall(__NR_checkpoint, &args, sizeof(args)) < 0 ? -errno : 0;
}

/* Into a group, if there is one: then what is left behind is found. */
int fail_restart(int image_fd, const struct fail_group *into, uint64_t flags,
		 struct fail_report *report)
{
	struct restart_args args = {
		.flags		= flags | (into ? RESTART_INTO_CGROUP : 0),
		.image_fd	= image_fd,
		.cgroup_fd	= into ? into->fd : 0,
		.pids		= flags & RESTART_CHECK ? 0 : (uintptr_t)&report->pid,
		.nr_roots	= flags & RESTART_CHECK ? 0 : 1,
		.log_buf	= (uintptr_t)report->log,
		.log_size	= sizeof(report->log),
		.result		= (uintptr_t)&report->result,
		.result_size	= sizeof(report->result),
	};

	memset(&report->result, 0, sizeof(report->result));
	report->log[0] = 0;
	report->pid = 0;
	return syscall(__NR_restart, &args, sizeof(args)) < 0 ? -errno : 0;
}

/* Checkpoint a group to a new file. Return: a descriptor at its start, -errno. */
int fail_save(const struct fail_group *group)
{
	struct fail_report *report = malloc(sizeof(*report));
	int fd = memfd_create("image", MFD_CLOEXEC), err;

	err = fail_checkpoint(group, fd, 0, 0, report);
	if (err) {
		fprintf(stderr, "# checkpoint: %s\n%s", strerror(-err), report->log);
		close(fd);
		fd = err;
	} else {
		lseek(fd, 0, SEEK_SET);
	}
	free(report);
	return fd;
}

/* How many lines of the log say that something went wrong? */
int fail_errors_logged(const struct fail_report *report)
{
	const char *line = report->log;
	int nr = 0;

	while ((line = strstr(line, "level=error"))) {
		nr += line == report->log || line[-1] == '\n';
		line++;
	}
	return nr;
}

const char *fail_log_line(const struct fail_report *report, const char *const *words)
{
	const char *line = report->log, *end;
	static char one[8192];
	int i;

	for (; *line; line = end + 1) {
		end = strchrnul(line, '\n');
		snprintf(one, sizeof(one), "%.*s", (int)(end - line), line);
		for (i = 0; words[i] && strstr(one, words[i]); i++)
			;
		if (!words[i])
			return one;
		if (!*end)
			break;
	}
	return NULL;
}
