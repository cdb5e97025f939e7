// SPDX-License-Identifier: GPL-2.0
/*
 * ckpt run - run a program in a cgroup of its own
 */
#include <errno.h>
#include <getopt.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"
#include "supervise.h"
#include "sys.h"

static const char usage[] =
"usage: ckpt run [OPTION]... [--] COMMAND [ARGUMENT]...\n"
"\n"
"Runs a command in a cgroup of its own, so that it can be checkpointed.\n"
"\n"
"  -c, --cgroup NAME   the group, made if there is none; ckpt-PID by default\n"
"  -n, --new-pidns     run it as pid 1 of a pid namespace of its own\n"
"  -h, --help          this text\n"
"\n"
"Exit status: the command's, 128 + N when signal N killed it, 125 when ckpt\n"
"failed, 126 or 127 when the command could not be run or found.\n";

static const struct option options[] = {
	{ "cgroup",	required_argument, NULL, 'c' },
	{ "new-pidns",	no_argument,	   NULL, 'n' },
	{ "help",	no_argument,	   NULL, 'h' },
	{ }
};

struct run {
	const char *group;
	bool new_pidns;
	char **command;
};

/* -1: go on; otherwise the exit status. */
static int parse(struct run *r, int argc, char **argv)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "+c:nh", options, NULL)) >= 0) {
		switch (opt) {
		case 'c':
			r->group = optarg;
			break;
		case 'n':
			r->new_pidns = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return ST_OK;
		default:
			return ST_SELF;
		}
	}
	if (optind == argc) {
		say("give a command to run; see 'ckpt run --help'");
		return ST_SELF;
	}
	r->command = argv + optind;
	return -1;
}

static noreturn void run_child(const struct run *r)
{
	int err;

	execvp(r->command[0], r->command);
	err = errno;
	say("cannot run %s: %s", escape_str(r->command[0]), strerror(err));
	_exit(err == ENOENT ? ST_NOCMD : ST_NOEXEC);
}

static pid_t clone_child(const struct run *r, const struct cgroup *cg, struct supervisor *s)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP | (r->new_pidns ? CLONE_NEWPID : 0),
		.exit_signal = SIGCHLD,
		.cgroup = cg->dir,
	};
	pid_t pid = sys_clone3(&args);

	if (!pid) {
		supervisor_unblock(s);
		run_child(r);
	}
	if (pid > 0)
		return pid;
	switch (errno) {
	case EACCES:
		say("not permitted to start a process in %s; run as root, or in a group of yours",
		    escape_str(cg->path));
		break;
	case EBUSY:
		say("group %s is held, or has controllers for groups below it; use another",
		    escape_str(cg->path));
		break;
	default:
		say("cannot start a process in %s: %s", escape_str(cg->path), strerror(errno));
	}
	return -1;
}

static int run(const struct run *r, const struct cgroup *cg)
{
	struct supervisor s;

	if (r->new_pidns && !have_cap(CAP_SYS_ADMIN) && enter_user_ns())
		return ST_SELF;
	supervisor_init(&s);
	/* a shell takes the terminal for itself, and may die with it */
	supervisor_find_tty(&s);
	s.nested = true;
	supervisor_block(&s);
	s.child = clone_child(r, cg, &s);
	if (s.child < 0)
		return ST_SELF;
	return supervise(&s);
}

int builtin_run(int argc, char **argv)
{
	struct cgroup cg = CGROUP_NONE;
	struct run r = { 0 };
	int status;

	status = parse(&r, argc, argv);
	if (status >= 0)
		return status;
	if (r.group ? cgroup_make(&cg, r.group) : cgroup_make_default(&cg))
		return ST_SELF;
	status = run(&r, &cg);
	cgroup_remove_made(&cg);
	cgroup_close(&cg);
	return status;
}
