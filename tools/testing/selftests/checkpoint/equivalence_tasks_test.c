// SPDX-License-Identifier: GPL-2.0
/* Pids, namespaces, groups, sessions, and signals to others. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "equivalence.h"

#define ROOTS	(EQ_ROOT | EQ_NSROOT)
#define USERS	(EQ_CR | EQ_USER)

EQ_FIXTURE(equivalence_tasks);

/* ---- Pids ---- */

static void put_pid(struct fail_image *image, pid_t pid)
{
	((struct ckpt_process *)eq_record(image, CKPT_REC_PROCESS))->tgid = pid;
	((struct ckpt_thread *)eq_record(image, CKPT_REC_THREAD))->tid = pid;
}

static int ask_pid(const struct eq_case *c)
{
	return eq_child_asks(eq_clone(0, c->nr, 0, SIGCHLD));
}

static void put_that_pid(struct fail_image *image, const struct eq_case *c)
{
	put_pid(image, c->nr);
}

/* A number that is free, below those that are given now. */
static pid_t below;

static int find_below(struct eq *eq)
{
	for (below = getpid() - 1; below > 1 && !kill(below, 0); below--)
		;
	errno = ESRCH;
	return below > 1 ? 0 : -ESRCH;
}

static int ask_below(const struct eq_case *c)
{
	return eq_child_asks(eq_clone(0, below, 0, SIGCHLD));
}

static void put_below(struct fail_image *image, const struct eq_case *c)
{
	put_pid(image, below);
}

#define PID(what, is, who, ...)						\
	{ .asks = what, .axis = "axis=pid", .may = who, .nr = is, .tells_pids = true, \
	  .ask = ask_pid, .doctor = put_that_pid, __VA_ARGS__ }

static const struct eq_case pids[] = {
	PID("a pid in a pid namespace of one's own", 21000, EQ_ALL),
	PID("a pid where others are", 21000, EQ_ROOT | EQ_CR, .no_pid_ns = true),
	{ .asks = "a pid below those given last", .axis = "axis=pid", .may = EQ_ROOT | EQ_CR,
	  .no_pid_ns = true, .tells_pids = true, .set = find_below, .ask = ask_below,
	  .doctor = put_below },
	{ .asks = "init's pid", .axis = "pid 1 is taken", .err = EEXIST, .nr = 1,
	  .ask = ask_pid, .doctor = put_that_pid },
	PID("init's pid where others are", 1, EQ_NOBODY, .no_pid_ns = true,
	    .only = EQ_NSROOT | EQ_USER),
	{ .asks = "a pid beyond pid_max", .axis = "cannot create pid", .err = EINVAL,
	  .nr = 4000000, .ask = ask_pid, .doctor = put_that_pid },
};

EQ_TABLE(equivalence_tasks, have_pids_by_the_rules_of_clone3, pids);

/* ---- Namespaces ---- */

static int ask_pid_ns(const struct eq_case *c)
{
	return eq_child_asks(eq_clone(CLONE_NEWPID, 0, 0, SIGCHLD));
}

static void put_pid_ns(struct fail_image *image, const struct eq_case *c)
{
	((struct ckpt_process *)eq_record(image, CKPT_REC_PROCESS))->flags |=
		CKPT_PROCESS_NEW_PIDNS;
	put_pid(image, 1);
}

static int ask_names(const struct eq_case *c)
{
	int err = eq_child_asks(eq_clone(CLONE_NEWUTS, 0, 0, SIGCHLD));

	return err ?: eq_errno(sethostname("elsewhere", 9)) ?: eq_errno(setdomainname("far", 3));
}

static int ask_own_names(const struct eq_case *c)
{
	return eq_errno(sethostname("elsewhere", 9));
}

static void put_names(struct fail_image *image, const struct eq_case *c)
{
	struct ckpt_header *header = eq_record(image, CKPT_REC_HEADER);
	int rec = fail_image_find(image, CKPT_REC_PROCESS, 0);
	struct ckpt_process *process = fail_image_data(image, rec);
	struct ckpt_uts_ns names = {
		.id = ++header->nr_objects, .nodename = "elsewhere", .domainname = "far",
	};

	process->uts_ns = names.id;
	eq_insert(image, rec, CKPT_REC_UTS_NS, sizeof(names), &names, sizeof(names));
}

static char old_limit[32];

static int no_more(const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, old_limit, sizeof(old_limit) - 1);

	close(fd);
	old_limit[n < 0 ? 0 : n] = 0;
	return n < 0 ? -errno : eq_put(path, "0");
}

