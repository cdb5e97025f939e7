// SPDX-License-Identifier: GPL-2.0
/*
 * ckpt restart - restart programs from an image
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel.h"
#include "output.h"
#include "progress.h"
#include "restart.h"
#include "supervise.h"
#include "sys.h"

static const char usage[] =
"usage: ckpt restart [-i FILE|-] [OPTION]...\n"
"\n"
"Restarts programs from an image, waits, and exits like the first of them.\n"
"\n"
"  -i, --input FILE      the image; - is standard input, the default\n"
"  -d, --detach          return as soon as they run\n"
"      --pidfile FILE    write the pid of the first one there\n"
"  -c, --cgroup NAME     group to restart them in, made if there is none\n"
"  -n, --new-pidns       in a pid namespace of their own\n"
"      --root DIR        where the paths of their files start\n"
"      --frozen          leave them frozen, in ckpt-PID without --cgroup\n"
"      --inherit KEY=FD  descriptor for an object that the image refers to\n"
"      --clamp           lower what the caller may not give, instead of failing\n"
"      --open-as-caller  open files with the caller's rights, not the programs'\n"
"      --strict-files    files must be the same by device and inode, too\n"
"      --check           say whether the image would be taken; restart nothing\n"
"  -v, --verbose         print all that the kernel has to say\n"
"  -h, --help            this text\n"
"\n"
"Exit status: the first program's, 128 + N when signal N killed it, 125 when\n"
"ckpt failed; with --detach or --check 0 or 125, or 128 + N when interrupted.\n";

enum {
	OPT_PIDFILE = 256,
	OPT_ROOT,
	OPT_FROZEN,
	OPT_INHERIT,
	OPT_CLAMP,
	OPT_OPEN_AS_CALLER,
	OPT_STRICT_FILES,
	OPT_CHECK,
};

static const struct option options[] = {
	{ "input",	    required_argument, NULL, 'i' },
	{ "detach",	    no_argument,       NULL, 'd' },
	{ "pidfile",	    required_argument, NULL, OPT_PIDFILE },
	{ "cgroup",	    required_argument, NULL, 'c' },
	{ "new-pidns",	    no_argument,       NULL, 'n' },
	{ "root",	    required_argument, NULL, OPT_ROOT },
	{ "frozen",	    no_argument,       NULL, OPT_FROZEN },
	{ "inherit",	    required_argument, NULL, OPT_INHERIT },
	{ "clamp",	    no_argument,       NULL, OPT_CLAMP },
	{ "open-as-caller", no_argument,       NULL, OPT_OPEN_AS_CALLER },
	{ "strict-files",   no_argument,       NULL, OPT_STRICT_FILES },
	{ "check",	    no_argument,       NULL, OPT_CHECK },
	{ "verbose",	    no_argument,       NULL, 'v' },
	{ "help",	    no_argument,       NULL, 'h' },
	{ }
};

struct restart {
	const char *input;
	const char *pidfile;
	const char *group;
	const char *root;
	bool detach;
	bool new_pidns;
	bool verbose;
	uint64_t flags;

	struct preview image;
	struct inherits inherits;
	struct cgroup cg;
	int root_fd;
	struct output pidfile_out;
	__s32 *pids;
	uint32_t nr_pids;
	struct klog *log;
	struct progress progress;
	pid_t printer;
	bool made_again;
};

/* -1: go on; otherwise the exit status. */
static int parse(struct restart *r, int argc, char **argv)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "i:dc:nvh", options, NULL)) >= 0) {
		switch (opt) {
		case 'i':
			r->input = optarg;
			break;
		case 'd':
			r->detach = true;
			break;
		case OPT_PIDFILE:
			r->pidfile = optarg;
			break;
		case 'c':
			r->group = optarg;
			break;
		case 'n':
			r->new_pidns = true;
			break;
		case OPT_ROOT:
			r->root = optarg;
			break;
		case OPT_FROZEN:
			r->flags |= RESTART_FROZEN;
			break;
		case OPT_INHERIT:
			if (inherit_parse(&r->inherits, optarg))
				return ST_SELF;
			break;
		case OPT_CLAMP:
			r->flags |= RESTART_CLAMP;
			break;
		case OPT_OPEN_AS_CALLER:
			r->flags |= RESTART_OPEN_AS_CALLER;
			break;
		case OPT_STRICT_FILES:
			r->flags |= RESTART_STRICT_FILES;
			break;
		case OPT_CHECK:
			r->flags |= RESTART_CHECK;
			break;
		case 'v':
			r->verbose = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return ST_OK;
		default:
			return ST_SELF;
		}
	}
	if (optind < argc) {
		say("unexpected argument: %s; see 'ckpt restart --help'",
		    escape_str(argv[optind]));
		return ST_SELF;
	}
	if (r->flags & RESTART_CHECK && (r->detach || r->pidfile || r->root)) {
		say("--check restarts nothing; not with --detach, --pidfile or --root");
		return ST_SELF;
	}
	return -1;
}

