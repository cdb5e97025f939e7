// SPDX-License-Identifier: GPL-2.0
/* The test's side of a round trip: groups, the two calls, waiting. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cr_fault.h"

#define CGROUPS		"/sys/fs/cgroup"

long cr_sys_checkpoint(struct checkpoint_args *args, size_t size)
{
	return syscall(CR_NR_CHECKPOINT, args, size);
}

long cr_sys_restart(struct restart_args *args, size_t size)
{
	return syscall(CR_NR_RESTART, args, size);
}

void cr_nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 3000000 }, NULL);
}

static int complain(const char *what, int err)
{
	fprintf(stderr, "# %s: %s\n", what, strerror(-err));
	return err;
}

static void show_lines(const char *head, char *text)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n")))
		if (*line)
			fprintf(stderr, "#   %s: %s\n", head, line);
}

/* ---- Groups and directories ---- */

int cr_setup(struct cr *cr)
{
	static int nr;

	cr_fault_setup();
	memset(cr, 0, sizeof(*cr));
	cr->cgroup_fd = -1;
	if (cr_sys_checkpoint(NULL, 0) && errno == ENOSYS)
		return -ENOSYS;
	cr->log = calloc(1, CR_LOG_SIZE);
	if (!cr->log)
		return -ENOMEM;
	/* orphans come to us: their pids are free when we have waited for them */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	strcpy(cr->dir, "/tmp/cr-XXXXXX");
	if (!mkdtemp(cr->dir))
		return complain("mkdtemp", -errno);
	chmod(cr->dir, 0777);
	snprintf(cr->image, sizeof(cr->image), "%s.image", cr->dir);
	snprintf(cr->cgroup, sizeof(cr->cgroup), CGROUPS "/cr-%d-%d", getpid(), nr++);
	if (mkdir(cr->cgroup, 0755))
		return complain(cr->cgroup, -errno);
	cr->cgroup_fd = open(cr->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return cr->cgroup_fd < 0 ? complain(cr->cgroup, -errno) : 0;
}

static void remove_tree(const char *path)
{
	char child[512];
	struct dirent *entry;
	DIR *dir = opendir(path);

	while (dir && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
		if (unlink(child) && (errno == EISDIR || errno == EPERM))
			remove_tree(child);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

void cr_teardown(struct cr *cr)
{
	if (cr->cgroup_fd >= 0) {
		cr_kill(cr);
		while (rmdir(cr->cgroup) && errno == EBUSY)
			cr_nap();
		close(cr->cgroup_fd);
	}
	if (*cr->dir)
		remove_tree(cr->dir);
	unlink(cr->image);
	free(cr->log);
}

int cr_freeze(struct cr *cr, bool frozen)
{
	int fd = openat(cr->cgroup_fd, "cgroup.freeze", O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, frozen ? "1" : "0", 1) == 1;

	if (fd >= 0)
		close(fd);
	if (!done)
		return complain("cgroup.freeze", -EIO);
	cr_until(cr_has_event(cr, frozen ? "frozen 1" : "frozen 0"));
	return 0;
}

bool cr_has_event(struct cr *cr, const char *event)
{
	char path[160], text[160] = "";

	snprintf(path, sizeof(path), "%s/cgroup.events", cr->cgroup);
	cr_read_file(path, text, sizeof(text));
	return strstr(text, event);
}

/* ---- Starting ---- */

static void run_program(struct cr *cr, const char *program, const char *arg)
{
	static char *const env[] = { "CR_PROGRAM=1", "PATH=/bin:/sbin", NULL };
	char exe[256] = "";
	int fd, err;

	prctl(PR_SET_CHILD_SUBREAPER, 0);
	if (chdir(cr->dir) || readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
		_exit(120);
	fd = open("/dev/null", O_RDWR);
	err = dup2(fd, 0) | dup2(fd, 1) | dup2(fd, 2);
	if (err < 0 || close_range(3, ~0U, 0))
		_exit(121);
	execve(exe, (char *[]){ (char *)program, (char *)(arg ?: ""), NULL }, env);
	_exit(122);
}

int cr_start_clone(struct cr *cr, const char *program, const char *arg, __u64 clone_flags)
{
	struct clone_args args = {
		.flags		= CLONE_INTO_CGROUP | clone_flags,
		.exit_signal	= SIGCHLD,
		.cgroup		= cr->cgroup_fd,
	};
	pid_t pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid < 0)
		return complain("clone3", -errno);
	if (!pid)
		run_program(cr, program, arg);
	cr->exited = false;
	cr->pid = pid;
	cr->pids[0] = pid;
	cr->nr_roots = 1;
	return 0;
}

int cr_start(struct cr *cr, const char *program, const char *arg)
{
	return cr_start_clone(cr, program, arg, 0);
}

static void show_notes(struct cr *cr)
{
	char path[128], text[16384];
	ssize_t len;

	snprintf(path, sizeof(path), "%s/notes", cr->dir);
	len = cr_read_file(path, text, sizeof(text));
	if (len > 0)
		show_lines("program", text);
}

static bool has_ended(struct cr *cr)
{
	siginfo_t info = {};

	return cr->exited ||
	       waitid(P_PID, cr->pid, &info, WEXITED | WNOHANG | WNOWAIT) ||
	       info.si_pid;
}

int cr_wait_for(struct cr *cr, const char *file)
{
	char path[256];
	bool ended;

	snprintf(path, sizeof(path), "%s/%s", cr->dir, file);
	for (;;) {
		ended = has_ended(cr);
		if (!access(path, F_OK))
			return 0;
		if (ended)
			break;
		cr_nap();
	}
	show_notes(cr);
	return complain(file, -ECHILD);
}

static void path_of(struct cr *cr, char *path, size_t size, const char *kind)
{
	snprintf(path, size, "%s/%s", cr->dir, kind);
}

int cr_start_ready(struct cr *cr, const char *program, const char *arg)
{
	return cr_start(cr, program, arg) ?: cr_wait_for(cr, "ready");
}

/* ---- Checkpoint ---- */

static int finish(struct cr *cr, const char *call, int err)
{
	if (!err)
		return 0;
	fprintf(stderr, "# %s: %s at stage %u, %u blockers\n", call, strerror(-err),
		cr->result.stage, cr->result.blockers);
	show_lines("kernel", strdupa(cr->log));
	return err;
}

int cr_call_checkpoint(struct cr *cr, int fd)
{
	struct checkpoint_args args = {
		.flags		= cr->checkpoint_flags,
		.cgroup_fd	= cr->cgroup_fd,
		.image_fd	= fd,
		.log_buf	= (unsigned long)cr->log,
		.log_size	= CR_LOG_SIZE,
		.result		= (unsigned long)&cr->result,
		.result_size	= sizeof(cr->result),
	};

	*cr->log = 0;
	memset(&cr->result, 0, sizeof(cr->result));
	return cr_sys_checkpoint(&args, sizeof(args)) ? -errno : 0;
}

int cr_checkpoint_fd(struct cr *cr, int fd)
{
	return finish(cr, "checkpoint", cr_call_checkpoint(cr, fd));
}

int cr_checkpoint(struct cr *cr)
{
	int fd, err;

	if (getenv("CR_FAULT") && cr_fault_checkpoint(cr))
		return -EPROTO;
	fd = open(cr->image, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return complain(cr->image, -errno);
	err = cr_checkpoint_fd(cr, fd);
	close(fd);
	return err;
}

/* ---- Restart ---- */

int cr_call_restart(struct cr *cr, int fd)
{
	struct restart_args args = {
		.flags		= RESTART_INTO_CGROUP | cr->restart_flags,
		.image_fd	= fd,
		.cgroup_fd	= cr->cgroup_fd,
		.nr_inherit	= cr->nr_inherit,
		.inherit	= cr->nr_inherit ? (unsigned long)cr->inherit : 0,
		.pids		= (unsigned long)cr->pids,
		.nr_roots	= CR_ROOTS_MAX,
		.log_buf	= (unsigned long)cr->log,
		.log_size	= CR_LOG_SIZE,
		.result		= (unsigned long)&cr->result,
		.result_size	= sizeof(cr->result),
	};

	*cr->log = 0;
	memset(&cr->result, 0, sizeof(cr->result));
	if (cr_sys_restart(&args, sizeof(args)))
		return -errno;
	if (!(cr->restart_flags & RESTART_CHECK)) {
		cr->pid = cr->pids[0];
		cr->nr_roots = cr->result.roots;
		cr->exited = false;
	}
	return 0;
}

int cr_restart_fd(struct cr *cr, int fd)
{
	return finish(cr, "restart", cr_call_restart(cr, fd));
}

int cr_restart(struct cr *cr)
{
	int fd, err;

	if (getenv("CR_FAULT") && cr_fault_restart(cr))
		return -EPROTO;
	fd = open(cr->image, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return complain(cr->image, -errno);
	err = cr_restart_fd(cr, fd);
	close(fd);
	return err;
}

void cr_go(struct cr *cr)
{
	char path[128];

	path_of(cr, path, sizeof(path), "ready");
	unlink(path);
	path_of(cr, path, sizeof(path), "go");
	close(open(path, O_WRONLY | O_CREAT, 0666));
}

int cr_wait_exit(struct cr *cr)
{
	if (!cr->exited) {
		if (waitpid(cr->pid, &cr->status, 0) != cr->pid)
			return complain("waitpid", -errno);
		cr->exited = true;
	}
	show_notes(cr);
	if (WIFSIGNALED(cr->status))
		fprintf(stderr, "# the program died of signal %d\n", WTERMSIG(cr->status));
	else if (cr->status)
		fprintf(stderr, "# the program exited with %d\n", WEXITSTATUS(cr->status));
	return cr->status;
}
