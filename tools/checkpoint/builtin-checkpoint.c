// SPDX-License-Identifier: GPL-2.0
/*
 * ckpt checkpoint - save the programs of a cgroup into an image
 */
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "guardian.h"
#include "kernel.h"
#include "output.h"
#include "progress.h"
#include "sys.h"

/* The kernel's own, without --timeout. */
#define TIMEOUT_MS	10000

static const char usage[] =
"usage: ckpt checkpoint (-c CGROUP | -p PID) [-o FILE|-] [OPTION]...\n"
"\n"
"Saves all programs of a cgroup into an image. They run on afterwards.\n"
"\n"
"  -c, --cgroup CGROUP   the group: a name or a path\n"
"  -p, --pid PID         a process and its descendants\n"
"  -o, --output FILE     where the image goes; - is standard output, the default\n"
"  -k, --kill            kill the programs once the image is on disk and was tried\n"
"  -l, --leave-frozen    leave the programs frozen\n"
"  -f, --force           --kill though nobody confirms that the image arrived\n"
"      --no-verify       --kill without trying the image\n"
"      --cow             let the programs go on before their memory is written\n"
"      --strict          refuse files that are shared with other programs\n"
"  -t, --timeout SECONDS longest wait for the programs to freeze, 10 by default\n"
"  -v, --verbose         print all that the kernel has to say\n"
"  -h, --help            this text\n"
"\n"
"Exit status: 0 done, 1 refused, 2 usage, 3 failed, 5 no support in the kernel,\n"
"6 did not work this time.\n";

enum { OPT_STRICT = 256, OPT_COW, OPT_NO_VERIFY };

static const struct option options[] = {
	{ "cgroup",	  required_argument, NULL, 'c' },
	{ "pid",	  required_argument, NULL, 'p' },
	{ "output",	  required_argument, NULL, 'o' },
	{ "kill",	  no_argument,	     NULL, 'k' },
	{ "leave-frozen", no_argument,	     NULL, 'l' },
	{ "force",	  no_argument,	     NULL, 'f' },
	{ "no-verify",	  no_argument,	     NULL, OPT_NO_VERIFY },
	{ "cow",	  no_argument,	     NULL, OPT_COW },
	{ "strict",	  no_argument,	     NULL, OPT_STRICT },
	{ "timeout",	  required_argument, NULL, 't' },
	{ "verbose",	  no_argument,	     NULL, 'v' },
	{ "help",	  no_argument,	     NULL, 'h' },
	{ }
};

struct checkpoint {
	struct target target;
	const char *output;
	uint64_t timeout_ms;
	uint64_t flags;
	bool kill;
	bool leave_frozen;
	bool force;
	bool no_verify;
	bool verbose;

	struct output out;
	struct guardian guardian;
	struct pidset members;
	struct klog *log;
	struct klog *trial;
};

/* -1: go on; otherwise the exit status. */
static int parse(struct checkpoint *c, int argc, char **argv)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "c:p:o:klft:vh", options, NULL)) >= 0) {
		switch (opt) {
		case 'c':
			c->target.group = optarg;
			break;
		case 'p':
			if (!parse_pid(optarg, &c->target.pid))
				break;
			say("not a pid: %s", escape_str(optarg));
			return ST_USAGE;
		case 'o':
			c->output = optarg;
			break;
		case 'k':
			c->kill = true;
			break;
		case 'l':
			c->leave_frozen = true;
			break;
		case 'f':
			c->force = true;
			break;
		case OPT_NO_VERIFY:
			c->no_verify = true;
			break;
		case OPT_COW:
			c->flags |= CHECKPOINT_COW;
			break;
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
		say("unexpected argument: %s; see 'ckpt checkpoint --help'",
		    escape_str(argv[optind]));
		return ST_USAGE;
	}
	if (!c->target.group == !c->target.pid) {
		say("give either -c CGROUP or -p PID; see 'ckpt checkpoint --help'");
		return ST_USAGE;
	}
	if (c->kill && c->leave_frozen) {
		say("give either --kill or --leave-frozen, not both");
		return ST_USAGE;
	}
	if ((c->force || c->no_verify) && !c->kill) {
		say("%s is for --kill", c->force ? "--force" : "--no-verify");
		return ST_USAGE;
	}
	if (c->flags & CHECKPOINT_COW && (c->kill || c->leave_frozen)) {
		say("--cow is for programs that go on; not with --kill or --leave-frozen");
		return ST_USAGE;
	}
	return -1;
}

/* Is the image tried before the kill? */
static bool tries(const struct checkpoint *c)
{
	return c->kill && !c->no_verify && output_confirms(&c->out);
}

static int prepare_output(struct checkpoint *c)
{
	if (output_prepare(&c->out, c->output, true))
		return ST_FAILED;
	if (tries(c) && output_check_readable(&c->out))
		return ST_FAILED;
	if (!c->kill || c->force || output_confirms(&c->out))
		return ST_OK;
	say("will not --kill: nobody confirms that the image arrived; use a file, or --force");
	return ST_REFUSED;
}

/* What is left of the time to freeze is the kernel's. */
static int freeze(struct checkpoint *c)
{
	uint64_t limit = c->timeout_ms ?: TIMEOUT_MS, start = now_ms(), took;
	int status = guardian_freeze(&c->guardian);

	if (!status)
		status = members_note(&c->members, &c->target.cg, limit);
	took = now_ms() - start;
	c->timeout_ms = took < limit ? limit - took : 1;
	return status;
}