/* As long as any pid, so that there is room for it later. */
#define PIDFILE_ROOM	"----------\n"

static int prepare_pidfile(struct restart *r)
{
	if (output_prepare(&r->pidfile_out, r->pidfile, false) ||
	    output_create(&r->pidfile_out))
		return -1;
	if (!write_full(r->pidfile_out.fd, PIDFILE_ROOM, strlen(PIDFILE_ROOM)))
		return 0;
	say("cannot write %s: %s", escape_str(r->pidfile), strerror(errno));
	return -1;
}

/* Everything that can fail before restart(2) does so here. */
static int prepare(struct restart *r)
{
	bool check = r->flags & RESTART_CHECK;

	if (preview_image(&r->image, r->input, r->new_pidns) ||
	    inherit_resolve(&r->inherits, &r->image, !check))
		return -1;
	if (!check && pidset_has(&r->image.pids, getpid())) {
		say("pid %d of the image is ckpt's own; try again, or use --new-pidns", getpid());
		return -1;
	}
	/* restart(2) makes the namespace itself when the image has one */
	if (r->image.root_is_init)
		r->new_pidns = false;
	/* only the first one is of interest */
	r->nr_pids = 1;
	r->pids = xrealloc(NULL, r->nr_pids, sizeof(*r->pids));
	if (r->root) {
		r->root_fd = open(r->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (r->root_fd < 0) {
			say("cannot open directory %s: %s", escape_str(r->root), strerror(errno));
			return -1;
		}
		r->flags |= RESTART_ROOT;
	}
	if (r->pidfile && prepare_pidfile(r))
		return -1;
	if (r->group || (r->flags & RESTART_FROZEN)) {
		if (r->group ? cgroup_make(&r->cg, r->group) : cgroup_make_default(&r->cg))
			return -1;
		r->flags |= RESTART_INTO_CGROUP;
	}
	if ((r->new_pidns || r->image.root_is_init) && !have_cap(CAP_SYS_ADMIN))
		return enter_user_ns();
	return 0;
}

static int call(struct restart *r)
{
	struct restart_args args = {
		.flags = r->flags,
		.image_fd = r->image.fd,
		.cgroup_fd = r->flags & RESTART_INTO_CGROUP ? r->cg.dir : 0,
		.root_fd = r->flags & RESTART_ROOT ? r->root_fd : 0,
		.nr_inherit = r->inherits.nr,
		.inherit = (uintptr_t)r->inherits.v,
		.log_buf = (uintptr_t)r->log->buf,
		.log_size = r->log->size,
		.result = (uintptr_t)&r->log->result,
		.result_size = sizeof(r->log->result),
	};

	if (!(r->flags & RESTART_CHECK)) {
		args.pids = (uintptr_t)r->pids;
		args.nr_roots = r->nr_pids;
	}
	return sys_restart(&args) ? errno : 0;
}

static void print_success(const struct restart *r)
{
	klog_print(r->log, stderr, r->verbose ? KLOG_ALL : KLOG_WARN);
	if (r->verbose)
		print_summary(r->log, "restart");
	if (r->verbose && (r->flags & RESTART_FROZEN))
		say("frozen in %s; write 0 to its cgroup.freeze to go on",
		    escape_str(r->cg.path));
}

/*
 * By a child: whoever reads it may take his time, and the programs are not to
 * wait for that with their signals.
 */
static void print_start(struct restart *r)
{
	r->printer = fork();
	if (r->printer > 0)
		return;
	if (!r->printer)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	print_success(r);
	if (!r->printer)
		_exit(0);
}

/* From now on signals end us: nothing is left to be passed on. */
static void print_wait(const struct restart *r, struct supervisor *s)
{
	supervisor_unblock(s);
	if (r->printer > 0)
		waitpid(r->printer, NULL, 0);
}

static int write_pidfile(struct restart *r, pid_t pid)
{
	char text[16];
	int len;

	if (!r->pidfile)
		return 0;
	len = snprintf(text, sizeof(text), "%d\n", pid);
	if (pwrite(r->pidfile_out.fd, text, len, 0) != len ||
	    ftruncate(r->pidfile_out.fd, len)) {
		say("cannot write %s: %s", escape_str(r->pidfile), strerror(errno));
		return -1;
	}
	/* for everybody to read, unlike an image */
	fchmod(r->pidfile_out.fd, 0644);
	return output_commit(&r->pidfile_out);
}

static void let_go_of_stdio(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), fd;

	for (fd = 0; fd <= 2; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			close(fd);
}

/* They run: see to them until the first one ends. */
static int keep_on(struct restart *r, struct supervisor *s, int notes)
{
	close(r->image.fd);
	inherit_close(&r->inherits);
	if (r->pidfile_out.fd >= 0)
		close(r->pidfile_out.fd);
	s->child = r->pids[0];
	if (!r->detach) {
		s->notes_out = notes;
		return supervise(s);
	}
	if (!r->new_pidns)
		return ST_OK;
	/* when pid 1 ends, so does everybody in there; until then it keeps nothing busy */
	let_go_of_stdio();
	close_range(STDERR_FILENO + 1, ~0U, 0);
	if (chdir("/"))
		say("cannot change to /: %s", strerror(errno));
	s->tty = -1;
	return supervise(s);
}

/* Where the keeper has its parent in another pid namespace it sees no pid of it. */
static bool parent_is_gone(int notes)
{
	struct pollfd p = { .fd = notes };

	return poll(&p, 1, 0) > 0 && p.revents & POLLERR;
}

/*
 * The keeper: calls restart(2) and is the parent of the programs, as pid 1 of
 * their namespace if they have a new one.
 */
static int keep(struct restart *r, struct supervisor *s, int notes)
{
	struct note note = { .kind = NOTE_RUNNING };

	progress_drop(&r->progress);
	/* until they run, nothing may outlive our parent */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (parent_is_gone(notes))
		return ST_SELF;
	signal(SIGPIPE, SIG_IGN);
	r->log->err = call(r);
	if (r->log->err)
		return ST_SELF;
	/* before the note: a parent that detaches ends when it has it */
	prctl(PR_SET_PDEATHSIG, 0);
	note.pid = r->pids[0];
	if (write_full(notes, &note, sizeof(note)) || (r->flags & RESTART_CHECK))
		return ST_OK;
	return keep_on(r, s, notes);
}

/*
 * A keeper that is killed leaves behind what it had made, on its way out or
 * running: that comes to us, and is ended.
 */
static void end_all(const struct restart *r, const struct supervisor *s)
{
	struct pidset left = { 0 };
	bool ours = proc_is_ours();
	pid_t pid;
	size_t i;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	kill(s->child, SIGKILL);
	if (r->image.feeder)
		kill(r->image.feeder, SIGKILL);
	for (;;) {
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (pid < 0 && errno == ECHILD)
			break;
		if (ours && !proc_tree(getpid(), &left))
			for (i = 0; i < left.nr; i++)
				if (left.v[i] != getpid())
					kill(left.v[i], SIGKILL);
		sleep_ms(5);
	}
	pidset_free(&left);
}

static int follow(struct restart *r, struct supervisor *s, const struct note *note)
{
	int status;

	if (write_pidfile(r, r->new_pidns ? s->child : note->pid)) {
		end_all(r, s);
		return ST_SELF;
	}
	close(r->image.fd);
	inherit_close(&r->inherits);
	print_start(r);
	status = r->detach ? ST_OK : supervise(s);
	print_wait(r, s);
	return status;
}

/* The keeper ended without a note. */
static int failed(const struct restart *r, const struct supervisor *s)
{
	int status = 0;

	while (waitpid(s->child, &status, 0) < 0 && errno == EINTR)
		;
	if (r->log->err)
		return restart_failed(r->log, r->verbose);
	if (WIFSIGNALED(status))
		say("the process that calls restart(2) was killed by signal %d: %s",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	return ST_SELF;
}

/*
 * restart(2) puts off all signals but SIGKILL once it makes tasks. So it is
 * called by a child, which is killed when a signal comes before they run.
 */
static int start_keeper(struct restart *r, struct supervisor *s)
{
	int notes[2];

	if (pipe2(notes, O_CLOEXEC)) {
		say("cannot make a pipe: %s", strerror(errno));
		return -1;
	}
	/* should their pidfile fail, they are to come to us */
	if (r->detach)
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	progress_start(&r->progress, "restarting", r->image.fd, notes[1], &r->image.pids);
	s->child = clone_avoiding(r->new_pidns ? CLONE_NEWPID : 0, &r->image.pids);
	if (!s->child) {
		close(notes[0]);
		_exit(keep(r, s, notes[1]));
	}
	close(notes[1]);
	if (s->child < 0) {
		progress_stop(&r->progress);
		say("cannot start a process for them: %s; run as root", strerror(errno));
		return -1;
	}
	s->nested = true;
	s->notes_in = notes[0];
	return 0;
}

/*
 * The ckpt that ran the programs before removes their group when it has noticed
 * that they are dead: after we found it, perhaps.
 */
static bool make_group_again(struct restart *r)
{
	if (!r->group || r->made_again || r->log->result.stage != CKPT_STAGE_ARGS ||
	    !cgroup_is_removed(r->cg.dir))
		return false;
	r->made_again = true;
	cgroup_close(&r->cg);
	return !cgroup_make(&r->cg, r->group);
}

static int run_keeper(struct restart *r)
{
	struct supervisor s;
	struct note note;
	int sig;

	supervisor_init(&s);
	supervisor_find_tty(&s);
	supervisor_block(&s);
	do {
		if (start_keeper(r, &s))
			return ST_SELF;
		sig = supervisor_wait_note(&s, &note);
		progress_stop(&r->progress);
	} while (sig < 0 && r->log->err && make_group_again(r));
	r->log->ms = now_ms() - r->progress.started;
	if (sig > 0) {
		end_all(r, &s);
		say("interrupted; nothing is left of it");
		return 128 + sig;
	}
	if (!sig && !(r->flags & RESTART_CHECK))
		return follow(r, &s, &note);
	supervisor_unblock(&s);
	if (sig < 0)
		return failed(r, &s);
	print_success(r);
	return ST_OK;
}

int builtin_restart(int argc, char **argv)
{
	struct restart r = {
		.input = "-",
		.cg = CGROUP_NONE,
		.pidfile_out = { .fd = -1, .dir = -1 },
	};
	int status;

	status = parse(&r, argc, argv);
	if (status >= 0)
		return status;
	/* of clamps, not a line is to be lost */
	r.log = klog_new(r.flags & RESTART_CLAMP ? KLOG_MAX : KLOG_SIZE);
	if (prepare(&r))
		status = ST_SELF;
	else
		status = run_keeper(&r);
	output_abort(&r.pidfile_out);
	/* detached programs are in it */
	if (!r.detach || status != ST_OK)
		cgroup_remove_made(&r.cg);
	cgroup_close(&r.cg);
	klog_free(r.log);
	return status;
}
