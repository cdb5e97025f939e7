// SPDX-License-Identifier: GPL-2.0
/* The four callers, and a case tried by one of them, one way or another. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "equivalence.h"

#define FAT		(6U << 20)
#define NOT_TRIED	100	/* exit status of a caller */

/* ---- The process in the image ---- */

/* Written and read from outside, by /proc/PID/mem. */
struct page {
	volatile uint32_t go, told;
	char text[EQ_TEXT];
};

#define PAGE	((struct page *)0x100000100000UL)

static int wait_and_tell(const char *arg)
{
	void *page = mmap(PAGE, sizeof(*PAGE), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	int err = page == PAGE ? eq_things() : -ENOMEM;

	if (err)
		return -err;
	FAIL_PAGE->ready = 1;
	while (!PAGE->go)
		fail_nap(2);
	eq_tell(PAGE->text, sizeof(PAGE->text));
	PAGE->told = 1;
	for (;;)
		pause();
}

static int be_fat(const char *arg)
{
	char *memory = mmap(NULL, FAT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t at;

	if (memory == MAP_FAILED)
		return errno;
	for (at = 0; at < FAT; at += 4096)
		memory[at] = 1 + at / 4096;
	return wait_and_tell(arg);
}

const struct fail_target fail_targets[] = {
	{ "small", wait_and_tell },
	{ "fat", be_fat },
	{ }
};

/* ---- Setting up ---- */

int eq_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = eq_errno(write(fd, text, strlen(text)));
	close(fd);
	return err;
}

static int make_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644), err;

	if (fd < 0)
		return -errno;
	err = eq_errno(ftruncate(fd, 4096)) ?: eq_errno(fchmod(fd, 0644));
	close(fd);
	return err;
}

/* A child of the test in a group, born where its children will have their pids. */
static pid_t fork_into(struct eq *eq, const struct fail_group *group, int pid_ns)
{
	pid_t pid;

	if (setns(pid_ns, CLONE_NEWPID))
		return -1;
	pid = eq_clone(CLONE_INTO_CGROUP, 0, group->fd, SIGCHLD);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		return 0;
	}
	setns(eq->own_pid_ns, CLONE_NEWPID);
	return pid;
}