#define MAX_PID_NS	"/proc/sys/user/max_pid_namespaces"
#define MAX_UTS_NS	"/proc/sys/user/max_uts_namespaces"

static int no_more_pid_ns(struct eq *eq)
{
	return no_more(MAX_PID_NS);
}

static void more_pid_ns(struct eq *eq)
{
	eq_put(MAX_PID_NS, old_limit);
}

static int no_more_uts_ns(struct eq *eq)
{
	return no_more(MAX_UTS_NS);
}

static void more_uts_ns(struct eq *eq)
{
	eq_put(MAX_UTS_NS, old_limit);
}

static const struct eq_case namespaces[] = {
	{ .asks = "a new pid namespace", .axis = "axis=pid", .may = ROOTS, .tells_pids = true,
	  .ask = ask_pid_ns, .doctor = put_pid_ns },
	{ .asks = "a pid namespace beyond max_pid_namespaces", .axis = "cannot create pid",
	  .err = ENOSPC, .only = ROOTS, .set = no_more_pid_ns, .unset = more_pid_ns,
	  .ask = ask_pid_ns, .doctor = put_pid_ns },
	{ .asks = "a new uts namespace with names", .axis = "or its namespace", .may = ROOTS,
	  .ask = ask_names, .doctor = put_names },
	{ .asks = "a uts namespace beyond max_uts_namespaces", .axis = "cannot create pid",
	  .err = ENOSPC, .only = ROOTS, .set = no_more_uts_ns, .unset = more_uts_ns,
	  .ask = ask_names, .doctor = put_names },
};

EQ_TABLE(equivalence_tasks, have_namespaces_of_their_own_with_cap_sys_admin, namespaces);

/* Root may name its own host; an image can not, for names come with a namespace. */
static const struct eq_case own_names[] = {
	{ .asks = "the caller's host name", .axis = "or its namespace", .only = EQ_NSROOT | USERS,
	  .ask = ask_own_names, .doctor = put_names, .no_pid_ns = true },
};

EQ_TABLE(equivalence_tasks, do_not_change_the_names_of_the_caller, own_names);

/* ---- Groups of tasks ---- */

static int ask_group(const struct eq_case *c)
{
	return eq_child_asks(eq_clone(CLONE_INTO_CGROUP, 0, eq_group_fd(c), SIGCHLD));
}

static int give_own(struct eq *eq)
{
	return eq_errno(fchownat(eq->group.fd, "cgroup.procs", EQ_UID, EQ_UID, 0));
}

static void take_own(struct eq *eq)
{
	fchownat(eq->group.fd, "cgroup.procs", 0, 0, 0);
}

static int give_other(struct eq *eq)
{
	return eq_errno(fchownat(eq->other.fd, "cgroup.procs", EQ_UID, EQ_UID, 0));
}

static void take_other(struct eq *eq)
{
	fchownat(eq->other.fd, "cgroup.procs", 0, 0, 0);
}

static int give_both(struct eq *eq)
{
	return eq_errno(chown("/sys/fs/cgroup/cgroup.procs", EQ_UID, EQ_UID)) ?: give_other(eq);
}

static void take_both(struct eq *eq)
{
	chown("/sys/fs/cgroup/cgroup.procs", 0, 0);
	take_other(eq);
}

static int ask_frozen(const struct eq_case *c)
{
	int fd = openat(eq_group_fd(c), "cgroup.freeze", O_WRONLY | O_CLOEXEC);

	close(fd);
	return eq_errno(fd);
}

#define GROUP(what, group, who, ...)					\
	{ .asks = what, .axis = "cannot create pid", .err = EACCES, .may = who, .into = group, \
	  .ask = ask_group, __VA_ARGS__ }

static const struct eq_case groups[] = {
	GROUP("another group", EQ_OTHER, EQ_ROOT),
	GROUP("another group, given to the user", EQ_OTHER, EQ_ROOT,
	      .set = give_other, .unset = take_other),
	GROUP("another group, given with the one above", EQ_OTHER, EQ_ALL,
	      .set = give_both, .unset = take_both),
	GROUP("the caller's own group", EQ_OWN, EQ_ROOT),
	GROUP("the caller's own group, given to the user", EQ_OWN, EQ_ALL,
	      .set = give_own, .unset = take_own),
	{ .asks = "to freeze a group", .axis = "cgroup.freeze", .only = EQ_NSROOT | USERS,
	  .into = EQ_OTHER, .flags = RESTART_FROZEN, .ask = ask_frozen },
};