static int call(struct checkpoint *c)
{
	struct checkpoint_args args = {
		.flags = c->flags,
		.cgroup_fd = c->target.cg.dir,
		.image_fd = c->out.fd,
		.timeout_ms = c->timeout_ms,
		.log_buf = (uintptr_t)c->log->buf,
		.log_size = c->log->size,
		.result = (uintptr_t)&c->log->result,
		.result_size = sizeof(c->log->result),
	};
	struct progress progress;

	progress_start(&progress, "writing the image", c->out.fd, c->guardian.request, NULL);
	c->log->err = sys_checkpoint(&args) ? errno : 0;
	c->log->ms = now_ms() - progress.started;
	progress_stop(&progress);
	return c->log->err ? ST_FAILED : ST_OK;
}

/* What is to be all that is left of the programs is read once as a restart would. */
static int try_image(struct checkpoint *c)
{
	const struct ckpt_result *wrote = &c->log->result, *read = &c->trial->result;
	struct restart_args args = {
		.flags = RESTART_CHECK,
		.image_fd = output_reopen(&c->out, wrote->bytes),
		.log_buf = (uintptr_t)c->trial->buf,
		.log_size = c->trial->size,
		.result = (uintptr_t)read,
		.result_size = sizeof(*read),
	};
	struct progress progress;

	if (args.image_fd < 0)
		return ST_FAILED;
	progress_start(&progress, "trying the image", args.image_fd, c->guardian.request, NULL);
	c->trial->err = sys_restart(&args) ? errno : 0;
	progress_stop(&progress);
	close(args.image_fd);
	if (c->trial->err)
		return ST_FAILED;
	if (!memcmp(read->uuid, wrote->uuid, sizeof(read->uuid)) && read->bytes == wrote->bytes)
		return ST_OK;
	say("another image is where this one was written, so nothing is killed; use -o FILE");
	return ST_FAILED;
}

static int check_members(const struct checkpoint *c)
{
	if (!c->kill && !c->leave_frozen)
		return ST_OK;
	return members_check(&c->members, &c->target.cg);
}

/* The image is safe: now the programs may be let go, or killed. */
static int finish(struct checkpoint *c)
{
	int status = check_members(c);

	if (status)
		return status;
	if (c->kill) {
		status = guardian_kill(&c->guardian);
		if (!status)
			members_await_end(&c->members);
		return status;
	}
	if (!c->leave_frozen)
		return ST_OK;
	status = guardian_keep(&c->guardian);
	if (!status && (c->target.moved || c->verbose))
		say("frozen in %s; write 0 to its cgroup.freeze to go on",
		    escape_str(c->target.cg.path));
	return status;
}

static int save(struct checkpoint *c)
{
	bool runs_on = !c->kill && !c->leave_frozen;
	int status, undone = ST_OK;

	status = guardian_enter(&c->guardian, &c->target);
	if (!status && output_create(&c->out))
		status = ST_FAILED;
	if (!status && !runs_on)
		status = freeze(c);
	if (!status)
		status = call(c);
	/* programs that are to run on need not wait for the disk, nor it for them */
	if (!status && runs_on)
		undone = guardian_undo(&c->guardian);
	if (!status && output_sync(&c->out))
		status = ST_FAILED;
	if (!status && tries(c))
		status = try_image(c);
	/* before an older image is replaced, and once more before the kill */
	if (!status)
		status = check_members(c);
	if (!status && output_commit(&c->out))
		status = ST_FAILED;
	if (!status)
		status = finish(c);
	if (!status)
		return undone;
	guardian_undo(&c->guardian);
	output_abort(&c->out);
	return status;
}

/*
 * After all the rest: whoever reads this may take his time, and no program is
 * to stand still meanwhile.
 */
static int tell(const struct checkpoint *c, int status)
{
	if (c->log->err)
		return checkpoint_failed(c->log, c->verbose);
	klog_print(c->log, stderr, c->verbose ? KLOG_ALL : KLOG_WARN);
	if (c->trial->err) {
		klog_print(c->trial, stderr, c->verbose ? KLOG_ALL : KLOG_ALL & ~KLOG_INFO);
		say("the image failed when it was tried (%s), so nothing is killed; try again",
		    strerrorname_np(c->trial->err));
	} else if (c->verbose && !status) {
		print_summary(c->log, "checkpoint");
	}
	return status;
}

int builtin_checkpoint(int argc, char **argv)
{
	struct checkpoint c = {
		.target.cg = CGROUP_NONE,
		.output = "-",
	};
	int status;

	status = parse(&c, argc, argv);
	if (status >= 0)
		return status;
	if (c.target.group && cgroup_open(&c.target.cg, c.target.group))
		return ST_FAILED;
	status = prepare_output(&c);
	if (status)
		return status;
	c.log = klog_new(KLOG_SIZE);
	c.trial = klog_new(KLOG_SIZE);
	/* of a file that would be larger than it may be we want an error */
	signal(SIGXFSZ, SIG_IGN);
	status = guardian_start(&c.guardian, &c.target, c.out.dir, c.out.tmp);
	if (status)
		return status;
	status = save(&c);
	guardian_stop(&c.guardian);
	status = tell(&c, status);
	klog_free(c.trial);
	klog_free(c.log);
	return status;
}