/* The user's namespaces: a process in each keeps them. */
static void anchor(int ready)
{
	if (setgroups(0, NULL) || setresgid(EQ_UID, EQ_UID, EQ_UID) ||
	    setresuid(EQ_UID, EQ_UID, EQ_UID) || unshare(CLONE_NEWUSER | CLONE_NEWPID))
		_exit(1);
	if (!fork()) {
		/* the orphans of the namespace are its */
		signal(SIGCHLD, SIG_IGN);
		if (write(ready, "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	for (;;)
		pause();
}

static int open_below(pid_t pid, const char *name, int flags)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return open(path, flags | O_CLOEXEC);
}

static int map_ids(pid_t pid, const char *name)
{
	static const char map[] = "0 1000 1\n1 100001 65535\n";
	int fd = open_below(pid, name, O_WRONLY), err = eq_errno(write(fd, map, strlen(map)));

	close(fd);
	return err;
}

static int make_namespaces(struct eq *eq)
{
	int ready[2];
	pid_t pid;
	char c;

	if (pipe2(ready, O_CLOEXEC))
		return -errno;
	pid = fork_into(eq, &eq->anchors, eq->own_pid_ns);
	if (!pid)
		anchor(ready[1]);
	close(ready[1]);
	if (pid < 0 || read(ready[0], &c, 1) != 1)
		return -ECHILD;
	close(ready[0]);
	eq->user_ns = open_below(pid, "ns/user", O_RDONLY);
	eq->pid_ns = open_below(pid, "ns/pid_for_children", O_RDONLY);
	if (eq->user_ns < 0 || eq->pid_ns < 0)
		return -errno;
	return map_ids(pid, "uid_map") ?: map_ids(pid, "gid_map");
}

static int take_image(struct eq *eq, const char *target, struct fail_image *image)
{
	int fd = fail_image_of(&eq->group, target, image);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int eq_setup(struct eq *eq)
{
	fail_become_reaper();
	memset(eq, 0, sizeof(*eq));
	eq->seen = mmap(NULL, sizeof(*eq->seen), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	eq->own_pid_ns = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	if (eq->seen == MAP_FAILED || eq->own_pid_ns < 0)
		return -errno;
	mkdir(EQ_DIR, 0755);
	chmod(EQ_DIR, 0755);
	return make_file(EQ_FILE) ?: make_file(EQ_MAPPED_FILE) ?:
	       fail_group_make(&eq->group) ?: fail_group_make(&eq->other) ?:
	       fail_group_make(&eq->anchors) ?: make_namespaces(eq) ?:
	       take_image(eq, "small", &eq->image);
}

void eq_teardown(struct eq *eq)
{
	fail_group_end(&eq->group);
	fail_group_end(&eq->other);
	fail_group_end(&eq->anchors);
	fail_image_free(&eq->image);
	fail_image_free(&eq->fat);
	fail_files_remove(EQ_DIR "/*");
	fail_files_remove(EQ_DIR "*");
}

/* ---- Becoming a caller ---- */

static int become_user(uint64_t caps)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ caps, caps, 0 }, { caps >> 32, caps >> 32, 0 },
	};
	gid_t group = EQ_GROUP;

	return eq_errno(setgroups(1, &group)) ?:
	       eq_errno(setresgid(EQ_UID, EQ_UID, EQ_UID)) ?:
	       eq_errno(prctl(PR_SET_KEEPCAPS, 1)) ?:
	       eq_errno(setresuid(EQ_UID, EQ_UID, EQ_UID)) ?:
	       eq_errno(syscall(SYS_capset, &head, data)) ?:
	       eq_errno(prctl(PR_SET_KEEPCAPS, 0));
}

static int become(struct eq *eq, unsigned int who)
{
	switch (who) {
	case EQ_ROOT:
		return eq_errno(setgroups(0, NULL));
	case EQ_NSROOT:
		return eq_errno(setns(eq->user_ns, CLONE_NEWUSER)) ?:
		       eq_errno(setresgid(0, 0, 0)) ?: eq_errno(setresuid(0, 0, 0)) ?:
		       eq_errno(setgroups(0, NULL));
	case EQ_CR:
		return become_user(1ULL << CAP_CHECKPOINT_RESTORE);
	default:
		return become_user(0);
	}
}

/* Errors here are the test's own: nothing was tried yet. */
static void step(eq_step *fn, const struct eq_case *c, const char *name)
{
	int err = fn ? fn(c) : 0;

	if (!err)
		return;
	fprintf(stderr, "# %s: cannot %s: %s\n", c->asks, name, strerror(-err));
	_exit(NOT_TRIED);
}

static struct eq *the_eq;
static unsigned int the_caller;

static int become_caller(const struct eq_case *c)
{
	return become(the_eq, the_caller);
}

static void be_caller(struct eq *eq, const struct eq_case *c, unsigned int who)
{
	the_eq = eq;
	the_caller = who;
	step(c->rig, c, "prepare");
	step(c->become ?: become_caller, c, "become the caller");
	prctl(PR_SET_DUMPABLE, 1);
	step(c->before, c, "prepare as the caller");
}

/* ---- By ordinary calls ---- */

int eq_ask_nothing(const struct eq_case *c)
{
	return 0;
}

int eq_rig_limit(const struct eq_case *c)
{
	return eq_errno(setrlimit(c->nr, &(struct rlimit){ c->had[0], c->had[1] }));
}

pid_t eq_clone(uint64_t flags, pid_t pid, int cgroup_fd, int exit_signal)
{
	struct clone_args args = {
		.flags		= flags,
		.exit_signal	= exit_signal,
		.set_tid	= pid ? (uintptr_t)&pid : 0,
		.set_tid_size	= pid ? 1 : 0,
		.cgroup		= cgroup_fd,
	};

	return syscall(SYS_clone3, &args, sizeof(args));
}

/* Of a new process: the child goes on with what is asked, its parent waits. */
int eq_child_asks(pid_t pid)
{
	int status;

	if (pid <= 0)
		return eq_errno(pid);
	waitpid(pid, &status, __WALL);
	if (WIFSIGNALED(status))
		return -EOWNERDEAD;
	_exit(0);
}

int eq_group_fd(const struct eq_case *c)
{
	return c->into == EQ_OWN ? the_eq->group.fd : the_eq->other.fd;
}

/* Have open and mapped what the process in the image has. */
static int have_things(void)
{
	int null = open("/dev/null", O_RDWR);

	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
		return -errno;
	close(null);
	return eq_things();
}

static void by_calls(struct eq *eq, const struct eq_case *c, eq_step *ask)
{
	struct eq_seen *seen = eq->seen;
	int err = have_things();

	if (err) {
		fprintf(stderr, "# %s: cannot open: %s\n", c->asks, strerror(-err));
		_exit(NOT_TRIED);
	}
	seen->err = ask(c);
	if (!seen->err) {
		/* what the harness and the test have open is not the caller's choice */
		syscall(SYS_close_range, 3, EQ_FD_PIPE - 1, 0);
		dup2(0, 2);
		eq_tell(seen->text, sizeof(seen->text));
	}
	seen->done = true;
	_exit(0);
}

static void by_asking(struct eq *eq, const struct eq_case *c)
{
	by_calls(eq, c, c->ask ?: eq_ask_cred);
}

static void by_lowering(struct eq *eq, const struct eq_case *c)
{
	by_calls(eq, c, c->lower ?: eq_ask_nothing);
}

/* ---- By an image ---- */

static void by_image(struct eq *eq, const struct eq_case *c, uint64_t flags)
{
	const struct fail_group *into = c->into == EQ_OWN ? &eq->group : &eq->other;
	struct eq_seen *seen = eq->seen;
	struct fail_image image;

	fail_image_copy(&image, c->fat ? &eq->fat : &eq->image);
	eq_make_own(&image);
	eq_edit(&image, c->edit);
	if (c->doctor)
		c->doctor(&image, c);
	fail_image_seal(&image);
	seen->err = fail_image_restart(&image, c->into ? into : NULL, flags | c->flags,
				       &seen->report);
	seen->left = seen->err && !kill(EQ_PID, 0);
	seen->done = true;
	if (!seen->err)
		waitpid(seen->report.pid, NULL, __WALL);
	_exit(0);
}

static void by_restart(struct eq *eq, const struct eq_case *c)
{
	by_image(eq, c, 0);
}

static void by_restart_with_clamp(struct eq *eq, const struct eq_case *c)
{
	by_image(eq, c, RESTART_CLAMP);
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = {};

	return waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid;
}

static pid_t child_of(pid_t pid)
{
	char name[64], text[32] = "";
	int fd;

	snprintf(name, sizeof(name), "task/%d/children", pid);
	fd = open_below(pid, name, O_RDONLY);
	if (read(fd, text, sizeof(text) - 1) < 0)
		*text = 0;
	close(fd);
	/* the last, if the caller has others */
	return strtol(text, NULL, 10);
}

/* Let the restarted process tell of itself, and end it. */
static void hear(struct eq *eq, pid_t caller)
{
	uint32_t go = 1, told = 0;
	pid_t pid = child_of(caller);
	int fd = open_below(pid, "mem", O_RDWR);

	if (fd < 0 || pwrite(fd, &go, sizeof(go), (off_t)&PAGE->go) != sizeof(go))
		fprintf(stderr, "# cannot write to process %d: %m\n", pid);
	else
		while (pread(fd, &told, sizeof(told), (off_t)&PAGE->told) == sizeof(told) &&
		       !told && !has_ended(caller))
			fail_nap(1);
	if (!told || pread(fd, eq->seen->text, EQ_TEXT, (off_t)&PAGE->text) != EQ_TEXT)
		*eq->seen->text = 0;
	close(fd);
	if (pid > 0)
		kill(pid, SIGKILL);
}

/* ---- Trying ---- */

static void (*const ways[])(struct eq *eq, const struct eq_case *c) = {
	[EQ_BY_CALLS]		= by_asking,
	[EQ_BY_LOWERING]	= by_lowering,
	[EQ_BY_RESTART]		= by_restart,
	[EQ_BY_CLAMPED_RESTART]	= by_restart_with_clamp,
};

int eq_try(struct eq *eq, const struct eq_case *c, unsigned int who, enum eq_way way)
{
	bool owns = !c->no_pid_ns && who & (EQ_NSROOT | EQ_USER);
	int status;
	pid_t pid;

	memset(eq->seen, 0, offsetof(struct eq_seen, report));
	*eq->seen->text = 0;
	*eq->seen->report.log = 0;
	pid = fork_into(eq, &eq->group, owns ? eq->pid_ns : eq->own_pid_ns);
	if (!pid) {
		be_caller(eq, c, who);
		ways[way](eq, c);
	}
	while (!eq->seen->done && !has_ended(pid))
		fail_nap(1);
	if (eq->seen->done && !eq->seen->err && way >= EQ_BY_RESTART)
		hear(eq, pid);
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_TRIED)
		return 1;
	return eq->seen->done ? eq->seen->err : -EOWNERDEAD;
}

/* An image of its own for what is about memory. */
int eq_take_fat_image(struct eq *eq)
{
	return eq->fat.nr ? 0 : take_image(eq, "fat", &eq->fat);
}