EQ_TABLE(equivalence_tasks, go_where_clone_into_cgroup_goes, groups);

/* ---- Sessions and process groups ---- */

static pid_t neighbour;

/* Another process group of the caller's session. */
static int have_neighbour(const struct eq_case *c)
{
	int ready[2];
	char byte;

	if (pipe(ready))
		return -errno;
	neighbour = fork();
	if (!neighbour) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setpgid(0, 0);
		close(ready[0]);
		close(ready[1]);
		for (;;)
			pause();
	}
	close(ready[1]);
	byte = read(ready[0], &byte, 1);
	close(ready[0]);
	return neighbour < 0 ? -errno : 0;
}

static int ask_neighbours_group(const struct eq_case *c)
{
	return eq_errno(setpgid(0, neighbour));
}

static int ask_session(const struct eq_case *c)
{
	int err = eq_child_asks(eq_clone(0, 0, 0, SIGCHLD));

	return err ?: eq_errno(setsid());
}

static int ask_own_group(const struct eq_case *c)
{
	return eq_errno(setpgid(0, 0));
}

/* There is no call for it. */
static int ask_in_vain(const struct eq_case *c)
{
	return -EPERM;
}

static void put_session(struct fail_image *image, pid_t session, pid_t group)
{
	struct ckpt_process *process = eq_record(image, CKPT_REC_PROCESS);

	process->sid = session;
	process->pgid = group;
}

static void put_own_session(struct fail_image *image, const struct eq_case *c)
{
	put_session(image, EQ_PID, EQ_PID);
}

static void put_own_group(struct fail_image *image, const struct eq_case *c)
{
	put_session(image, 0, EQ_PID);
}

static void put_neighbours_group(struct fail_image *image, const struct eq_case *c)
{
	put_session(image, 0, neighbour);
}

static void put_inits_session(struct fail_image *image, const struct eq_case *c)
{
	put_session(image, 1, 1);
}

static const struct eq_case sessions[] = {
	{ .asks = "a session of its own", .axis = "", .may = EQ_ALL, .ask = ask_session,
	  .doctor = put_own_session },
	{ .asks = "a process group of its own", .axis = "", .may = EQ_ALL, .ask = ask_own_group,
	  .doctor = put_own_group },
	{ .asks = "somebody else's process group", .axis = "for a session or group",
	  .err = EEXIST, .may = EQ_ALL, .stricter = EQ_ALL,
	  .why = "numbers of groups are those of the new tasks, or the caller's",
	  .before = have_neighbour, .ask = ask_neighbours_group, .doctor = put_neighbours_group },
	{ .asks = "init's session", .axis = "for a session or group", .err = EEXIST,
	  .ask = ask_in_vain, .doctor = put_inits_session },
	{ .asks = "init's session where others are", .axis = "axis=pid", .no_pid_ns = true,
	  .only = EQ_NSROOT | EQ_USER, .ask = ask_in_vain, .doctor = put_inits_session },
};

EQ_TABLE(equivalence_tasks, have_sessions_of_their_own_only, sessions);

/* ---- Signals to others ---- */

static int ask_exit_signal(const struct eq_case *c)
{
	return eq_child_asks(eq_clone(0, 0, 0, c->nr));
}

static void put_exit_signal(struct fail_image *image, const struct eq_case *c)
{
	((struct ckpt_process *)eq_record(image, CKPT_REC_PROCESS))->exit_signal = c->nr;
}

#define EXIT(what, is, ...)						\
	{ .asks = what, .axis = "a root with exit signal", .err = EBADMSG, .may = EQ_ALL, \
	  .nr = is, .ask = ask_exit_signal, .doctor = put_exit_signal, __VA_ARGS__ }

static const struct eq_case exit_signals[] = {
	EXIT("to end without a signal", 0),
	EXIT("to end with SIGUSR1 to the caller", SIGUSR1, .stricter = EQ_ALL,
	     .why = "the caller agreed to be told of its children, by no other signal"),
	EXIT("to end with SIGKILL to the caller", SIGKILL, .stricter = EQ_ALL,
	     .why = "the caller agreed to be told of its children, by no other signal"),
};

EQ_TABLE(equivalence_tasks, tell_the_caller_of_their_end_by_sigchld_only, exit_signals);

TEST_HARNESS_MAIN
