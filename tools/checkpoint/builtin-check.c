// SPDX-License-Identifier: GPL-2.0
/*
 * ckpt check - say what keeps a cgroup from being saved
 */
#include <errno.h>
#include <getopt.h>
#include <unistd.h>

#include "guardian.h"
#include "kernel.h"
#include "sys.h"

static const char usage[] =
"usage: ckpt check (-c CGROUP | -p PID) [OPTION]...\n"
"\n"
"Lists everything that keeps the programs of a cgroup from being saved. They\n"
"run on; of running programs the answer is a snapshot.\n"
"\n"
"  -c, --cgroup CGROUP   the group: a name or a path\n"
"  -p, --pid PID         a process and its descendants\n"
"      --strict          files shared with other programs count, too\n"
"  -t, --timeout SECONDS longest wait for the programs to freeze, 10 by default\n"
"  -v, --verbose         print all that the kernel has to say\n"
"  -h, --help            this text\n"
"\n"
"Exit status: 0 nothing, 1 something, 2 usage, 3 failed, 5 no support in the\n"
"kernel, 6 did not work this time.\n";

enum { OPT_STRICT = 256 };

static const struct option options[] = {
	{ "cgroup",	required_argument, NULL, 'c' },
	{ "pid",	required_argument, NULL, 'p' },
	{ "strict",	no_argument,	   NULL, OPT_STRICT },
	{ "timeout",	required_argument, NULL, 't' },
	{ "verbose",	no_argument,	   NULL, 'v' },
	{ "help",	no_argument,	   NULL, 'h' },
	{ }
};

struct check {
	struct target target;
	uint64_t flags;
	uint64_t timeout_ms;
	bool verbose;
};

/* -1: go on; otherwise the exit status. */
static int parse(struct check *c, int argc, char **argv)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "c:p:t:vh", options, NULL)) >= 0) {
		switch (opt) {
		case 'c':
			c->target.group = optarg;
			break;
		case 'p':
			if (!parse_pid(optarg, &c->target.pid))
				break;
			say("not a pid: %s", escape_str(optarg));
			return ST_USAGE;
		case OPT_STRICT:
			c->flags |= CHECKPOINT_STRICT;
			break;
		case 't':
			if (!parse_seconds(optarg, &c->timeout_ms))
				break;
			say("not a number of seconds: %s", escape_str(optarg));
			return ST_USAGE;
		case 'v':
			c->verbose = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return ST_OK;
		default:
			return ST_USAGE;
		}
	}
	if (optind < argc) {
		say("unexpected argument: %s; see 'ckpt check --help'",
		    escape_str(argv[optind]));
		return ST_USAGE;
	}
	if (!c->target.group == !c->target.pid) {
		say("give either -c CGROUP or -p PID; see 'ckpt check --help'");
		return ST_USAGE;
	}
	return -1;
}

static void call(const struct check *c, struct klog *log)
{
	struct checkpoint_args args = {
		.flags = c->flags,
		.cgroup_fd = c->target.cg.dir,
		.timeout_ms = c->timeout_ms,
		.log_buf = (uintptr_t)log->buf,
		.log_size = log->size,
		.result = (uintptr_t)&log->result,
		.result_size = sizeof(log->result),
	};

	log->err = sys_checkpoint(&args) ? errno : 0;
}

/* Every blocker is wanted: once more if the log had no room for all. */
static struct klog *look(const struct check *c)
{
	struct klog *log = klog_new(KLOG_SIZE);

	call(c, log);
	if (klog_truncated(log)) {
		klog_free(log);
		log = klog_new(KLOG_MAX);
		call(c, log);
	}
	return log;
}

static int tell(const struct check *c, const struct klog *log)
{
	if (log->err && log->err != EAGAIN && log->err != EXDEV)
		return checkpoint_failed(log, c->verbose);
	klog_print(log, stdout, c->verbose ? KLOG_ALL : KLOG_ALL & ~KLOG_INFO);
	return log->err || log->result.blockers ? ST_REFUSED : ST_OK;
}

int builtin_check(int argc, char **argv)
{
	struct check c = {
		.target.cg = CGROUP_NONE,
		.flags = CHECKPOINT_CHECK,
	};
	struct guardian guardian;
	struct klog *log = NULL;
	int status, undone;

	status = parse(&c, argc, argv);
	if (status >= 0)
		return status;
	if (c.target.group && cgroup_open(&c.target.cg, c.target.group))
		return ST_FAILED;
	status = guardian_start(&guardian, &c.target, -1, NULL);
	if (status)
		return status;
	status = guardian_enter(&guardian, &c.target);
	if (!status)
		log = look(&c);
	/* whoever reads what is told next may take its time */
	undone = guardian_undo(&guardian);
	guardian_stop(&guardian);
	if (log) {
		status = tell(&c, log);
		klog_free(log);
	}
	return status ? status : undone;
}
